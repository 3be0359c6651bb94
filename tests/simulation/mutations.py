"""All deliberate bugs, one at a time in an agent that is right otherwise.

A checker that finds nothing proves nothing until it has found what is there. Each function
in the two lists puts one bug into the engine or the daemon for the length of a `with` block;
its docstring says what a user would see. docs/explanation/simulation.md lists them.
"""

from tests.simulation import lifecycle_bugs, placement_bugs
from tests.simulation.patching import Bug

MUTATIONS: dict[str, Bug] = {**placement_bugs.BUGS, **lifecycle_bugs.BUGS}
"""All deliberate bugs by name."""


def seen(bug: Bug) -> str:
    """Return what a user would see of a deliberate bug, in one line."""
    return " ".join((bug.__doc__ or "").split())
