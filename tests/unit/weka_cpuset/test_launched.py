"""An agent that the runtime launches."""

import syslog

import pytest

from weka_cpuset import launched
from weka_cpuset.settings import SettingError


def test_launched_is_told_by_the_environment() -> None:
    """The runtime hands its plugins a connection."""
    assert launched.is_launched({"NRI_PLUGIN_SOCKET": "3"})
    assert not launched.is_launched({"NRI_PLUGIN_SOCKET": ""})
    assert not launched.is_launched({})


def test_complaint_is_one_line_of_the_system_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what is wrong, and what holds instead."""
    lines: list[tuple[int, str]] = []
    monkeypatch.setattr(syslog, "syslog", lambda level, text: lines.append((level, text)))

    launched.complain(SettingError("cpus.reserved", "x", "a cpu list", "/etc/file"))

    ((level, text),) = lines
    assert syslog.LOG_ERR == level
    assert "cpus.reserved: 'x' (/etc/file)" in text
    assert "defaults" in text
