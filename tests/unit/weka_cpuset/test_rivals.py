"""Who else sets cpusets is named, once in a while, with what shows it."""

import pytest

from nri import messages
from tests.requests import create, handlers_of, start
from weka_cpuset.engine import Class
from weka_cpuset.rivals import FOREIGN_WINDOW_S, FOREIGN_WRITES, REPEAT_S, Rival, Rivals


class Clock:
    """A clock that stands still until it is told."""

    now_s = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


def test_kubelet_is_named_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """Its CPU manager repeats its updates every ten seconds; the warning does not."""
    clock = Clock()
    rivals = Rivals(clock)
    for _ in range(3):
        rivals.note_update("default/web/main", "0-3")
        clock.now_s += 10
    assert rivals.seen[Rival.KUBELET] == 3
    assert caplog.text.count("cpuManagerPolicy none") == 1
    clock.now_s += REPEAT_S
    rivals.note_update("default/web/main", "0-3")
    assert caplog.text.count("cpuManagerPolicy none") == 2


def test_plugin_that_is_asked_earlier_is_named() -> None:
    """Kubelet gives cpus to containers with whole cpus only; others have them from a plugin."""
    rivals = Rivals()
    rivals.note_creation("a", Class.SHARED, "0-3")
    rivals.note_creation("b", Class.INTEGER, "2")
    rivals.note_creation("c", Class.SHARED, "")
    rivals.note_update("c", "")
    assert rivals.seen == {Rival.KUBELET: 1, Rival.PLUGIN: 1, Rival.WRITER: 0}


def test_one_lost_update_is_no_rival_but_repeated_writes_are() -> None:
    """A runtime may lose an update now and then; a writer comes again and again."""
    clock = Clock()
    rivals = Rivals(clock)
    for number in range(3 * FOREIGN_WRITES):
        rivals.note_difference(f"after-a-restart-{number}")
    for _ in range(3 * FOREIGN_WRITES):
        rivals.note_difference("web")
        clock.now_s += FOREIGN_WINDOW_S
    assert rivals.seen[Rival.WRITER] == 0
    for _ in range(FOREIGN_WRITES):
        rivals.note_difference("web")
        clock.now_s += 10
    assert rivals.seen[Rival.WRITER] == 1


def test_requests_with_cpus_of_others_are_seen(caplog: pytest.LogCaptureFixture) -> None:
    """The handlers show what they are asked with; the agent's rules hold all the same."""
    handlers = handlers_of()
    request = create("web", 100)
    request.container.linux.resources.cpu.cpus = "0-1"
    assert len(start(handlers, request)) == 8
    handlers.update_container(
        messages.UpdateContainerRequest(
            pod=request.pod,
            container=request.container,
            linux_resources=messages.LinuxResources(cpu=messages.LinuxCPU(cpus="0-1")),
        )
    )
    assert handlers.rivals.seen[Rival.PLUGIN] == 1
    assert handlers.rivals.seen[Rival.KUBELET] == 1
    assert "default/web/main" in caplog.text
