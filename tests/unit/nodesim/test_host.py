"""What a simulated host tells of itself, for expectations, pictures and the checker."""

from collections.abc import Callable
from dataclasses import replace

from nodesim.actions import (
    Action,
    Apply,
    Break,
    Delete,
    Fault,
    FaultKind,
    Offline,
    RestartAgent,
    Scenario,
    Wait,
)
from nodesim.host import Host
from nodesim.kubelet import PodPhase
from nodesim.observer import Mishap
from nodesim.records import Phase
from nodesim.report import Entry
from nodesim.simulation import Simulation
from nodesim.workload import ContainerSpec, PodSpec, Resources
from weka_cpuset.engine import Class, CpuSet

ALL = CpuSet.parse("0-7")


def pod(name: str, cpu_m: int = 0, cores: str = "") -> PodSpec:
    """Return a pod of one container; with cpus it is Guaranteed."""
    resources = Resources(cpu_m, cpu_m, 1 << 20, 1 << 20) if cpu_m else Resources()
    annotations = {"weka.io/cores-ids": cores} if cores else {}
    return PodSpec(name, (ContainerSpec("c", resources),), annotations=annotations, grace_s=1.0)


SHORT = ContainerSpec("c", life_s=0.5)
PODS = Apply((pod("a", cores="1-2"), pod("i", 2000), pod("s")))


class Looker:
    """Looks at the host after the last action."""

    def __init__(self) -> None:
        self.look: Callable[[], None] = lambda: None

    def entry(self, entry: Entry) -> None:
        """Nothing of the timeline is needed."""

    def progress(self, done: int, total: int) -> None:
        """Look when the last action, which is a pause, begins."""
        if done == total:
            self.look()


def look_after(*actions: Action, at: Callable[[Host], None]) -> None:
    """Do some actions, look at the host, and come to a good end."""
    looker = Looker()
    run = Simulation(Scenario("laptop", (*actions, Wait(8.0)), tail_s=0.0), watch=looker)
    looker.look = lambda: at(run.host)
    report = run.run()
    assert report.violations == ()


def test_an_idle_host_is_all_pool() -> None:
    """Nobody is there, and nothing is promised."""

    def look(host: Host) -> None:
        assert host.pool == host.online == ALL
        assert host.occupants() == ()
        assert host.promised() == CpuSet.EMPTY
        assert host.phase("default/a") is PodPhase.GONE
        assert host.cpus_of("default/a/c") is None
        assert host.leaked() == []

    look_after(Wait(1.0), at=look)


def test_the_pool_is_what_owners_leave() -> None:
    """By what the kernel enforces."""

    def look(host: Host) -> None:
        annotated, integer, shared = (host.cpus_of(f"default/{name}/c") for name in "ais")
        assert annotated == CpuSet.parse("1-2")
        assert integer is not None
        assert len(integer) == 2
        assert shared == host.pool == ALL - CpuSet.parse("1-2") - integer
        kinds = {one.label: one.kind for one in host.occupants()}
        assert kinds == {
            "default/a/c": Class.ANNOTATED,
            "default/i/c": Class.INTEGER,
            "default/s/c": Class.SHARED,
        }

    look_after(PODS, Wait(1.0), at=look)


def test_what_is_there_counts_as_leaked_until_it_is_gone() -> None:
    """Records, cgroups, and what the ledger has."""

    def full(host: Host) -> None:
        left = host.leaked()
        for what, count in {"container": 6, "sandbox": 3, "cgroup": 3, "cpus": 1}.items():
            assert sum(one.startswith(what) for one in left) == count, what

    def empty(host: Host) -> None:
        assert host.leaked() == []

    look_after(PODS, Wait(1.0), at=full)
    look_after(PODS, Wait(1.0), Delete(("*",)), Wait(10.0), at=empty)


def test_an_owner_that_is_created_and_does_not_run_yet_is_promised_its_cpus() -> None:
    """Between its creation and its start nobody else may have them."""

    def look(host: Host) -> None:
        assert len(host.promised()) == 2
        assert host.cpus_of("default/i/c") is None

    look_after(Apply((pod("i", 2000), pod("s"))), Wait(0.13), at=look)


def test_an_owner_whose_update_was_lost_is_promised_its_cpus() -> None:
    """Nobody else can have them, though the kernel does not know yet whose they are."""

    def look(host: Host) -> None:
        before = host.cpus_of("default/i/c")
        assert before is not None
        assert not host.promised().isdisjoint(ALL - before)

    move = Apply((pod("a", cores="0-1"), pod("b", cores="4-5")))
    lose = Break(Fault(FaultKind.LOSE_UPDATE))
    look_after(Apply((pod("i", 2000),)), Wait(1.0), lose, move, Wait(1.0), at=look)


def test_the_last_cpu_stays() -> None:
    """A machine without any cpu is no machine."""

    def look(host: Host) -> None:
        assert host.online == ALL
        host.use(CpuSet.EMPTY)
        assert host.online == ALL

    look_after(Offline(ALL), at=look)


def test_an_agent_that_is_away_leaks_nothing() -> None:
    """Only what is there can be looked at."""

    def look(host: Host) -> None:
        assert host.agent.agent is None
        assert host.leaked() == []
        assert not host.at_work.is_set()

    look_after(RestartAgent(away_s=3.0), Wait(1.0), at=look)


def test_owner_stays_an_owner_while_the_agent_is_away() -> None:
    """Nobody has taken its cpus from it, so who runs on them is exposed."""

    def look(host: Host) -> None:
        assert not host.at_work.is_set()
        (owner,) = (one for one in host.runtime.containers if one.label == "default/i/c")
        assert not host.shares(owner.id)

    look_after(PODS, Wait(2.0), RestartAgent(3.0), Wait(1.0), at=look)


def test_a_resize_that_meets_an_end_breaks_no_rule() -> None:
    """The agent places nobody who has ended, though the runtime has not told of that yet."""
    found: list[int] = []

    def look(host: Host) -> None:
        ended = next(one for one in host.runtime.containers if one.phase is Phase.EXITED)
        host.mishap(ended, Mishap.LEFT_OUT)
        found.append(len(host.checker.violations))

    look_after(Apply((replace(pod("s"), containers=(SHORT,)),)), Wait(2.0), at=look)

    assert found == [0]
