"""Rebuild: independent of the order, and at rest once it is through."""

from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.machines import container, grid, pod
from tests.property.effort import EXAMPLES
from weka_cpuset.engine import (
    ContainerFacts,
    CpuSet,
    Holding,
    Phase,
    PodFacts,
    Reported,
    Rules,
    Settle,
    SharedDemand,
    decide,
    rebuild,
)

MACHINE = grid(2, 1, 1, 3, 2)
LISTS = st.frozensets(st.integers(0, 13), min_size=1, max_size=5).map(CpuSet.of)


@st.composite
def found(draw: st.DrawFn) -> list[tuple[PodFacts, Reported]]:
    """Draw what a runtime may report, right or wrong."""
    result = []
    for number in range(draw(st.integers(0, 7))):
        annotations = {}
        if draw(st.integers(0, 3)) == 0:
            annotations["cores"] = str(draw(LISTS))
        if draw(st.integers(0, 3)) == 0:
            annotations["forbid"] = str(draw(LISTS))
        cpus = draw(st.one_of(st.just(""), LISTS.map(str)))
        its_pod = pod(f"c{number}", guaranteed=draw(st.booleans()), **annotations)
        one = container(f"c{number}", draw(st.integers(0, 3)), cpus)
        result.append((its_pod, Reported(one, draw(st.sampled_from(Phase)))))
    return result


@settings(max_examples=EXAMPLES, deadline=None)
@given(found(), st.randoms(use_true_random=False), st.sampled_from(["", "0", "0,6"]))
def test_order_does_not_matter(
    state: list[tuple[PodFacts, Reported]], random: object, reserved: str
) -> None:
    """Any order of the lists gives the same ledger and the same updates."""
    rules = Rules(CpuSet.parse(reserved))
    pods = [its_pod for its_pod, _ in state]
    containers = [one for _, one in state]
    straight = rebuild(MACHINE, rules, pods, containers)
    straight.ledger.check()
    shuffled = list(containers)
    getattr(random, "shuffle")(shuffled)  # noqa: B009 - typed as object by hypothesis
    assert rebuild(MACHINE, rules, reversed(pods), shuffled) == straight


@settings(max_examples=EXAMPLES, deadline=None)
@given(found())
def test_a_right_state_is_left_alone(state: list[tuple[PodFacts, Reported]]) -> None:
    """Once everything is told a restart changes nothing and sends nothing."""
    pods = [its_pod for its_pod, _ in state]
    ledger = rebuild(MACHINE, Rules(), pods, [one for _, one in state]).ledger
    for _ in range(3):
        ledger = decide(ledger, Settle()).ledger
    # One that has not started is told again only once it has.
    assume(ledger.settled)
    # One that could not be placed is tried again after each restart.
    assume(all(one.cpus is not None for one in ledger.holdings() if _asks_for_own(one)))
    _, told = ledger.reported()
    right = [
        replace(one, container=_with_mems(one.container, str(ledger.mems_of(one.container.id))))
        for one in told
    ]
    again = rebuild(MACHINE, Rules(), pods, right)
    kept = {one.id: one.cpus for one in ledger.holdings()}
    assert {one.id: one.cpus for one in again.ledger.holdings()} == kept
    assert again.updates == ()


def _with_mems(one: ContainerFacts, mems: str) -> ContainerFacts:
    return replace(one, mems=mems)


def _asks_for_own(one: Holding) -> bool:
    return not isinstance(one.demand, SharedDemand)
