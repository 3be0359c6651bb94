"""What the test is at, for somebody who looks on."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def telling() -> Iterator[Callable[[str], None]]:
    """Show one line that changes, on a terminal; nothing elsewhere.

    Yields:
        A function that changes the line.
    """
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with console.status("") as status:
        yield status.update
