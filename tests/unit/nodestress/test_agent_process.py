"""The agent as a process: found, told from its successor, and its log read."""

from pathlib import Path

import pytest

from nodesim.plan import WrongOptions
from nodestress.agent_process import AgentProcess
from nodestress.node import AgentState
from tests.unit.weka_cpuset.check import trees

STAT = "{pid} (a b) c) {state} 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {began} 0"


def write_agent(proc: Path, pid: int, began: int = 100, state: str = "S") -> None:
    """Write an agent's process as procfs has it."""
    trees.write(
        proc,
        {
            f"{pid}/cmdline": "/usr/bin/weka-cpuset\0run\0",
            f"{pid}/stat": STAT.format(pid=pid, state=state, began=began),
        },
    )


def test_the_only_agent_is_found_and_told_from_its_successor(tmp_path: Path) -> None:
    """Process ids are used again; the time at which a process began is not."""
    write_agent(tmp_path, 7)
    agent = AgentProcess(None, None, tmp_path)
    first = agent.state()
    write_agent(tmp_path, 7, began=200)

    assert first == AgentState("7 100")
    assert agent.state() == AgentState("7 200")


def test_an_agent_that_has_ended_is_missing(tmp_path: Path) -> None:
    """A zombie is at work no more, whether its parent has noticed or not."""
    write_agent(tmp_path, 7)
    agent = AgentProcess(7, None, tmp_path)
    write_agent(tmp_path, 7, state="Z")

    assert agent.state() == AgentState("")


@pytest.mark.parametrize("pids", [(), (7, 8)])
def test_which_agent_is_asked_where_it_is_not_plain(tmp_path: Path, pids: tuple[int, ...]) -> None:
    """None, or two of them: the option is named."""
    write_agent(tmp_path, 1)
    (tmp_path / "1/cmdline").write_text("init\0")
    for pid in pids:
        write_agent(tmp_path, pid)

    with pytest.raises(WrongOptions, match="--agent-pid"):
        AgentProcess(None, None, tmp_path)


def test_the_log_is_where_standard_error_goes(tmp_path: Path) -> None:
    """Only what was written since the test began is read."""
    write_agent(tmp_path, 7)
    log = tmp_path / "agent.log"
    log.write_text("before\n")
    (tmp_path / "7/fd").mkdir()
    (tmp_path / "7/fd/2").symlink_to(log)
    agent = AgentProcess(None, None, tmp_path)
    with log.open("a") as stream:
        stream.write("since\n")

    assert agent.log() == ("since",)


def test_a_log_that_cannot_be_found_is_no_log(tmp_path: Path) -> None:
    """The criteria that need it will say so; the test goes on."""
    write_agent(tmp_path, 7)

    assert AgentProcess(None, None, tmp_path).log() is None


def test_a_log_that_is_named_must_be_there(tmp_path: Path) -> None:
    """A typing error is told before any pod is made."""
    write_agent(tmp_path, 7)

    with pytest.raises(WrongOptions, match="--agent-log"):
        AgentProcess(7, tmp_path / "none", tmp_path)
