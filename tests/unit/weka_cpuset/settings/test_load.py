"""Settings: four sources, one check, and errors that name key, value and what is allowed."""

from pathlib import Path

import pytest

from weka_cpuset import settings
from weka_cpuset.engine import CpuSet


def write(folder: Path, text: str) -> Path:
    """Write a settings file and return its path."""
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def test_defaults_are_those_of_the_runtimes() -> None:
    """With no source at all the agent finds containerd and CRI-O as they are installed."""
    loaded = settings.load(None, {}, {})
    assert settings.Settings() == loaded
    assert str(loaded.nri.socket) == "/var/run/nri/nri.sock"
    assert (loaded.nri.name, loaded.nri.index) == ("weka-cpuset", "99")


def test_later_sources_win(tmp_path: Path) -> None:
    """Flags win over the environment, the environment over the file, the file over defaults."""
    file = write(tmp_path, "nri: {socket: /file, index: '10', name: file}\nlog: {level: error}\n")
    environment = {"NRI_SOCKET": "/environment", "NRI_PLUGIN_IDX": "20"}
    loaded = settings.load(file, environment, {"nri.socket": "/flag"})
    assert str(loaded.nri.socket) == "/flag"
    assert loaded.nri.index == "20"
    assert loaded.nri.name == "file"
    assert loaded.log.level is settings.LogLevel.ERROR
    assert loaded.log.format is settings.LogFormat.TEXT


def test_every_setting_can_be_set_in_the_file(tmp_path: Path) -> None:
    """Each row of the table reaches its field."""
    file = write(
        tmp_path,
        """
nri: {socket: /s, name: n, index: 7, registration_timeout_s: 1,
      synchronize_timeout_s: 60, reconnect_min_s: 0.5, reconnect_max_s: 2}
cpus: {reserved: "0,2-3", min_shared: 4}
settle: {way: reply}
audit: {interval_s: 3}
log: {level: debug, format: json, file: /l}
sysfs: /y
cgroups: /z
dry_run: true
""",
    )
    expected = settings.Settings(
        nri=settings.NriSettings(Path("/s"), "n", "07", 1.0, 60.0, 0.5, 2.0),
        cpus=settings.CpuSettings(CpuSet.of([0, 2, 3]), 4),
        settle=settings.SettleSettings(settings.Way.REPLY),
        audit=settings.AuditSettings(3.0),
        log=settings.LogSettings(settings.LogLevel.DEBUG, settings.LogFormat.JSON, "/l"),
        sysfs=Path("/y"),
        cgroups=Path("/z"),
        dry_run=True,
    )
    assert expected == settings.load(file, {}, {})


def test_program_name_gives_index_and_name() -> None:
    """An executable named as a runtime wants its plugins says who it is, unless told otherwise."""
    loaded = settings.load(None, {}, {}, program="/opt/nri/plugins/42-other-name")
    assert (loaded.nri.index, loaded.nri.name) == ("42", "other-name")
    told = settings.load(None, {"NRI_PLUGIN_IDX": "43"}, {}, program="/plugins/42-other-name")
    assert (told.nri.index, told.nri.name) == ("43", "other-name")
    plain = settings.load(None, {}, {}, program="/usr/bin/weka-cpuset")
    assert (plain.nri.index, plain.nri.name) == ("99", "weka-cpuset")


@pytest.mark.parametrize("text", ["", "---\n", "cpus:\n", "nri: {}\n"])
def test_empty_file_means_defaults(tmp_path: Path, text: str) -> None:
    """A file, or a group, with nothing in it sets nothing."""
    assert settings.Settings() == settings.load(write(tmp_path, text), {}, {})


def test_reserved_cpu_may_be_a_bare_number(tmp_path: Path) -> None:
    """`reserved: 3` is the list of one cpu, not a type error."""
    loaded = settings.load(write(tmp_path, "cpus: {reserved: 3}"), {}, {})
    assert CpuSet.of([3]) == loaded.cpus.reserved


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nri.socket", "relative/path"),
        ("nri.socket", 7),
        ("nri.name", "sp ace"),
        ("nri.name", ""),
        ("nri.index", "100"),
        ("nri.index", "1"),
        ("nri.index", True),
        ("nri.registration_timeout_s", 0),
        ("nri.reconnect_min_s", "soon"),
        ("nri.reconnect_max_s", 1e9),
        ("cpus.reserved", "0-4000000000"),
        ("cpus.reserved", "a"),
        ("cpus.reserved", [0, 1]),
        ("cpus.min_shared", -1),
        ("cpus.min_shared", "many"),
        ("log.level", "loud"),
        ("log.format", "xml"),
        ("log.file", 3),
        ("sysfs", "sys"),
        ("dry_run", "perhaps"),
    ],
)
def test_bad_value_names_key_value_and_what_is_allowed(key: str, value: object) -> None:
    """The error is one line with all that is needed to mend the setting."""
    row = next(row for row in settings.TABLE if row.key == key)
    with pytest.raises(settings.SettingError) as caught:
        settings.load(None, {}, {key: value})
    assert (key, value, row.allowed) == (
        caught.value.key,
        caught.value.value,
        caught.value.allowed,
    )
    text = str(caught.value)
    assert text.startswith(f"{key}: {value!r}")
    assert row.allowed in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("variable", "value"), [("NRI_PLUGIN_IDX", "9"), ("WEKA_CPUSET_MIN_SHARED", "x")]
)
def test_bad_variable_is_named(variable: str, value: str) -> None:
    """An error from the environment says which variable has the value."""
    with pytest.raises(settings.SettingError) as caught:
        settings.load(None, {variable: value}, {})
    assert variable == caught.value.origin
    assert variable in str(caught.value)


def test_empty_variable_counts_as_not_set() -> None:
    """`NRI_SOCKET=` is what many init scripts write for "no value"."""
    assert settings.Settings() == settings.load(None, {"NRI_SOCKET": ""}, {})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("cpu: {reserved: 0}", "cpu"),
        ("cpus: {reserve: 0}", "cpus.reserve"),
        ("nri.socket: /s", None),
        ("cpus: 3", "cpus"),
        ("1: 2", "1"),
    ],
)
def test_unknown_key_is_named_with_its_value(tmp_path: Path, text: str, key: str | None) -> None:
    """A key that no setting has is an error which lists the known ones; dotted keys work."""
    file = write(tmp_path, text)
    if key is None:
        assert str(settings.load(file, {}, {}).nri.socket) == "/s"
        return
    with pytest.raises(settings.UnknownSetting) as caught:
        settings.load(file, {}, {})
    assert key == caught.value.key
    assert "cpus.reserved" in str(caught.value)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"nri: [", "not valid YAML at line 1"),
        (b"- a\n- b\n", "mapping"),
        (b"\xff\xfe\x00", "not valid YAML"),
        (b"a: b\n" * 300_000, "larger than"),
    ],
    ids=["broken", "list", "binary", "huge"],
)
def test_unusable_file_says_what_is_wrong(tmp_path: Path, content: bytes, problem: str) -> None:
    """A file that is no settings file is refused in one line, whatever is in it."""
    file = tmp_path / "config.yaml"
    file.write_bytes(content)
    with pytest.raises(settings.UnreadableSettings) as caught:
        settings.load(file, {}, {})
    assert file == caught.value.path
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_an_error(tmp_path: Path) -> None:
    """A file that was named must be there."""
    with pytest.raises(settings.UnreadableSettings):
        settings.load(tmp_path / "missing.yaml", {}, {})


def test_pauses_must_be_in_order() -> None:
    """The shortest pause may not be longer than the longest."""
    with pytest.raises(settings.SettingError) as caught:
        settings.load(None, {}, {"nri.reconnect_min_s": 3, "nri.reconnect_max_s": 2})
    assert caught.value.key == "nri.reconnect_min_s"
