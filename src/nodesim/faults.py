"""Faults that wait for their opportunity.

Whoever could be struck asks with `strikes`. A fault that was armed for one event waits for
exactly that; one that was armed for none strikes the next time that anybody asks.
"""

from collections.abc import Callable

from nodesim.actions import Fault, FaultKind


class Faults:
    """The faults that are armed.

    Args:
        on_strike: Called each time a fault strikes: the fault, and whom.
    """

    def __init__(self, on_strike: Callable[[Fault, str], None]) -> None:
        self._on_strike = on_strike
        self._armed: dict[FaultKind, list[tuple[Fault, int]]] = {}

    def __bool__(self) -> bool:
        """Tell whether any fault is armed."""
        return any(self._armed.values())

    def arm(self, fault: Fault) -> None:
        """Let a fault wait for its opportunity."""
        self._armed.setdefault(fault.kind, []).append((fault, fault.count))

    def clear(self) -> None:
        """Forget all faults that have not struck."""
        self._armed.clear()

    def strikes(self, kind: FaultKind, event: str, subject: str) -> Fault | None:
        """Tell whether a fault strikes now.

        Args:
            kind: What would be broken.
            event: The event at hand; empty: none is.
            subject: Whom it would strike, for the timeline.

        Returns:
            The fault, which is used up by one; None if none of that kind waits for this.
        """
        waiting = self._armed.get(kind)
        if not waiting:
            return None
        for position, (fault, left) in enumerate(waiting):
            if fault.event in ("", event):
                waiting[position : position + 1] = [(fault, left - 1)] if left > 1 else []
                self._on_strike(fault, subject)
                return fault
        return None
