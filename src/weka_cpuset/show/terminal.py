"""Where text for people is printed, whatever characters it can show."""

import codecs
import io
import sys
from collections.abc import Mapping

from rich.console import Console

PLAIN: Mapping[str, str] = {
    "·": ".",
    "┌": "/",
    "│": "|",
    "├": "|",
    "└": "\\",
    "─": "-",
    "…": "~",
}
"""What stands for the characters of a picture that an encoding does not have."""

_ERRORS = "weka_cpuset.plain"


def console_of_stdout() -> Console:
    """Return the console of the standard output, which obeys `NO_COLOR` and `COLUMNS`.

    What is printed is shown as it is: nothing in names and reasons has a special meaning.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_ERRORS)
    return Console(highlight=False, markup=False, emoji=False)


def _plain(error: UnicodeError) -> tuple[str, int]:
    """Replace characters that cannot be encoded; the rest of a text is not lost for them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(one, "?") for one in missing), error.end


codecs.register_error(_ERRORS, _plain)
