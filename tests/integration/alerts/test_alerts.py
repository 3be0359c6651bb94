"""Each alert fires when its cause happens, and none of them in a clean run."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Fault,
    FaultKind,
    Offline,
    Repeat,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
)
from nodesim.simulation import Simulation
from nri.services import PLUGIN_METHODS
from tests.integration.alerts.scrape import RULES, Scraped, fired, names_in_rules, rules
from tests.simulation.scenes import BIG, CROWD, SHARED, SMALL, apply, pod, whole
from weka_cpuset.background import Background
from weka_cpuset.enforced import Enforced
from weka_cpuset.engine import CpuSet
from weka_cpuset.metrics.table import TABLE

HOW_TO = RULES.parents[2] / "docs" / "how-to" / "alert-on-metrics.md"

QUIET = (*CROWD, *apply(pod("a", whole(3))), Wait(600))
"""A node at work for ten minutes, with shared containers and one owner."""

FULL = (*apply(pod("named", SHARED, cores="0-1")), *apply(pod("web", SHARED)), Wait(600))
"""A small node of which half is named, and the rest is the pool."""

(CREATE,) = (one for one in PLUGIN_METHODS if one.name == "CreateContainer")


def do_nothing(simulation: Simulation) -> None:
    """Leave the node alone."""
    del simulation


def answer_late(simulation: Simulation) -> None:
    """Let an answer take long, as when the process gets no cpu."""
    agent = simulation.host.agent.agent
    assert agent is not None
    agent.handlers.answered(CREATE, 0.5)


def write_foreign(simulation: Simulation) -> None:
    """Write all cpus to each cgroup, as another program that knows nothing of owners."""
    kernel = simulation.host.kernel
    for path in kernel.paths:
        kernel.set(path, kernel.online, CpuSet.EMPTY)


def hide_cgroups(simulation: Simulation) -> None:
    """Let no cgroup be read, as in a container that does not see the host's."""

    def read(path: str) -> Enforced:
        raise FileNotFoundError(path)

    simulation.host.kernel.read = read  # type: ignore[method-assign]  # the fault


def narrow(simulation: Simulation) -> None:
    """Let a parent cgroup allow but one cpu."""
    kernel = simulation.host.kernel

    def read(path: str) -> Enforced:
        cgroup = kernel.get(path)
        if cgroup is None:
            raise FileNotFoundError(path)
        return Enforced(cgroup.cpus, cgroup.mems, CpuSet.of([cgroup.cpus.lowest]))

    kernel.read = read  # type: ignore[method-assign]  # the fault


@dataclass(frozen=True)
class Cause:
    """What makes an alert fire.

    Attributes:
        alerts: Which ones, and no other.
        actions: What is done after ten quiet minutes.
        each: What is done every 5 s after ten quiet minutes.
        before: What is done before.
        machine: The machine.
    """

    alerts: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    each: Callable[[Simulation], None] = do_nothing
    before: tuple[Action, ...] = QUIET
    machine: str = BIG


CAUSES = {
    "the agent is away": Cause(("Down",), (RestartAgent(away_s=300),)),
    "the runtime is away": Cause(("Disconnected",), (RestartRuntime(away_s=240),)),
    "the runtime restarts all the time": Cause(
        ("Flapping",), (Repeat(8, (RestartRuntime(), Wait(30))),)
    ),
    "answers come late": Cause(("SlowAnswers",), each=answer_late),
    "another program writes cpusets": Cause(("Overlap", "Drift", "Rival"), each=write_foreign),
    "cgroups cannot be read": Cause(("Blind",), each=hide_cgroups),
    "cgroups cannot be written": Cause(
        ("Unsettled",),
        (Break(Fault(FaultKind.FAIL_WRITE, count=10_000)), Delete(("default/a",), grace_s=0)),
    ),
    "a parent cgroup is narrow": Cause(("Narrowed",), each=narrow),
    "cpus go offline under an owner": Cause(
        ("Unplaced",),
        (Offline(CpuSet.parse("1")),),
        before=(*apply(pod("web", SHARED)), *apply(pod("a", whole(3))), Wait(600)),
        machine=SMALL,
    ),
    "the pool goes offline": Cause(
        ("Starved", "Overlap"), (Offline(CpuSet.parse("2-3")),), before=FULL, machine=SMALL
    ),
    "a pod asks for too much": Cause(("Refused",), apply(pod("large", whole(200)))),
}


@pytest.mark.parametrize("cause", CAUSES.values(), ids=CAUSES)
def test_alert_fires_when_its_cause_happens(cause: Cause, tmp_path: Path) -> None:
    """This alert, and no other."""
    scraped = Scraped(each=cause.each)
    scraped.play(Scenario(cause.machine, (*cause.before, *cause.actions, Wait(900))))
    assert {f"WekaCpuset{one}" for one in cause.alerts} == fired(scraped, tmp_path)


def test_alert_fires_when_a_queue_overflows(tmp_path: Path) -> None:
    """As when the disk hangs to which the log is written."""
    free = threading.Event()
    hanging: Background[str] = Background("hanging", lambda _: free.wait(), capacity=1)
    hanging.open()

    def put(simulation: Simulation) -> None:
        del simulation
        hanging.put("line")

    scraped = Scraped(queues={"log": hanging}, each=put)
    scraped.play(Scenario(BIG, (*QUIET, Wait(300))))
    free.set()
    hanging.close(10.0)
    assert {"WekaCpusetQueueLost"} == fired(scraped, tmp_path)


def test_no_alert_fires_in_a_clean_run(tmp_path: Path) -> None:
    """Owners, named cpus and shared pods come and go, and agent and runtime restart."""
    owners = tuple(pod(f"own-{number}", whole(1 + number)) for number in range(3))
    busy = (
        Apply(owners),
        Wait(20),
        Apply((pod("named", SHARED, cores="8-9"),)),
        Wait(20),
        Delete(("*",), grace_s=0),
        Wait(20),
        Apply(tuple(pod(f"web-{number}", SHARED) for number in range(6))),
        Wait(20),
        Delete(("*",), grace_s=0),
        Wait(20),
    )
    restarts = (RestartAgent(), Wait(600), RestartRuntime(), Wait(600))
    scraped = Scraped()
    scraped.play(Scenario(BIG, (Wait(60), Repeat(30, busy), *restarts, Repeat(5, busy))))
    assert scraped.scrapes > 200
    assert set() == fired(scraped, tmp_path)


def test_every_alert_has_a_cause_here() -> None:
    caused = {f"WekaCpuset{alert}" for cause in CAUSES.values() for alert in cause.alerts}
    assert {str(rule["alert"]) for rule in rules()} == caused | {"WekaCpusetQueueLost"}


def test_rules_look_at_metrics_that_there_are() -> None:
    assert names_in_rules() - {"up"} <= {one.name for one in TABLE}


def test_every_alert_has_a_section_that_says_what_to_do() -> None:
    """The runbook's link leads to it."""
    headings = re.findall(r"^## (\w+)$", HOW_TO.read_text(), re.MULTILINE)
    assert [str(rule["alert"]) for rule in rules()] == headings
    for rule in rules():
        annotations = rule["annotations"]
        assert isinstance(annotations, dict)
        link = f"docs/how-to/alert-on-metrics.md#{str(rule['alert']).lower()}"
        assert link == annotations["runbook"]
