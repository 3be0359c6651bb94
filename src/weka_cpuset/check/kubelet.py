"""kubelet's policies: its configuration file, its drop-ins, its flags, its state.

Sources: the KubeletConfiguration (kubelet.config.k8s.io/v1beta1) reference for the keys;
kubelet's command-line reference for the flags, which win over the file.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import msgspec

from weka_cpuset.check import files
from weka_cpuset.check.facts import CpuManagerState, KubeletConfig, NotReadable

DEFAULT_ROOT = Path("/var/lib/kubelet")
"""Where kubelet keeps its state, and by convention its configuration."""

_DEFAULT = KubeletConfig()


class _Config(msgspec.Struct, rename="camel"):
    cpu_manager_policy: str | None = None
    memory_manager_policy: str | None = None
    topology_manager_policy: str | None = None
    cgroup_driver: str | None = None


class _State(msgspec.Struct, rename="camel"):
    policy_name: str = "none"
    entries: dict[str, object] = {}


def read_config(path: Path | None, arguments: Sequence[str] | None, root: Path) -> KubeletConfig:
    """Read kubelet's policies.

    Args:
        path: The configuration file; None: the one that kubelet was started with, else
            `config.yaml` in `root`.
        arguments: The arguments of the running kubelet; None: it is not in sight.
        root: kubelet's folder.

    Raises:
        OSError: A file is there and cannot be read.
        NotReadable: A file is wrong, or missing though it was named, or kubelet is not in
            sight and its usual file is missing.
    """
    flags = _flags(arguments or ())
    named = path or (Path(flags["config"]) if "config" in flags else None)
    chosen = named or root / "config.yaml"
    tree = files.read_yaml(chosen)
    if tree is None and (named is not None or arguments is None):
        raise NotReadable(chosen, "is not there")
    tree = tree or {}
    if "config-dir" in flags:
        folder = Path(flags["config-dir"])
        for name in files.list_names(folder):
            if name.endswith(".conf"):
                tree = files.merge(tree, files.read_yaml(folder / name) or {})
    config = files.convert(chosen, tree, _Config)
    return KubeletConfig(
        cpu_manager=flags.get("cpu-manager-policy")
        or config.cpu_manager_policy
        or _DEFAULT.cpu_manager,
        memory_manager=flags.get("memory-manager-policy")
        or config.memory_manager_policy
        or _DEFAULT.memory_manager,
        topology_manager=flags.get("topology-manager-policy")
        or config.topology_manager_policy
        or _DEFAULT.topology_manager,
        cgroup_driver=flags.get("cgroup-driver") or config.cgroup_driver or None,
    )


def read_cpu_manager(root: Path) -> CpuManagerState | None:
    """Read what kubelet's CPU manager last wrote down; None if it wrote nothing.

    Args:
        root: kubelet's folder.

    Raises:
        OSError: The file is there and cannot be read.
        NotReadable: It cannot be understood.
    """
    path = root / "cpu_manager_state"
    data = files.read_bytes(path)
    if data is None:
        return None
    try:
        state = msgspec.json.decode(data, type=_State)
    except msgspec.DecodeError as error:
        raise NotReadable(path, f"is not kubelet's JSON: {error}") from error
    return CpuManagerState(state.policy_name, len(state.entries))


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    """Return the flags that have a value, written as `--flag=value` or `--flag value`."""
    flags: dict[str, str] = {}
    for argument, after in pairwise([*arguments, ""]):
        if not argument.startswith("--"):
            continue
        name, equals, value = argument[2:].partition("=")
        if equals:
            flags[name] = value
        elif after and not after.startswith("-"):
            flags[name] = after
    return flags
