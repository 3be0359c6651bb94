"""How long containers were on cpus that others own, and were excused for it."""

Pair = tuple[str, str]
"""The ids of an owner and of another on its cpus."""


class Exposures:
    """Adds up the times.

    Attributes:
        total_s: Container-seconds of the exposures that are over.
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self._since_s: dict[Pair, float] = {}

    def __contains__(self, pair: Pair) -> bool:
        """Tell whether an exposure is under way."""
        return pair in self._since_s

    def begin(self, pair: Pair, now_s: float) -> None:
        """Two share cpus from now on."""
        self._since_s[pair] = now_s

    def end_of(self, container_id: str, now_s: float) -> None:
        """One container's exposures, on either side, are over."""
        if self._since_s:
            self._end([pair for pair in self._since_s if container_id in pair], now_s)

    def end_all(self, now_s: float) -> None:
        """All exposures are over."""
        self._end(list(self._since_s), now_s)

    def _end(self, pairs: list[Pair], now_s: float) -> None:
        for pair in pairs:
            self.total_s += now_s - self._since_s.pop(pair)
