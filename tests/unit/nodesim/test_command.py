"""How long a container lives, told from its command."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodesim.command import Life, command_of, life_of

ENDLESS = Life()


@pytest.mark.parametrize(
    ("expected", "command"),
    [
        (Life(15.0), ["sleep", "15"]),
        (Life(15.0), ["/bin/sleep", "15"]),
        (Life(1.5), ["sleep", "1.5"]),
        (Life(120.0), ["sleep", "2m"]),
        (Life(0.0), ["true"]),
        (Life(0.0, 1), ["false"]),
        (Life(15.0), ["sh", "-c", "sleep 15"]),
        (Life(15.0), ["/bin/bash", "-c", "echo hello; exec sleep 15"]),
        (Life(5.0), ["sh", "-c", "sleep 2 && sleep 3\n"]),
        (Life(2.0, 3), ["sh", "-c", "sleep 2; exit 3; sleep 9"]),
        (Life(2.0, 1), ["sh", "-c", "sleep 2; false"]),
        (Life(0.0, 1), ["sh", "-c", "false; exit"]),
        (Life(0.0), ["sh", "-c", ""]),
    ],
)
def test_an_end_that_is_plain_to_see_is_understood(expected: Life, command: list[str]) -> None:
    """Sleeps add up; the last command or `exit` gives the code."""
    assert expected == life_of(command)


@pytest.mark.parametrize(
    "command",
    [
        *([], ["sleep"], ["sleep", "infinity"], ["sleep", "1", "2"], ["sleep", "-1"]),
        *(["nginx", "-g", "daemon off;"], ["sh"], ["sh", "-c"], ["sh", "-c", "sleep 5 | cat"]),
        *(["sh", "-c", "while true; do sleep 1; done"], ["sh", "-c", "sleep $TIME"]),
    ],
)
def test_all_else_runs_until_it_is_stopped(command: list[str]) -> None:
    """Nothing is guessed."""
    assert ENDLESS == life_of(command)


@pytest.mark.parametrize(
    ("heeds", "script"),
    [
        (True, "trap exit TERM; sleep 60 & wait"),
        (True, "trap 'echo bye; exit 0' INT TERM; sleep 60 & wait"),
        (True, 'trap "exit 0" SIGTERM; sleep 60 & wait'),
        (False, "trap '' TERM; sleep 60"),
        (False, "trap - TERM; sleep 60"),
        (False, "trap exit INT; sleep 60"),
        (False, "sleep 60"),
    ],
)
def test_only_a_shell_with_a_trap_heeds_sigterm(heeds: bool, script: str) -> None:
    """A first process ignores SIGTERM unless it has a handler for it."""
    assert Life(60.0, 0, heeds) == life_of(["sh", "-c", script])


LIVES = st.builds(
    Life,
    st.none() | st.floats(0, 1e8, allow_nan=False),
    st.integers(0, 255),
    st.booleans(),
)


@given(LIVES)
def test_each_life_has_a_command(life: Life) -> None:
    """A life that is written as a command is read as the same life."""
    assert life == life_of(command_of(life))


@given(
    st.lists(st.text(max_size=12) | st.sampled_from(["sh", "-c", "sleep", "exit 7"]), max_size=4)
)
def test_any_command_is_read(command: list[str]) -> None:
    """No command is an error."""
    assert 0 <= life_of(command).exit_code <= 255
