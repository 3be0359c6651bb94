"""Logging that cannot block a handler.

A handler only puts a record into a bounded queue in memory. A thread of its own turns
records into lines and writes them. When the output hangs (a full pipe, a dead disk) the
queue fills up, further records are dropped and counted, and events go on being answered;
when the output lives again one line says how many were dropped.
"""

import contextlib
import dataclasses
import datetime
import io
import logging
import logging.handlers
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import msgspec

from weka_cpuset import settings
from weka_cpuset.background import Background

MAX_QUEUED_RECORDS = 10_000
"""About ten seconds of the largest storm (1,000 lines a second); 10 MB at most."""

FLUSH_DEADLINE_S = 0.5
"""How long `Log.close` waits for the writer: half of the second that a stop may take."""

LEVELS: Mapping[settings.LogLevel, int] = {
    settings.LogLevel.DEBUG: logging.DEBUG,
    settings.LogLevel.INFO: logging.INFO,
    settings.LogLevel.WARNING: logging.WARNING,
    settings.LogLevel.ERROR: logging.ERROR,
}


class _BoundedQueue(logging.Handler):
    """Takes records on any thread without blocking; counts those that do not fit."""

    def __init__(self, writer: Background[logging.LogRecord]) -> None:
        super().__init__()
        self.writer = writer
        self.dropped = 0

    def emit(self, record: logging.LogRecord) -> None:
        # The record is formatted by the writer's thread, so its arguments must be
        # immutable values. logging holds this handler's own lock here, which only
        # this method takes, so no thread waits for output.
        if not self.writer.put(record):
            self.dropped += 1


class Log:
    """The agent's log: a queue, and a thread which writes it.

    Args:
        config: Level, format and file.
        stream: Where to write when `config.file` is empty; None: standard error.
        capacity: How many records wait at most.

    Attributes:
        queue: The records that wait.
    """

    def __init__(
        self,
        config: settings.LogSettings,
        stream: TextIO | None = None,
        capacity: int = MAX_QUEUED_RECORDS,
    ) -> None:
        self.queue = Background("log", self._write, capacity)
        self._queue = _BoundedQueue(self.queue)
        self._queue.setLevel(LEVELS[config.level])
        self._output = _output(config, stream)
        self._output.setFormatter(_FORMATTERS[config.format]())
        self._reported = 0

    @property
    def dropped(self) -> int:
        """The number of records that did not fit into the queue."""
        return self._queue.dropped

    def open(self) -> None:
        """Start the writer and send all logging of the process here."""
        # Errors in formatting go to standard error by default, which may be the very
        # thing that hangs.
        logging.raiseExceptions = False
        # What no line shows need not be found out for each record ("Optimization" in
        # the logging HOWTO): a handler waits for it.
        logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
        root = logging.getLogger()
        root.handlers[:] = [self._queue]
        root.setLevel(self._queue.level)
        self.queue.open()

    def close(self) -> None:
        """Write what is queued, for half a second at most, and stop."""
        logging.getLogger().removeHandler(self._queue)
        if self.queue.close(FLUSH_DEADLINE_S):
            # What a full disk did not take is lost; the agent has stopped as asked all the same.
            with contextlib.suppress(OSError):
                self._output.close()

    def _write(self, record: logging.LogRecord) -> None:
        if not self._written(record):
            self._queue.dropped += 1
        elif self._queue.dropped != self._reported:
            self._report_dropped()

    def _written(self, record: logging.LogRecord) -> bool:
        try:
            self._output.handle(record)
        except Exception:  # noqa: BLE001  # a log that cannot be written now may be later
            return False
        return True

    def _report_dropped(self) -> None:
        dropped = self._queue.dropped
        record = logging.LogRecord(
            __name__,
            logging.WARNING,
            __file__,
            0,
            "%d log lines were dropped because the log output was too slow",
            (dropped - self._reported,),
            None,
        )
        if self._written(record):
            self._reported = dropped


def _output(config: settings.LogSettings, stream: TextIO | None) -> logging.Handler:
    if config.file:
        try:
            return logging.handlers.WatchedFileHandler(config.file, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise settings.SettingError(
                "log.file", config.file, "a file that can be opened for appending", str(error)
            ) from error
    return logging.StreamHandler(stream if stream is not None else sys.stderr or io.StringIO())


@dataclasses.dataclass(frozen=True, slots=True)
class Fields:
    """The changing part of a log line: names and values in the order they are shown.

    Used as the only argument of a constant message: `log.info("Created %s", Fields(...))`.
    The values are immutable; the writer's thread turns them into text.
    """

    values: Mapping[str, object]

    def __str__(self) -> str:
        return " ".join(f"{name}={_quoted(value)}" for name, value in self.values.items())


def _quoted(value: object) -> str:
    text = str(value)
    if text and not any(character.isspace() or character in '"=' for character in text):
        return text
    return msgspec.json.encode(text).decode()


def _timestamp(record: logging.LogRecord) -> str:
    moment = datetime.datetime.fromtimestamp(record.created, tz=datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _TextFormatter(logging.Formatter):
    """`2026-01-31T12:00:00.000Z INFO: message name=value ...`, one line each."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_timestamp(record)} {record.levelname}: {record.getMessage()}"
        if record.exc_info:
            line = f"{line} exception={_quoted(self.formatException(record.exc_info))}"
        # One record is one line, also when a name from outside has a line break in it.
        return line.replace("\r", "\\r").replace("\n", "\\n")


class _JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, message, and the fields."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, object] = {"time": _timestamp(record), "level": record.levelname.lower()}
        arguments = record.args if isinstance(record.args, tuple) else ()
        if len(arguments) == 1 and isinstance(arguments[0], Fields):
            entry["message"] = record.msg.replace("%s", "").strip()
            entry.update(
                (name, value if isinstance(value, int | float) else str(value))
                for name, value in arguments[0].values.items()
            )
        else:
            entry["message"] = record.getMessage()
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry).decode()


_FORMATTERS: Mapping[settings.LogFormat, Callable[[], logging.Formatter]] = {
    settings.LogFormat.TEXT: _TextFormatter,
    settings.LogFormat.JSON: _JsonFormatter,
}
