"""All facts together, from the trees of a whole node."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nodesim.machines import grid
from nodesim.sysfs_files import write_sysfs
from tests.unit.weka_cpuset.check import trees
from weka_cpuset.check import facts as known
from weka_cpuset.check.gather import Sources, gather
from weka_cpuset.settings import NriSettings, Settings

RELEASE = known.RuntimeRelease(known.RuntimeKind.CONTAINERD, "2.1.9")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings for a node in a folder."""
    write_sysfs(grid("one", packages=1, cores=4, threads=2), tmp_path / "sys")
    return Settings(
        nri=NriSettings(socket=tmp_path / "nri.sock"),
        sysfs=tmp_path / "sys",
        cgroups=trees.write(tmp_path / "cgroup", trees.V2),
    )


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """A containerd and a kubelet that run, with files of their own."""
    own = tmp_path / "own.toml"
    own.write_text(f"version = 3\n[plugins.'io.containerd.nri.v1.nri']\nplugin_path = '{tmp_path}'")
    trees.write(tmp_path / "kubelet", {"config.yaml": "cgroupDriver: systemd\n"})
    proc = tmp_path / "proc"
    trees.write_processes(proc, [["/bin/containerd", "-c", str(own)], ["/bin/kubelet"]])
    return Sources(kubelet_root=tmp_path / "kubelet", proc=proc)


def print_version(sources: Sources, text: str) -> None:
    """Put a program in place that prints a version, as the running runtime's."""
    program = sources.proc / "1" / "exe"
    program.write_text(f"#!/bin/sh\necho '{text}'\n")
    program.chmod(0o700)


def test_a_node_is_known(settings: Settings, sources: Sources, tmp_path: Path) -> None:
    """The running processes lead to their files and to their version."""
    print_version(sources, "containerd github.com/containerd/containerd/v2 2.1.9 abcdef")
    (tmp_path / "10-other").touch(0o700)
    found = gather(settings, sources)
    assert RELEASE == found.release
    assert isinstance(found.config, known.RuntimeConfig)
    assert found.config.nri.plugin_folder == tmp_path
    assert found.plugins == ("10-other",)
    assert isinstance(found.kubelet, known.KubeletConfig)
    assert found.kubelet.cgroup_driver == "systemd"
    assert found.socket is known.SocketState.MISSING
    assert isinstance(found.programs, known.Programs)


def test_crio_prints_its_version_its_own_way(settings: Settings, sources: Sources) -> None:
    """The version is the third word at CRI-O too."""
    trees.write_processes(sources.proc, [["/bin/crio", "-c", "/none"], ["/bin/kubelet"]])
    print_version(sources, "crio version 1.31.0")
    expected = known.RuntimeRelease(known.RuntimeKind.CRIO, "1.31.0")
    assert expected == gather(settings, sources).release


@pytest.mark.parametrize("text", ["", "containerd"])
def test_a_program_that_prints_no_version(text: str, settings: Settings, sources: Sources) -> None:
    """What is no version is not taken for one."""
    print_version(sources, text)
    assert isinstance(gather(settings, sources).release, known.Unknown)


def test_a_program_that_cannot_be_run(settings: Settings, sources: Sources) -> None:
    """Without the rights to run it, the version is unknown and the reason says so."""
    (sources.proc / "1" / "exe").touch(0o600)
    release = gather(settings, sources).release
    assert isinstance(release, known.Unknown)
    assert known.RUN_AS_ROOT == release.remedy
    (sources.proc / "1" / "exe").unlink()
    assert isinstance(gather(settings, sources).release, known.Unknown)


def test_options_win(settings: Settings, sources: Sources, tmp_path: Path) -> None:
    """What is named is used, whatever runs."""
    named = tmp_path / "named.toml"
    chosen = replace(sources, release=RELEASE, runtime_config=named)
    unread = gather(settings, chosen)
    assert isinstance(unread.config, known.Unknown)
    assert unread.plugins == unread.config, (
        "the default folder's plugins may be none of this runtime"
    )
    named.write_text("disabled_plugins = ['io.containerd.nri.v1.nri']\n")
    found = gather(settings, chosen)
    assert RELEASE == found.release
    assert isinstance(found.config, known.RuntimeConfig)
    assert found.config.nri.enabled is False


def test_an_installed_runtime_is_found(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runtime that does not run is known by its program, if there is only one."""
    here = tmp_path / "containerd"
    here.write_text("#!/bin/sh\necho containerd its.home 1.7.24~ds1\n")
    here.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}")
    found = gather(settings, Sources(kubelet_root=tmp_path, proc=tmp_path))
    assert known.RuntimeRelease(known.RuntimeKind.CONTAINERD, "1.7.24~ds1") == found.release


def share_mounts(sources: Sources, *, same: bool) -> None:
    """Put the runtime and the check into one mount name space, or into two."""
    trees.write(sources.proc, {"1/ns/mnt": "", "self/ns/other": ""})
    space = sources.proc / "self" / "ns" / "mnt"
    if same:
        space.hardlink_to(sources.proc / "1" / "ns" / "mnt")
    else:
        space.touch()


@pytest.mark.parametrize("same", [False, True])
def test_what_is_not_mounted_is_not_missing(
    settings: Settings, sources: Sources, tmp_path: Path, *, same: bool
) -> None:
    """In a pod that lacks the host's folders nobody is told that all is at its default."""
    folder = tmp_path / "not-there"
    own = tmp_path / "own.toml"
    own.write_text(f"[plugins.'io.containerd.nri.v1.nri']\nplugin_path = '{folder}'\n")
    share_mounts(sources, same=same)
    plugins = gather(settings, sources).plugins
    assert plugins == () if same else isinstance(plugins, known.Unknown)


def test_a_missing_file_of_a_runtime_out_of_sight(settings: Settings, tmp_path: Path) -> None:
    """Without the runtime nobody knows whether the file is missing or elsewhere."""
    sources = Sources(release=RELEASE, kubelet_root=tmp_path, proc=tmp_path)
    config = gather(settings, sources).config
    assert isinstance(config, known.Unknown)


def test_an_empty_node_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is nothing, nothing is known, and nothing ends the check."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    settings = Settings(
        nri=NriSettings(socket=tmp_path / "nri.sock"), sysfs=tmp_path, cgroups=tmp_path
    )
    found = gather(settings, Sources(kubelet_root=tmp_path, proc=tmp_path))
    for fact in (found.release, found.config, found.kubelet, found.programs, found.topology):
        assert isinstance(fact, known.Unknown)
