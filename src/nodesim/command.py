"""How long a container lives, told from its command.

Nothing is executed in a simulation. A command of which the end is plain to see is
understood; whatever else it is runs until it is stopped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{0,400})?)([smhd]?)")
_TRAP = re.compile(
    r"\btrap\s+(?P<action>'[^']*'|\"[^\"]*\"|[^\s;'\"]+)\s+(?P<signals>[A-Z0-9]+(?: [A-Z0-9]+)*)"
)
_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SHELLS = ("sh", "bash", "ash", "dash")
_TERM = frozenset(("TERM", "SIGTERM", "15"))
_WITHOUT_TIME = (":", "echo", "false", "true", "wait")


@dataclass(frozen=True, slots=True)
class Life:
    """How a container ends.

    Attributes:
        life_s: After how many seconds it ends by itself; None: never.
        exit_code: With which code it then ends.
        heeds_term: Whether it ends at once when it is asked to.
    """

    life_s: float | None = None
    exit_code: int = 0
    heeds_term: bool = False


def life_of(command: Sequence[str]) -> Life:
    """Tell how long a command runs.

    Args:
        command: The command and its arguments, as in a manifest.

    Returns:
        Its life: `sleep` with a duration, `true`, `false`, and shell scripts of nothing but
        these, `exit`, `echo`, `trap` and `wait`. All else runs until it is stopped.
    """
    words = [
        word.rsplit("/", 1)[-1] if number == 0 else word for number, word in enumerate(command)
    ]
    if len(words) == 3 and words[0] in _SHELLS and words[1] == "-c":
        return _life_of_script(words[2])
    seconds = _seconds_of(words)
    return Life() if seconds is None else Life(seconds, int(words[:1] == ["false"]))


def command_of(life: Life) -> list[str]:
    """Return a command that lives so: `life_of(command_of(life)) == life`."""
    duration = "infinity" if life.life_s is None else _plain(life.life_s)
    if life.heeds_term:
        # A shell waits for its child before it runs a trap, but not within `wait`.
        tail = f"; exit {life.exit_code}" if life.exit_code else ""
        return ["sh", "-c", f"trap exit TERM; sleep {duration} & wait{tail}"]
    if life.exit_code:
        return ["sh", "-c", f"sleep {duration}; exit {life.exit_code}"]
    return ["sleep", duration]


def _life_of_script(script: str) -> Life:
    heeds_term = any(map(_heeds_term, _TRAP.finditer(script)))
    total, code = 0.0, 0
    for statement in re.split(r"[;&\n]+", _TRAP.sub("", script)):
        words = statement.split()
        if words[:1] == ["exec"]:
            words = words[1:]
        if words[:1] == ["exit"]:
            return Life(total, _exit_code(words, code), heeds_term)
        seconds = _seconds_of(words) if words else 0.0
        if seconds is None:
            # Endless, so the code of an `exit` behind it is still to be known.
            return Life(None, _code_behind(script), heeds_term)
        code = int(words[:1] == ["false"]) if words else code
        total += seconds
    return Life(total, code, heeds_term)


def _heeds_term(trap: re.Match[str]) -> bool:
    """Tell whether a trap makes the shell end: an empty one ignores, `-` is as without."""
    signals = trap["signals"].split()
    ends = trap["action"].strip("'\"") not in ("", "-")
    return ends and not _TERM.isdisjoint(signals)


def _seconds_of(words: Sequence[str]) -> float | None:
    """Return how long one simple command takes; None if it does not end or is not known."""
    match list(words):
        case ["sleep", duration]:
            found = _DURATION.fullmatch(duration)
            return float(found[1]) * _UNITS_S[found[2]] if found else None
        case [name, *_] if name in _WITHOUT_TIME:
            return 0.0
        case _:
            return None


def _code_behind(script: str) -> int:
    found = re.search(r"\bexit ([0-9]{1,3})\s*$", script)
    return int(found[1]) % 256 if found else 0


def _exit_code(words: Sequence[str], last: int) -> int:
    if len(words) == 1:
        return last
    return int(words[1]) % 256 if re.fullmatch("[0-9]{1,3}", words[1]) else 1


def _plain(seconds: float) -> str:
    """Write seconds exactly, without an exponent, and whole ones without a point."""
    return str(int(seconds)) if seconds.is_integer() else f"{Decimal(repr(seconds)):f}"
