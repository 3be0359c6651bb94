"""What there was to choose from at an earlier moment, told from the journal."""

from pathlib import Path

import pytest

from tests.machines import LAPTOP, container, ledger_of, pod
from tests.recordings import record
from weka_cpuset.engine import CpuSet, Ledger
from weka_cpuset.explain.history import UNKNOWN_OWNER, placed, pooled_since, situation
from weka_cpuset.explain.recorded import view_of_recording
from weka_cpuset.explain.view import View
from weka_cpuset.journal.entry import Line
from weka_cpuset.questions import ask
from weka_cpuset.record.lines import Start, parse


def _moments(lines: list[bytes]) -> dict[str, Ledger]:
    """Return the ledger right after each container of the end got the cpus of its own."""
    ledger = Ledger.empty(LAPTOP)
    found: dict[str, Ledger] = {}
    for line in lines:
        parsed = parse(line)
        if isinstance(parsed, Start):
            ledger = parsed.ledger
            continue
        before, ledger = ledger, ask(ledger, parsed.question).ledger
        for one in ledger.exclusive.values():
            old = before.exclusive.get(one.id)
            if old is None or old.cpus != one.cpus:
                found[one.id] = ledger
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_moment_of_a_choice_is_told_as_it_was(tmp_path: Path, seed: int) -> None:
    """Free cpus and owners of each placement are those of the ledger of that moment."""
    path = tmp_path / "recording"
    record(path, 300, seed)
    lines = path.read_bytes().splitlines()
    view, moments = view_of_recording(lines, "test"), _moments(lines)
    compared = 0
    for one in view.ledger.exclusive.values():
        what, decision = situation(view, one), placed(view, one)
        if what is None or decision is None or what.chosen < decision.before:
            continue
        compared += 1
        then = moments[one.id]
        assert what.free == (then.pool | what.chosen) - then.rules.reserved
        truth: dict[str, CpuSet] = {}
        for other in then.exclusive.values():
            if other.id != one.id and other.cpus:
                truth[other.label] = truth.get(other.label, CpuSet.EMPTY) | other.cpus
        named = {who: cpus for who, cpus in what.owners.items() if who != UNKNOWN_OWNER}
        assert all(cpus <= truth[who] for who, cpus in named.items())
        everyone = CpuSet.of(cpu for cpus in what.owners.values() for cpu in cpus)
        assert everyone == then.topology.online - then.pool - what.chosen
    assert compared


LEDGER = ledger_of(
    LAPTOP,
    (pod("a", guaranteed=True), container("a", 2)),
    (pod("b", cores="3"), container("b")),
    (pod("c"), container("c")),
)


def _line(number: int, one: str, after: str, pool: str, before: str = "") -> Line:
    return Line(number, 1.0, "Event", "placed", one, one, "integer", before, after, pool=pool)


def test_without_a_journal_the_situation_is_the_one_of_now() -> None:
    """What is not known is not made up: free is what is free now, and what it has itself."""
    view = View("test", 0.0, LEDGER)
    holding = LEDGER.exclusive["a"]
    what = situation(view, holding)
    assert what is not None
    assert placed(view, holding) is None
    assert what.free == LEDGER.pool | LEDGER.cpus_of("a")
    assert what.owners == {"test/b/main": CpuSet.of([3])}


def test_nothing_is_chosen_for_other_classes() -> None:
    """Named cpus and the pool follow from no cost."""
    view = View("test", 0.0, LEDGER)
    assert situation(view, LEDGER.exclusive["b"]) is None
    assert situation(view, LEDGER.shared["c"]) is None


def test_what_was_given_back_was_chosen_among_its_own_cpus() -> None:
    """A container that shrinks leaves nobody else a choice."""
    has = str(LEDGER.cpus_of("a"))
    lines = (
        _line(1, "a", "1-2,5-6", "0,3-4,7"),
        _line(2, "a", has, "0,2,4,6-7", before="1-2,5-6"),
    )
    what = situation(View("test", 0.0, LEDGER, lines=lines), LEDGER.exclusive["a"])
    assert what is not None
    assert what.free == CpuSet.parse("1-2,5-6")
    assert what.owners == {}


def test_a_journal_from_before_the_ledger_was_made_anew_says_nothing() -> None:
    """What was found at a synchronisation was not chosen then."""
    has = str(LEDGER.cpus_of("a"))
    lines = (_line(1, "a", has, "0"), Line(2, 2.0, "Synchronize", "rebuilt"))
    assert placed(View("test", 0.0, LEDGER, lines=lines), LEDGER.exclusive["a"]) is None


def test_since_when_a_cpu_is_in_the_pool() -> None:
    """It is the first decision after the last one that left it to an owner."""
    lines = (_line(1, "x", "0", "1-7"), _line(2, "x", "", "0-7", "0"), _line(3, "y", "1", "0,2-7"))
    view = View("test", 0.0, LEDGER, lines=lines)
    since = pooled_since(view, 0)
    assert since is not None
    assert since.number == 2
    assert pooled_since(view, 2) is None
