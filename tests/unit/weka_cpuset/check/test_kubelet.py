"""kubelet's policies: file, drop-ins, flags, state."""

from pathlib import Path

import pytest

from weka_cpuset.check.facts import CpuManagerState, KubeletConfig, NotReadable
from weka_cpuset.check.kubelet import read_config, read_cpu_manager

CONFIG = """
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cpuManagerPolicy: static
memoryManagerPolicy: ""
topologyManagerPolicy: restricted
cgroupDriver: systemd
"""

STATE = (
    '{"policyName":"static","defaultCpuSet":"0,3-7","entries":{"uid":{"main":"1-2"}},"checksum":1}'
)


def test_the_file_is_read(tmp_path: Path) -> None:
    """What the file says counts; an empty value is the default."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    expected = KubeletConfig(
        cpu_manager="static", topology_manager="restricted", cgroup_driver="systemd"
    )
    assert expected == read_config(None, None, tmp_path)
    assert expected == read_config(tmp_path / "config.yaml", None, tmp_path / "elsewhere")


def test_flags_win(tmp_path: Path) -> None:
    """Flags win over the file, in both ways of writing them."""
    path = tmp_path / "own.yaml"
    path.write_text(CONFIG)
    arguments = ("kubelet", f"--config={path}", "--cpu-manager-policy", "none", "--v=2", "--fail")
    found = read_config(None, arguments, tmp_path)
    assert ("none", "restricted") == (found.cpu_manager, found.topology_manager)


def test_drop_ins_win_over_the_file(tmp_path: Path) -> None:
    """Files of the drop-in folder that end in .conf are read in their order."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "10.conf").write_text("cpuManagerPolicy: none\n")
    (tmp_path / "20.yaml").write_text("cpuManagerPolicy: static\n")
    found = read_config(None, ("kubelet", f"--config-dir={tmp_path}"), tmp_path)
    assert found.cpu_manager == "none"


def test_a_kubelet_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    """A kubelet that runs and was given no file has none."""
    assert KubeletConfig() == read_config(None, ("kubelet",), tmp_path)


def test_a_missing_file_is_not_taken_for_defaults(tmp_path: Path) -> None:
    """Where kubelet is not in sight, or the file was named, missing is not known."""
    named = tmp_path / "own.yaml"
    for path, arguments in ((None, None), (named, None), (None, ("kubelet", f"--config={named}"))):
        with pytest.raises(NotReadable, match="not there"):
            read_config(path, arguments, tmp_path)


@pytest.mark.parametrize("content", ["cpuManagerPolicy: 3", "a: [", "- a"])
def test_a_malformed_file(content: str, tmp_path: Path) -> None:
    """A wrong file is named."""
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(NotReadable, match=r"config\.yaml"):
        read_config(None, None, tmp_path)


def test_the_state_is_read(tmp_path: Path) -> None:
    """The state says which policy wrote it and how many pods have cpus of their own."""
    assert read_cpu_manager(tmp_path) is None
    (tmp_path / "cpu_manager_state").write_text(STATE)
    assert CpuManagerState("static", 1) == read_cpu_manager(tmp_path)


@pytest.mark.parametrize("content", ["", "{", '{"policyName": 3}'])
def test_a_malformed_state(content: str, tmp_path: Path) -> None:
    """A wrong state is named."""
    (tmp_path / "cpu_manager_state").write_text(content)
    with pytest.raises(NotReadable, match="cpu_manager_state"):
        read_cpu_manager(tmp_path)
