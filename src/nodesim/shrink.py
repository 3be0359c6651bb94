"""Shortens a scenario that fails, as far as it still fails."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from nodesim.actions import Action, Apply, Delete, Scenario, Wait, laid_out

RUNS_MAX = 400
"""How many shorter scenarios are tried unless a caller says otherwise."""


def shrink(
    scenario: Scenario, fails: Callable[[Scenario], bool], budget_runs: int = RUNS_MAX
) -> Scenario:
    """Shorten a scenario.

    Args:
        scenario: A scenario that fails.
        fails: Runs a scenario and tells whether it fails.
        budget_runs: How many shorter scenarios may be run.

    Returns:
        The shortest scenario found that fails: without actions, then pods, then waiting that
        it does not need.
    """
    search = _Search(scenario, fails, budget_runs)
    search.drop_actions()
    search.simplify_actions()
    search.drop_actions()
    return search.best


class _Search:
    """The shortest scenario that fails so far."""

    def __init__(
        self, scenario: Scenario, fails: Callable[[Scenario], bool], budget_runs: int
    ) -> None:
        self.best = replace(scenario, actions=tuple(laid_out(scenario.actions)))
        self._fails = fails
        self._left = budget_runs

    def drop_actions(self) -> None:
        """Leave out runs of actions: half of all at first, in the end one by one."""
        size = max(1, len(self.best.actions) // 2)
        while self._left > 0:
            position = 0
            dropped = False
            while position < len(self.best.actions) and self._left > 0:
                actions = self.best.actions
                if self._try((*actions[:position], *actions[position + size :])):
                    dropped = True
                else:
                    position += size
            if size == 1 and not dropped:
                return
            size = max(1, size // 2)

    def simplify_actions(self) -> None:
        """Leave out pods and names, and shorten waits, one action after the other."""
        for position in range(len(self.best.actions)):
            changed = True
            while changed and self._left > 0:
                actions = self.best.actions
                changed = any(
                    self._try((*actions[:position], simpler, *actions[position + 1 :]))
                    for simpler in _simpler(actions[position])
                )

    def _try(self, actions: Sequence[Action]) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        shorter = replace(self.best, actions=tuple(actions))
        if not self._fails(shorter):
            return False
        self.best = shorter
        return True


def _simpler(action: Action) -> Iterator[Action]:
    """Yield simpler actions of the same kind, the simplest first."""
    match action:
        case Apply(pods) if len(pods) > 1:
            half = len(pods) // 2
            yield Apply(pods[:half])
            yield Apply(pods[half:])
            for number in range(len(pods)):
                yield Apply((*pods[:number], *pods[number + 1 :]))
        case Delete(names) if len(names) > 1:
            for number in range(len(names)):
                yield replace(action, names=(*names[:number], *names[number + 1 :]))
        case Wait(seconds) if seconds > 0.001:
            yield Wait(round(seconds / 2, 3))
