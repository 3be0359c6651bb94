"""Giving containers the whole machine back."""

from collections.abc import Mapping

import pytest

from nodesim.machines import grid
from nri import Event, messages
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet
from weka_cpuset.release.releaser import Narrow, Releaser, wait_until_wide

MACHINE = grid("2x4-smt2", packages=2, cores=4, threads=2)
STATES = messages.ContainerState


def container(
    name: str,
    cpus: str = "",
    mems: str = "",
    state: messages.ContainerState = STATES.CONTAINER_RUNNING,
) -> messages.Container:
    """A container as the runtime reports it."""
    cpu = messages.LinuxCPU(cpus=cpus, mems=mems)
    linux = messages.LinuxContainer(
        resources=messages.LinuxResources(cpu=cpu), cgroups_path=f"/kubepods/{name}"
    )
    return messages.Container(id=name, pod_sandbox_id="pod", name="main", state=state, linux=linux)


POD = messages.PodSandbox(id="pod", namespace="default", name="storage")
REPORT = [
    container("integer", "0-1"),
    container("annotated", "4", "0"),
    container("created", "2", state=STATES.CONTAINER_CREATED),
    container("nodes only", "0-15", "1"),
    container("strange", "not a list"),
    container("untouched"),
    container("whole", "0-15", "0-1"),
    container("stopped", "3", state=STATES.CONTAINER_STOPPED),
]
NARROW = {"integer", "annotated", "created", "nodes only", "strange"}


def test_live_containers_with_a_cpuset_get_the_machine() -> None:
    """One update each, with explicit lists; nothing for those that may run everywhere."""
    releaser = Releaser(MACHINE.topology(), Kernel({}), write=True)

    updates = releaser.synchronize([POD], REPORT)

    assert {update.container_id for update in updates} == NARROW
    assert {one.id for one in releaser.narrow} == NARROW
    assert {one.name for one in releaser.narrow} == {"default/storage/main"}
    for update in updates:
        cpu = update.linux.resources.cpu
        assert (cpu.cpus, cpu.mems) == ("0-15", "0-1")
        assert update.ignore_failure


def test_container_that_only_the_kernel_holds_is_freed_too() -> None:
    """The agent had settled it by its cgroup; the runtime knew nothing of that."""
    kernel = Kernel({"/kubepods/untouched": ["0-3"], "/kubepods/whole": ["?"]})
    releaser = Releaser(MACHINE.topology(), kernel, write=True)

    updates = releaser.synchronize([POD], REPORT)

    assert {update.container_id for update in updates} == NARROW | {"untouched"}
    assert [one.cpus for one in releaser.narrow if one.id == "untouched"] == ["0-3"]


def test_without_write_they_are_only_found() -> None:
    """The runtime is told nothing."""
    releaser = Releaser(MACHINE.topology(), Kernel({}), write=False)

    assert list(releaser.synchronize([POD], REPORT)) == []
    assert {one.id for one in releaser.narrow} == NARROW


def test_events_change_nothing() -> None:
    """What happens meanwhile goes on as if nobody were connected."""
    releaser = Releaser(MACHINE.topology(), Kernel({}), write=True)

    assert releaser.configure(messages.ConfigureRequest()) != 0
    created = releaser.create_container(messages.CreateContainerRequest())
    updated = releaser.update_container(messages.UpdateContainerRequest())
    stopped = releaser.stop_container(messages.StopContainerRequest())
    releaser.state_change(Event.REMOVE_POD_SANDBOX, POD, None)
    releaser.shutdown()

    assert not created.HasField("adjust")
    assert not list(created.update) + list(updated.update) + list(stopped.update)


class Kernel:
    """Cpusets that the runtime changes between two looks.

    Args:
        looks: What each cgroup has at each look; the last stays. None: it is gone.
    """

    def __init__(self, looks: Mapping[str, list[str | None]]) -> None:
        self._looks = {path: list(values) for path, values in looks.items()}

    def read(self, path: str) -> Enforced:
        """Return what the next look finds."""
        values = self._looks.get(path, [None])
        value = values.pop(0) if len(values) > 1 else values[0]
        if value is None:
            raise FileNotFoundError(path)
        if value == "?":
            raise PermissionError(path)
        cpus = CpuSet.parse(value) if value else CpuSet.EMPTY
        return Enforced(cpus, CpuSet.EMPTY, None)

    def write(self, path: str, cpus: CpuSet, mems: CpuSet) -> None:
        """Nobody writes."""
        raise AssertionError(path, cpus, mems)

    def is_dead(self, path: str) -> bool:
        """Nobody asks."""
        raise AssertionError(path)


def narrow(*paths: str) -> list[Narrow]:
    """Containers by their cgroup paths."""
    return [Narrow(path, path, path, "0") for path in paths]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_wait_ends_when_the_kernel_has_it() -> None:
    """Widened, emptied (which is its parent's) and gone are all right."""
    kernel = Kernel({"/a": ["0", "0", "0-15"], "/b": ["0", ""], "/c": ["0", None]})

    assert await wait_until_wide(narrow("/a", "/b", "/c"), kernel, MACHINE.online, 30.0) == ()


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_wait_names_those_that_are_still_held() -> None:
    """What is not widened, or cannot be read, is not taken for done."""
    kernel = Kernel({"/a": ["0-14"], "/b": ["0-15"], "/c": ["?"]})

    left = await wait_until_wide(narrow("/a", "/b", "/c"), kernel, MACHINE.online, 30.0)

    assert [one.id for one in left] == ["/a", "/c"]
