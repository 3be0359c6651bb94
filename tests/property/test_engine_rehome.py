"""Hotplug: the rules hold on the cpus that are left, and nobody moves without need."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.machines import container, grid, ledger_of, pod, without
from tests.property.effort import EXAMPLES
from tests.property.kernel import Kernel
from weka_cpuset.engine import Class, CpuSet, Ledger, Phase, Settle, decide, rehome

MACHINE = grid(2, 1, 2, 4, 2)
LISTS = st.frozensets(st.sampled_from(list(MACHINE.online)), max_size=6).map(CpuSet.of)


@st.composite
def busy(draw: st.DrawFn) -> Ledger:
    """Draw a machine with room for everybody: 12 of 32 cpus are owned at most."""
    containers = []
    for number in range(draw(st.integers(1, 6))):
        name = f"c{number}"
        forbid = str(draw(LISTS)) if draw(st.booleans()) else ""
        annotations = {"forbid": forbid} if forbid else {}
        its_pod = pod(name, guaranteed=draw(st.booleans()), **annotations)
        containers.append((its_pod, container(name, draw(st.integers(0, 2)))))
    return ledger_of(MACHINE, *containers)


def _settled(ledger: Ledger) -> Ledger:
    for _ in range(3):
        ledger = decide(ledger, Settle()).ledger
    return ledger


@settings(max_examples=EXAMPLES, deadline=None)
@given(busy(), LISTS)
def test_integer_containers_keep_their_cpus_that_are_online(
    before: Ledger, offline: CpuSet
) -> None:
    """Only what went offline is replaced, and nobody loses its class."""
    rebuilt = rehome(before, without(MACHINE, offline))
    rebuilt.ledger.check()
    for one in before.holdings():
        now = rebuilt.ledger.holding(one.id)
        assert now is not None
        assert now.kind is one.kind
        if one.kind is Class.INTEGER and one.cpus is not None:
            assert one.cpus - offline <= rebuilt.ledger.cpus_of(one.id)
    moved = {move.container_id for move in rebuilt.moves}
    hit = {one for one in before.exclusive if not before.cpus_of(one).isdisjoint(offline)}
    assert moved == hit


@settings(max_examples=EXAMPLES, deadline=None)
@given(busy(), LISTS)
def test_updates_go_in_a_safe_order(before: Ledger, offline: CpuSet) -> None:
    """No two containers are on an owned cpu at any instant, whatever the kernel did."""
    kernel = Kernel(MACHINE.online)
    for one in before.holdings():
        kernel.create(one.id, before.told[one.id])
        kernel.processes[one.id].phase = Phase.RUNNING
    left = without(MACHINE, offline)
    ledger = rehome(before, left).ledger
    kernel.use(left.online)
    # With cgroup v1 these run on other cpus, or on fewer, until they are told.
    kernel.strangers = {
        one for one, process in kernel.processes.items() if process.kernel != process.record
    }
    for _ in range(2):
        decision = decide(ledger, Settle())
        ledger = decision.ledger
        kernel.apply(decision.updates, ledger)
    assert ledger.settled
    for name, process in kernel.processes.items():
        assert process.kernel == ledger.cpus_of(name)


@settings(max_examples=EXAMPLES, deadline=None)
@given(busy(), LISTS)
def test_cpus_that_come_back_at_once_are_told_again(before: Ledger, offline: CpuSet) -> None:
    """With cgroup v1 the kernel does not give them back by itself."""
    there = rehome(before, without(MACHINE, offline)).ledger
    back = rehome(there, MACHINE).ledger
    told = {update.container_id for update in decide(back, Settle()).updates}
    assert {one for one in before.told if not before.told[one].isdisjoint(offline)} <= told


@settings(max_examples=EXAMPLES, deadline=None)
@given(busy())
def test_the_same_machine_changes_nothing(before: Ledger) -> None:
    """A new reading of the same cpus moves and tells nobody."""
    rebuilt = rehome(before, MACHINE)
    assert rebuilt.moves == ()
    assert decide(rebuilt.ledger, Settle()).updates == ()
    assert _settled(rebuilt.ledger).exclusive.keys() == before.exclusive.keys()
