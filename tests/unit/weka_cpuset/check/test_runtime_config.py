"""Configuration of containerd 1.7 and 2.x, and of CRI-O."""

from pathlib import Path

import pytest

from weka_cpuset.check.facts import CgroupDriver, NotReadable, NriConfig, RuntimeKind, Validator
from weka_cpuset.check.runtime_config import parse_duration, read_config

CONTAINERD, CRIO = RuntimeKind.CONTAINERD, RuntimeKind.CRIO

OF_1_7 = """
version = 2
imports = ["conf.d/*.toml", "{folder}/more.toml"]
[plugins."io.containerd.nri.v1.nri"]
  disable = false
  socket_path = "/run/own.sock"
  plugin_path = "/opt/own"
  plugin_registration_timeout = "1m1.5s"
  plugin_request_timeout = "500ms"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
"""

OF_2 = """
version = 3
imports = ["conf.d/*.toml"]
[plugins.'io.containerd.nri.v1.nri']
  disable = true
  socket_path = "/run/own.sock"
  [plugins.'io.containerd.nri.v1.nri'.default_validator]
    enable = true
    required_plugins = ["weka-cpuset"]
    tolerate_missing_plugins_annotation = "a.b/c"
[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = "crun"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.crun.options]
    SystemdCgroup = true
"""

OF_CRIO = """
[crio.runtime]
cgroup_manager = "cgroupfs"
[crio.nri]
enable_nri = false
nri_listen = "/run/own.sock"
nri_plugin_dir = "/opt/own"
nri_disable_connections = true
nri_plugin_request_timeout = "3s"
[crio.nri.default_validator]
nri_enable_default_validator = true
nri_validator_required_plugins = ["weka-cpuset"]
"""

ENABLING = "[plugins.'io.containerd.nri.v1.nri']\ndisable = false\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the configuration file is to be."""
    return tmp_path / "config.toml"


def write(path: Path, content: str) -> None:
    """Write a file in a folder that may not be there yet."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(content.replace("{folder}", str(path.parent)))


def test_without_a_file_the_defaults_hold(path: Path) -> None:
    """Both runtimes run without a configuration file."""
    assert (NriConfig(), CgroupDriver.CGROUPFS) == (
        read_config(CONTAINERD, path, None).nri,
        read_config(CONTAINERD, path, None).cgroup_driver,
    )
    assert (NriConfig(), CgroupDriver.SYSTEMD) == (
        read_config(CRIO, path, None).nri,
        read_config(CRIO, path, None).cgroup_driver,
    )


def test_containerd_1_7(path: Path) -> None:
    """Version 2 of the file, with its timeouts and paths."""
    write(path, OF_1_7)
    config = read_config(CONTAINERD, path, None)
    assert config.nri == NriConfig(
        enabled=True,
        socket=Path("/run/own.sock"),
        plugin_folder=Path("/opt/own"),
        registration_timeout_s=61.5,
        request_timeout_s=0.5,
    )
    assert config.cgroup_driver is CgroupDriver.SYSTEMD


def test_an_import_replaces_the_section_in_1_7(path: Path) -> None:
    """In 1.7 an imported section stands in place of the first one."""
    write(path, OF_1_7)
    write(path.parent / "conf.d" / "10.toml", "[plugins.'io.containerd.nri.v1.nri']\n")
    for version in ((1, 7, 24), None):
        assert read_config(CONTAINERD, path, version).nri == NriConfig()


def test_an_import_adds_to_a_section_in_2(path: Path) -> None:
    """Release 2 merges them, also where the files are still those of 1.7."""
    write(path, OF_1_7)
    write(path.parent / "conf.d" / "10.toml", "[plugins.'io.containerd.nri.v1.nri']\n")
    found = read_config(CONTAINERD, path, (2, 1, 9)).nri
    assert (True, Path("/run/own.sock")) == (found.enabled, found.socket)


def test_imports_import(path: Path) -> None:
    """An imported file may import others, which count last; circles end."""
    write(path, OF_2)
    imports = 'imports = ["../deep.toml", "../config.toml"]\n'
    write(path.parent / "conf.d" / "10.toml", imports + ENABLING)
    write(path.parent / "deep.toml", ENABLING.replace("false", "true"))
    assert read_config(CONTAINERD, path, (2, 1, 9)).nri.enabled is False


def test_an_import_outside_of_the_folder(path: Path) -> None:
    """An import may have an absolute path."""
    write(path, OF_1_7)
    write(path.parent / "more.toml", 'disabled_plugins = ["io.containerd.nri.v1.nri"]\n')
    assert read_config(CONTAINERD, path, None).nri.enabled is False


def test_containerd_2(path: Path) -> None:
    """Version 3 of the file; an imported section is merged into the first one."""
    write(path, OF_2)
    assert read_config(CONTAINERD, path, None).nri.enabled is False
    write(path.parent / "conf.d" / "10.toml", ENABLING)
    config = read_config(CONTAINERD, path, None)
    assert config.nri == NriConfig(
        enabled=True,
        socket=Path("/run/own.sock"),
        validator=Validator(enabled=True, required=("weka-cpuset",), tolerate="a.b/c"),
    )
    assert config.cgroup_driver is CgroupDriver.SYSTEMD


def test_a_section_that_does_not_say(path: Path) -> None:
    """Neither enabled nor disabled: the release's default holds."""
    write(path, "version = 3\n[plugins.'io.containerd.nri.v1.nri']\ndisable_connections = true\n")
    config = read_config(CONTAINERD, path, None).nri
    assert config.enabled is None
    assert not config.connections


def test_crio_and_its_drop_ins(path: Path) -> None:
    """Files of the folder are read after the main file, in their order."""
    write(path, OF_CRIO)
    config = read_config(CRIO, path, None)
    assert config.cgroup_driver is CgroupDriver.CGROUPFS
    assert config.nri == NriConfig(
        enabled=False,
        connections=False,
        socket=Path("/run/own.sock"),
        plugin_folder=Path("/opt/own"),
        request_timeout_s=3.0,
        validator=Validator(enabled=True, required=("weka-cpuset",)),
    )
    folder = path.with_name("config.toml.d")
    write(folder / "10-on.conf", "[crio.nri]\nenable_nri = true\n")
    write(folder / "20-fast.conf", '[crio.nri]\nnri_plugin_request_timeout = "1s"\n')
    later = read_config(CRIO, path, None).nri
    assert (True, 1.0, config.nri.socket) == (later.enabled, later.request_timeout_s, later.socket)


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        (CONTAINERD, "version = [", "TOML"),
        (CONTAINERD, "plugins = 3", "plugins"),
        (CONTAINERD, ENABLING.replace("false", '"no"'), "disable"),
        (CONTAINERD, ENABLING + 'plugin_request_timeout = "soon"', "soon"),
        (CRIO, "crio = 3", "crio"),
        (CRIO, '[crio.runtime]\ncgroup_manager = "own"', "own"),
    ],
)
def test_what_the_runtime_would_not_take(
    kind: RuntimeKind, content: str, words: str, path: Path
) -> None:
    """A wrong file is named with what is wrong in it."""
    write(path, content)
    with pytest.raises(NotReadable, match=words):
        read_config(kind, path, None)


def test_endless_imports_end(path: Path) -> None:
    """A pattern that matches a whole disk is not followed."""
    write(path, 'imports = ["many/*"]\n')
    for number in range(101):
        write(path.parent / "many" / f"{number}.toml", "")
    with pytest.raises(NotReadable, match="imports"):
        read_config(CONTAINERD, path, None)


@pytest.mark.parametrize(
    ("duration", "seconds"), [("2s", 2.0), ("1h1m", 3660.0), ("0", 0.0), (2_000_000_000, 2.0)]
)
def test_durations(duration: str | int, seconds: float, path: Path) -> None:
    """Go's durations are understood."""
    assert parse_duration(duration, path) == pytest.approx(seconds)


@pytest.mark.parametrize("duration", ["", "2", "s", "2 s", "2s later", "-2s"])
def test_what_is_no_duration(duration: str, path: Path) -> None:
    """Other text is refused as a whole."""
    with pytest.raises(NotReadable):
        parse_duration(duration, path)
