"""Text for people, whatever characters can be shown."""

import io

import pytest

from weka_cpuset.show.terminal import PLAIN, console_of_stdout


def printed(monkeypatch: pytest.MonkeyPatch, encoding: str, text: str) -> str:
    """Print a text to a standard output of some encoding, and return what comes out."""
    stream = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(stream, encoding))
    console_of_stdout().print(text, end="")
    return stream.getvalue().decode(encoding)


def test_unicode_is_printed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual case."""
    assert "".join(PLAIN) == printed(monkeypatch, "utf-8", "".join(PLAIN))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_picture_can_be_read_without_unicode(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """A log in an old encoding shows the map, and not a traceback."""
    assert "/ 0 " in printed(monkeypatch, encoding, "┌ 0 ·")
    assert printed(monkeypatch, "ascii", "┌ 0 ·") == "/ 0 ."


def test_other_characters_become_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing ends the program."""
    assert printed(monkeypatch, "ascii", "pod-ä€") == "pod-??"


def test_names_have_no_special_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brackets and colons of reasons are printed, not obeyed."""
    text = "[bold]:smile: [0-7]"

    assert printed(monkeypatch, "utf-8", text) == text
