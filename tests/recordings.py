"""Sessions of a node, drawn from a seed, and their recordings."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.machines import SERVER, container, pod
from weka_cpuset.engine import (
    ContainerFacts,
    CpuSet,
    Create,
    Doubt,
    Event,
    Ledger,
    Phase,
    PodFacts,
    PodRemove,
    PodStop,
    Remove,
    Rules,
    Seen,
    Settle,
    Stop,
    Update,
)
from weka_cpuset.questions import Happened, Question, Report, ask
from weka_cpuset.record.file import RecordFile
from weka_cpuset.record.recorder import Recorder, Sink

SETTINGS = {"cpus.min_shared": "0"}
ROOMY = 1 << 26


class Session:
    """A node on which pods come and go.

    Args:
        seed: What happens follows from this alone.
        sink: Where it is recorded.

    Attributes:
        ledger: The ledger by now.
    """

    def __init__(self, seed: int, sink: Sink) -> None:
        self.ledger = Ledger.empty(SERVER, Rules(CpuSet.of([0]), 1))
        self._draw = Random(seed)  # noqa: S311  # a drawn scenario, no secret
        self._number = 0
        self._recorder = Recorder(sink, lambda: self._number / 100)

    def ask(self, question: Question) -> None:
        """Ask the engine one question."""
        answer = ask(self.ledger, question)
        self._recorder.record(self.ledger, question, answer)
        self.ledger = answer.ledger

    def go_on(self, events: int) -> None:
        """Let so many things happen."""
        for _ in range(events):
            self._number += 1
            if self._draw.random() < 0.01:
                self.ask(Report(SERVER, *self.ledger.reported()))
            else:
                limit = self._draw.choice([None, 0, 1])
                self.ask(Happened(self._event(), limit))

    def _event(self) -> Event:
        known = [one.id for one in self.ledger.holdings()]
        if len(known) < 3 or (len(known) < 20 and self._draw.random() < 0.4):
            its_pod, one = self._newcomer()
            return Create(its_pod, one) if self._draw.random() < 0.9 else _seen(its_pod, one)
        name = self._draw.choice(known)
        return self._draw.choice(list(self._events_of(name)))

    def _newcomer(self) -> tuple[PodFacts | None, ContainerFacts]:
        name = f"c{self._number}"
        whole = self._draw.choice([0, 0, 1, 2, 3])
        annotations = {}
        if self._draw.random() < 0.2:
            annotations["cores"] = self._draw.choice(["1-3", "8,24", "7-", "0-99"])
        if self._draw.random() < 0.2:
            annotations["forbid"] = self._draw.choice(["0-7", "16", "x"])
        return pod(name, guaranteed=whole > 0, **annotations), container(name, whole=whole)

    def _events_of(self, name: str) -> Iterator[Event]:
        holding = self.ledger.holding(name)
        assert holding is not None
        yield _seen(holding.pod, holding.container)
        yield Update(holding.pod, container(name, whole=self._draw.randrange(4)))
        yield Stop(name)
        yield Remove(name)
        pod_id = holding.container.pod_id
        ends: list[Event] = [PodStop(pod_id), PodRemove(pod_id)]
        yield self._draw.choice(ends)
        yield Settle()
        yield Doubt(frozenset([name, "unknown"]))


def _seen(its_pod: PodFacts | None, one: ContainerFacts) -> Seen:
    return Seen(its_pod, one, Phase.RUNNING)


def record(path: Path, events: int, seed: int = 1, max_bytes: int = ROOMY) -> Session:
    """Record a session to a file; return the session."""
    file = RecordFile(path, max_bytes, SETTINGS)
    session = Session(seed, file)
    session.go_on(events)
    file.close()
    return session
