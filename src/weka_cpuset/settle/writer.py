"""Writes cpusets to cgroup files, and sees that no write lets anybody in too early."""

import asyncio
import dataclasses
import errno
from collections.abc import Collection, Sequence

from weka_cpuset.enforced import Cpusets
from weka_cpuset.engine import Class, CpusetUpdate, Ledger, Phase
from weka_cpuset.keeper import Keeper
from weka_cpuset.settle.doubts import doubt, take_back
from weka_cpuset.settle.in_flight import InFlight
from weka_cpuset.settle.stuck import Stuck

CLOSED_S = 60.0
"""A tree that cannot be written, or shows no container, is tried again after so many seconds."""


class TreeUnseen(Exception):
    """No container's cgroup is where the runtime says: the agent sees another tree."""

    def __str__(self) -> str:
        return (
            "no container's cgroup can be seen; the agent needs the host's cgroup tree "
            "(setting cgroups)"
        )


@dataclasses.dataclass(slots=True)
class Written:
    """What became of updates.

    Attributes:
        told: Who has what it shall have.
        gone: Who has no cgroup, where others have one.
        failed: Who could not be told, and why; the ledger doubts them.
        waiting: Who is told later, because the runtime is still at work on the last reply.
        closed: Why the whole tree cannot be used, if it cannot.
    """

    told: list[str] = dataclasses.field(default_factory=list)
    gone: list[str] = dataclasses.field(default_factory=list)
    failed: dict[str, Exception] = dataclasses.field(default_factory=dict)
    waiting: list[str] = dataclasses.field(default_factory=list)
    closed: Exception | None = None


class Writer:
    """Writes updates to the cgroup files.

    Args:
        keeper: Whose ledger says what containers have.
        cpusets: The kernel's files.
        in_flight: What the runtime still has to apply.
    """

    def __init__(self, keeper: Keeper, cpusets: Cpusets, in_flight: InFlight) -> None:
        self._keeper = keeper
        self._cpusets = cpusets
        self._in_flight = in_flight
        self._tree_seen = False
        self._closed_until_s = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the tree can be written, as far as is known."""
        return self._closed_until_s <= asyncio.get_running_loop().time()

    def try_again(self) -> None:
        """Give a tree that could not be used another chance."""
        self._closed_until_s, self._tree_seen = 0.0, False

    def read_back_doubtful(self) -> None:
        """Take what the kernel enforces for the integer containers that the ledger doubts.

        Others would wait for cpus that these may have, and these for the others, until one of
        them had to leave some of its own (`order`). The kernel knows.
        """
        ledger = self._keeper.ledger
        doubtful = [
            one.id
            for one in map(ledger.holding, ledger.doubts)
            if one is not None
            and one.kind is Class.INTEGER
            and one.phase is Phase.RUNNING
            and not self._in_flight.has(one.id)
        ]
        if doubtful:
            self._read_back(doubtful)

    def write(self, updates: Sequence[CpusetUpdate], before: Ledger) -> Written:
        """Write updates, one by one; see to it that the ledger says what became of them.

        Args:
            updates: The updates, in the order in which they must be applied, of containers that
                run. The ledger has them as told.
            before: The ledger before that.
        """
        after, done = self._keeper.ledger, Written()
        flying, stuck = self._flying(before, after), Stuck(before, after)
        untried: list[str] = []
        for position, update in enumerate(updates):
            one = update.container_id
            if self._in_flight.has(one) or flying.keeps(update):
                done.waiting.append(one)
                flying.add(one)
                continue
            if stuck.keeps(update):
                # It waits for one that failed, and shares its reason.
                done.failed[one] = next(reversed(done.failed.values()))
                stuck.add(one)
                untried.append(one)
                continue
            try:
                self._cpusets.write(self._keeper.cgroup_of(one), update.cpus, update.mems)
                self._tree_seen = True
                done.told.append(one)
            except FileNotFoundError:
                done.gone.append(one)
            except Exception as error:  # noqa: BLE001  # whatever it was, a reply carries it
                done.failed[one] = error
                stuck.add(one)
                if _is_closed(error):
                    done.closed = error
                    rest = updates[position + 1 :]
                    done.failed |= {later.container_id: error for later in rest}
                    break
        self._judge_absence(done)
        doubt(self._keeper, before, done.failed)
        take_back(self._keeper, before, (*done.waiting, *untried))
        self._read_back([one for one in done.failed if one not in untried])
        return done

    def _flying(self, before: Ledger, after: Ledger) -> Stuck:
        """Return where containers may be that are still to get what the last reply says."""
        flying = Stuck(before, after, coming=True)
        for one, told_after in self._in_flight.told():
            if self._has_landed(before, one, told_after):
                self._in_flight.note_landed(one)
            else:
                flying.add(one, told_after)
        return flying

    def _has_landed(self, ledger: Ledger, one: str, until_then: Ledger) -> bool:
        """Tell whether a container has what the last reply says, or is being created with it."""
        holding = ledger.holding(one)
        if holding is None:
            return True
        if holding.phase is Phase.CREATED:
            # One that was told before may yet start on what it was told then.
            return one not in until_then.told
        if until_then.told.get(one) == ledger.told[one]:
            # A resize that leaves the cpus: the kernel cannot show whether it is done.
            return False
        try:
            cpus = self._cpusets.read(holding.container.cgroup).cpus
        except (OSError, ValueError):
            return False
        return cpus == ledger.told[one] and one not in ledger.doubts

    def _judge_absence(self, done: Written) -> None:
        """Tell containers that have gone from a tree in which no container can be seen."""
        gone = done.gone
        if gone and not (self._tree_seen or self._sees_any()):
            done.closed = TreeUnseen()
            done.failed |= dict.fromkeys(gone, done.closed)
            done.gone = []
        if done.closed is not None:
            self._closed_until_s = asyncio.get_running_loop().time() + CLOSED_S

    def _sees_any(self) -> bool:
        """Tell whether the cgroup of any container that runs can be seen."""
        for one in self._keeper.ledger.holdings():
            if one.phase is Phase.RUNNING:
                try:
                    self._cpusets.read(one.container.cgroup)
                except (OSError, ValueError):
                    continue
                self._tree_seen = True
                return True
        return False

    def _read_back(self, ids: Collection[str]) -> None:
        """Take what the kernel enforces for what containers have."""
        found = {}
        for one in ids:
            try:
                cpus = self._cpusets.read(self._keeper.cgroup_of(one)).cpus
            except (OSError, ValueError):
                continue  # stays in doubt
            found[one] = cpus or self._keeper.ledger.topology.online
        self._keeper.found(found)


def _is_closed(error: Exception) -> bool:
    """Tell whether the next write will meet this error as well."""
    return isinstance(error, PermissionError) or (
        isinstance(error, OSError) and error.errno == errno.EROFS
    )
