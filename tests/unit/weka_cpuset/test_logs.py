"""The log: one line per record, in text or JSON, and never a wait for its output."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weka_cpuset.logs import Fields, Log
from weka_cpuset.settings import LogFormat, LogLevel, LogSettings, SettingError

log = logging.getLogger("weka_cpuset.test")

OpenLog = Callable[..., Log]


class HangingStream(io.StringIO):
    """An output whose first write hangs until `let_go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.hangs.set()
        self.let_go.wait()
        return super().write(text)


@pytest.fixture
def open_log() -> Iterator[OpenLog]:
    """Open logs which are closed, and the root logger restored, after the test."""
    root = logging.getLogger()
    switches = ("raiseExceptions", "logThreads", "logProcesses", "logMultiprocessing")
    before = {name: getattr(logging, name) for name in switches}
    handlers, level = root.handlers[:], root.level
    opened: list[Log] = []

    def open_one(config: LogSettings, **options: object) -> Log:
        opened.append(Log(config, **options))  # type: ignore[arg-type]  # passed through
        opened[-1].open()
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
    root.handlers[:], root.level = handlers, level
    for name, value in before.items():
        setattr(logging, name, value)


def test_text_line_has_level_message_and_fields(open_log: OpenLog) -> None:
    """A text line is time, `LEVEL:`, message, and the fields in order."""
    stream = io.StringIO()
    opened = open_log(LogSettings(), stream=stream)
    log.warning("Removing container %s", Fields({"pod": "default/a b", "cpus": "2-3", "us": 85}))
    opened.close()
    line = stream.getvalue()
    assert line.endswith('Z WARNING: Removing container pod="default/a b" cpus=2-3 us=85\n')


def test_json_line_has_the_same_as_keys(open_log: OpenLog) -> None:
    """A JSON line holds the constant message and each field under its own key."""
    stream = io.StringIO()
    opened = open_log(LogSettings(format=LogFormat.JSON), stream=stream)
    log.info("Removing container %s", Fields({"pod": "default/a", "us": 85}))
    opened.close()
    entry = json.loads(stream.getvalue())
    assert entry.pop("time").endswith("Z")
    assert {
        "level": "info",
        "message": "Removing container",
        "pod": "default/a",
        "us": 85,
    } == entry


def test_other_arguments_are_formatted_as_usual(open_log: OpenLog) -> None:
    """Records of libraries, which know nothing of fields, are written all the same."""
    text, lines = io.StringIO(), io.StringIO()
    first = open_log(LogSettings(), stream=text)
    log.info("%d of %s", 3, "five")
    first.close()
    second = open_log(LogSettings(format=LogFormat.JSON), stream=lines)
    log.info("%d of %s", 3, "five")
    second.close()
    assert text.getvalue().endswith("INFO: 3 of five\n")
    assert json.loads(lines.getvalue())["message"] == "3 of five"


@pytest.mark.parametrize("log_format", list(LogFormat))
def test_exception_stays_on_one_line(open_log: OpenLog, log_format: LogFormat) -> None:
    """A traceback, or a name with a line break, never makes a second line."""
    stream = io.StringIO()
    opened = open_log(LogSettings(format=log_format), stream=stream)
    try:
        raise RuntimeError("first\nsecond")
    except RuntimeError:
        log.exception("handler failed for %s", "a\nb")
    opened.close()
    assert stream.getvalue().count("\n") == 1
    assert "RuntimeError" in stream.getvalue()


def test_lines_below_the_level_are_left_out(open_log: OpenLog) -> None:
    """Only lines of the set level and above are written."""
    stream = io.StringIO()
    opened = open_log(LogSettings(level=LogLevel.WARNING), stream=stream)
    log.info("left out")
    log.error("kept")
    opened.close()
    assert "left out" not in stream.getvalue()
    assert "kept" in stream.getvalue()


def test_hanging_output_drops_and_counts(open_log: OpenLog) -> None:
    """While the output hangs, logging returns; afterwards one line says what is missing."""
    stream = HangingStream()
    opened = open_log(LogSettings(), stream=stream, capacity=10)
    log.info("the writer takes this one and hangs")
    assert stream.hangs.wait(10)
    for number in range(25):
        log.info("line %d", number)
    assert opened.dropped == 15
    stream.let_go.set()
    opened.close()
    assert "WARNING: 15 log lines were dropped" in stream.getvalue()


def test_close_does_not_wait_for_a_hanging_output(open_log: OpenLog) -> None:
    """A stop is not held up by an output that never comes back."""
    stream = HangingStream()
    opened = open_log(LogSettings(), stream=stream)
    log.info("the writer takes this one and hangs")
    assert stream.hangs.wait(10)
    opened.close()
    stream.let_go.set()


def test_file_is_appended_to(open_log: OpenLog, tmp_path: Path) -> None:
    """With a file set, lines go there and earlier content stays."""
    target = tmp_path / "agent.log"
    target.write_text("before\n")
    opened = open_log(LogSettings(file=str(target)))
    log.info("after")
    opened.close()
    first, second = target.read_text().splitlines()
    assert first == "before"
    assert second.endswith("INFO: after")


def test_file_that_cannot_be_opened_is_a_setting_error(tmp_path: Path) -> None:
    """A log file in a missing folder is reported as a wrong setting."""
    with pytest.raises(SettingError) as caught:
        Log(LogSettings(file=str(tmp_path / "missing" / "agent.log")))
    assert caught.value.key == "log.file"


def test_log_folder_that_vanishes_loses_only_its_lines(
    open_log: OpenLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the log's folder is removed and comes back, logging goes on and says what is missing."""
    folder = tmp_path / "logs"
    folder.mkdir()
    opened = open_log(LogSettings(file=str(folder / "agent.log")))
    written = threading.Event()
    monkeypatch.setattr(opened, "_written", _then(opened._written, written))
    log.info("before")
    assert written.wait(10)
    (folder / "agent.log").unlink()
    folder.rmdir()
    written.clear()
    log.info("lost")
    assert written.wait(10)
    folder.mkdir()
    log.info("after")
    opened.close()
    assert "after" in (folder / "agent.log").read_text()
    assert opened.dropped == 1


def _then(
    write: Callable[[logging.LogRecord], bool], done: threading.Event
) -> Callable[[logging.LogRecord], bool]:
    """Return `write`, telling when it has ended."""

    def wrapped(record: logging.LogRecord) -> bool:
        written = write(record)
        done.set()
        return written

    return wrapped
