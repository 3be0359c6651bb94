"""A replay: the same engine says the same, another one is found out at once."""

from pathlib import Path

import msgspec
import pytest

from tests.recordings import record
from weka_cpuset import questions
from weka_cpuset.engine import Decision, Event, Ledger, Outcome, decide
from weka_cpuset.record.lines import Asked
from weka_cpuset.record.repeat import Outcome as Found
from weka_cpuset.record.repeat import Unreadable, repeat


def replayed(lines: list[bytes]) -> tuple[Found, list[Asked]]:
    """Replay lines; return what was found and the questions that were the same."""
    asked: list[Asked] = []
    return repeat(lines, asked.append), asked


@pytest.fixture
def recording(tmp_path: Path) -> list[bytes]:
    """The lines of a recording of a thousand events."""
    path = tmp_path / "recording"
    record(path, 1000)
    return path.read_bytes().splitlines(keepends=True)


def test_the_same_engine_decides_the_same(recording: list[bytes]) -> None:
    """Every event is asked again and nothing is different."""
    found, asked = replayed(recording)
    assert found.difference is None
    assert found.questions == len(asked) == 1000
    assert list(range(1, 1001)) == [one.number for one in asked]


def test_another_rule_is_found_at_the_first_event_that_it_changes(
    recording: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine that refuses nothing differs at the first event that was refused."""

    def changed(ledger: Ledger, event: Event, limit: int | None = None) -> Decision:
        decision = decide(ledger, event, limit)
        refused = decision.outcome is Outcome.REFUSED
        return Decision(ledger, Outcome.NOTHING) if refused else decision

    monkeypatch.setattr(questions, "decide", changed)
    first_refusal = next(
        values["number"]
        for values in map(msgspec.json.decode, recording[1:])
        if values["answer"].get("outcome") == "refused"
    )
    found, asked = replayed(recording)
    assert found.difference is not None
    assert found.difference.asked.number == first_refusal == len(asked) + 1
    assert found.difference.asked.answer["outcome"] == "refused"
    assert found.difference.today["outcome"] == "nothing"


def test_an_engine_that_fails_is_a_difference(
    recording: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of today does not end the replay in a traceback."""

    def broken(*_: object) -> Decision:
        raise RuntimeError("out of order")

    monkeypatch.setattr(questions, "decide", broken)
    found, _ = replayed(recording)
    assert found.difference is not None
    assert found.difference.today == {"error": "RuntimeError: out of order"}


def test_a_changed_answer_is_found(recording: list[bytes]) -> None:
    """A recording that says something else than the engine differs at that event."""
    changed = msgspec.json.decode(recording[500])
    changed["answer"]["pool"] = "0"
    found, asked = replayed([*recording[:500], msgspec.json.encode(changed), *recording[501:]])
    assert found.difference is not None
    assert found.difference.asked.number == 500 == len(asked) + 1


def test_the_last_line_may_be_cut_off(recording: list[bytes]) -> None:
    """All events before the one that was not written to its end are compared."""
    found, _ = replayed([*recording[:-1], recording[-1][:20]])
    assert (found.questions, found.cut_lines, found.difference) == (999, [1001], None)


@pytest.mark.parametrize("cut", range(0, 300, 7))
def test_a_first_line_that_is_cut_off_is_told(recording: list[bytes], cut: int) -> None:
    """Without a ledger to begin with nothing can be replayed, and nothing crashes."""
    with pytest.raises(Unreadable):
        replayed([recording[0][:cut]])


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"recording": 99}', "line 1: has format 99; this version reads format 1"),
        (b'{"recording": 1}', "line 1: 'version' is missing"),
        (b'{"number": 1}', "line 1: is no question that this version knows"),
        (b"[1, 2]", "line 1: Expected `object`"),
        (b"\xff\xfe", "line 1: "),
        (b"\n", "it is no recording of weka-cpuset"),
    ],
)
def test_what_is_no_recording_is_told(line: bytes, problem: str) -> None:
    """A wrong file is refused with the line and what is wrong with it."""
    with pytest.raises(Unreadable) as caught:
        replayed([line])
    assert str(caught.value).startswith(problem)


def test_a_field_of_a_later_version_is_told(recording: list[bytes]) -> None:
    """A fact that this engine does not know is not left out silently."""
    line = recording[1].replace(
        b'"happened":{"event":{', b'"happened":{"event":{"colour":"red",', 1
    )
    with pytest.raises(Unreadable, match=r"line 2: .*colour"):
        replayed([recording[0], line])


def test_an_event_after_a_hole_is_not_guessed_at(recording: list[bytes]) -> None:
    """Behind a damaged line in the middle nothing can be compared, and that is told."""
    with pytest.raises(Unreadable, match="line 11: the ledger that this line follows"):
        replayed([*recording[:9], recording[9][:30], *recording[10:]])
