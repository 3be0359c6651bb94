"""The containers as the status shows them, made anew only where something has changed.

With a thousand containers this is most of the work, so it can be done a few at a time.
"""

from weka_cpuset.engine import CpuSet, Holding, Ledger
from weka_cpuset.observer import Observer
from weka_cpuset.status.schema import Container


class Rows:
    """Makes rows, and keeps those of the last ledger.

    Args:
        observer: Knows since when containers have their cpus.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._made: dict[str, tuple[Holding, CpuSet, bool, float, Container]] = {}
        self._texts: dict[CpuSet, str] = {}

    def row(self, ledger: Ledger, holding: Holding) -> Container:
        """Return a container's row: the one that was returned before, if nothing has changed.

        Args:
            ledger: Where it is live.
            holding: The container.
        """
        one = holding.id
        cpus = ledger.cpus_of(one)
        due = ledger.told[one] != cpus or one in ledger.doubts
        since = self._observer.since_s(one)
        made = self._made.get(one)
        if made is not None and made[0] is holding and made[1:4] == (cpus, due, since):
            return made[4]
        row = self._new(ledger, holding, cpus, due=due, since=since)
        self._made[one] = (holding, cpus, due, since, row)
        return row

    def forget(self, ledger: Ledger) -> None:
        """Forget the rows of containers that are no longer live."""
        self._made = {one: made for one, made in self._made.items() if ledger.holding(one)}
        self._texts.clear()

    def _new(
        self, ledger: Ledger, holding: Holding, cpus: CpuSet, *, due: bool, since: float
    ) -> Container:
        pod, one = holding.pod, holding.id
        known = pod is not None and bool(pod.name)
        trouble = ""
        if one in ledger.unplaced:
            trouble = "unplaced"
        elif one in ledger.starved:
            trouble = "starved"
        elif holding.is_degraded:
            trouble = "degraded"
        return Container(
            one,
            pod.namespace if pod is not None and known else "",
            pod.name if pod is not None and known else holding.container.pod_id,
            holding.container.name,
            holding.kind.value,
            holding.why.value,
            self._text(cpus),
            str(ledger.mems_of(one)),
            self._text(holding.demand.forbidden),
            holding.phase.value,
            since,
            due,
            trouble,
        )

    def _text(self, cpus: CpuSet) -> str:
        """Write a list once: all containers on the pool have the same one."""
        text = self._texts.get(cpus)
        if text is None:
            text = self._texts[cpus] = str(cpus)
        return text
