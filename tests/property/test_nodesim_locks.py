"""The readers-writer lock against a list: who comes, who waits, who gives up."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim import clock
from nodesim.locks import ReadWriteLock


@dataclass
class Obvious:
    """What the lock should do: holders, and a queue in the order of arrival."""

    held: dict[int, bool] = field(default_factory=dict)
    queue: list[tuple[int, bool]] = field(default_factory=list)

    def come(self, who: int, *, write: bool) -> None:
        """Somebody wants the lock; True: alone."""
        self.queue.append((who, write))
        self.admit()

    def go(self, leaving: set[int]) -> None:
        """Some release the lock or give up, all at once."""
        for who in leaving:
            self.held.pop(who, None)
        self.queue = [(who, write) for who, write in self.queue if who not in leaving]
        self.admit()

    def admit(self) -> None:
        """Let in who is first, as long as he fits."""
        while self.queue:
            who, write = self.queue[0]
            if any(self.held.values()) or (write and self.held):
                return
            del self.queue[0]
            self.held[who] = write


@dataclass(frozen=True)
class Come:
    """Somebody comes."""

    write: bool


@dataclass(frozen=True)
class Go:
    """Some go who hold the lock or wait for it.

    Attributes:
        places: Who: by their places among all who are there, oldest first.
        cancelled: At which of these places they are cancelled; the others, if they hold
            the lock, leave.
        turns: After how many turns of the loop the next one goes; 0: all at once. Who is
            let in and gives up in the same moment must give it back.
    """

    places: frozenset[int]
    cancelled: frozenset[int]
    turns: int


PLACES = st.frozensets(st.integers(0, 3), max_size=4)
STEPS = st.lists(
    st.booleans().map(Come) | st.builds(Go, PLACES, PLACES, st.integers(0, 2)), max_size=25
)


@settings(deadline=None, max_examples=300)
@given(STEPS)
def test_the_lock_lets_in_whom_it_should(steps: list[Come | Go]) -> None:
    """After each step exactly those hold it who should, also when several give up at once."""

    async def main() -> None:
        lock, model = ReadWriteLock(), Obvious()
        holding: dict[int, bool] = {}
        everybody: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}

        async def visit(who: int, *, write: bool, leave: asyncio.Event) -> None:
            async with lock.writing() if write else lock.reading():
                holding[who] = write
                try:
                    await leave.wait()
                finally:
                    del holding[who]

        for number, step in enumerate(steps):
            if isinstance(step, Come):
                leave = asyncio.Event()
                task = asyncio.create_task(visit(number, write=step.write, leave=leave))
                everybody[number] = (task, leave)
                model.come(number, write=step.write)
            else:
                present = list(everybody)
                gone = set()
                for place in sorted(step.places):
                    who = present[place] if place < len(present) else -1
                    if place in step.cancelled and who in everybody:
                        everybody.pop(who)[0].cancel()
                    elif who in holding:
                        everybody.pop(who)[1].set()
                    else:
                        continue
                    gone.add(who)
                    for _ in range(step.turns):
                        await asyncio.sleep(0)
                model.go(gone)
            for _ in range(10):
                await asyncio.sleep(0)
            assert holding == model.held
            assert not (any(holding.values()) and len(holding) > 1)
        for task, _ in everybody.values():
            task.cancel()
        for task, _ in everybody.values():
            with contextlib.suppress(asyncio.CancelledError):
                await task
        # Nobody has left it held.
        async with lock.writing():
            pass

    clock.run(main())
