"""What a preference promises holds after every event, for containers the engine placed itself."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.machines import SERVER, container, grid, pod
from tests.property.brute import PREFERENCES, is_allowed
from tests.property.effort import EXAMPLES
from weka_cpuset.engine import (
    CpuSet,
    Create,
    Event,
    IntegerDemand,
    Ledger,
    Numa,
    Preference,
    Rules,
    Settle,
    Smt,
    Stop,
    Topology,
    Update,
    decide,
    rebuild,
)

MACHINES = (
    SERVER,
    grid(packages=2, nodes=1, llcs=2, cores=2, threads=2),
    grid(packages=1, nodes=2, llcs=1, cores=2, threads=4),
)
WORDS = {"smt": [*Smt, "", "hybrid"], "numa": [*Numa, "", "near"]}


@st.composite
def pods(draw: st.DrawFn) -> tuple[int, dict[str, str]]:
    """Draw a pod: its whole cpus (0: none) and its annotations."""
    words = {key: draw(st.sampled_from(values)) for key, values in WORDS.items()}
    annotations = {key: word for key, word in words.items() if word}
    if draw(st.integers(0, 4)) == 0:
        ids = draw(st.frozensets(st.integers(0, 15), min_size=1, max_size=4))
        return 0, {"cores": str(CpuSet.of(ids))}
    return draw(st.integers(0, 5)), annotations


def assert_promises(ledger: Ledger) -> None:
    """Assert that each integer container lies as its demand says."""
    ledger.check()
    for one in ledger.exclusive.values():
        if isinstance(one.demand, IntegerDemand):
            cpus = ledger.cpus_of(one.id)
            assert is_allowed(ledger.topology, cpus, one.demand, CpuSet.EMPTY)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data(), st.sampled_from(MACHINES), st.sampled_from(PREFERENCES))
def test_promises_hold_through_moves_resizes_and_restarts(
    data: st.DataObject, machine: Topology, default: Preference
) -> None:
    """Whole cores stay whole and one node stays one node, whoever comes, goes or grows."""
    ledger = Ledger.empty(machine, Rules(preference=default))
    living: dict[str, int] = {}
    for number in range(data.draw(st.integers(1, 12))):
        match data.draw(st.sampled_from(["create", "create", "create", "stop", "resize", "again"])):
            case "create":
                whole, annotations = data.draw(pods())
                its_pod = pod(f"c{number}", guaranteed=whole > 0, **annotations)
                event: Event = Create(its_pod, container(f"c{number}", whole))
                if decide(ledger, event).refusal is None:
                    living[f"c{number}"] = whole
                ledger = decide(ledger, event).ledger
            case "stop" if living:
                name = data.draw(st.sampled_from(sorted(living)))
                del living[name]
                ledger = decide(ledger, Stop(name)).ledger
            case "resize" if any(living.values()):
                name = data.draw(st.sampled_from(sorted(one for one in living if living[one])))
                whole = data.draw(st.integers(1, 5))
                held = ledger.holding(name)
                assert held is not None
                event = Update(held.pod, replace(container(name, whole), cpus=held.container.cpus))
                # A container that shrinks may go on spanning what it spans, so only growth is
                # asked for here.
                if whole > living[name]:
                    ledger = decide(ledger, event).ledger
            case "again":
                ledger = rebuild(machine, ledger.rules, *ledger.reported()).ledger
            case _:
                pass
        ledger = decide(ledger, Settle()).ledger
        assert_promises(ledger)
