"""All facts of a node, from the places where they are."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nri.version import parse_version
from weka_cpuset.check import host, kubelet, processes, runtime_config
from weka_cpuset.check.facts import (
    RUN_AS_ROOT,
    Facts,
    NotReadable,
    RuntimeConfig,
    RuntimeKind,
    RuntimeRelease,
    Unknown,
    Wanted,
    establish,
)
from weka_cpuset.check.releases import Version
from weka_cpuset.check.runtime_rules import sets_cpusets
from weka_cpuset.settings import Settings

VERSION_TIMEOUT_S = 10.0
"""How long a runtime may take to print its version, in seconds."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts come from, beside the agent's settings.

    Attributes:
        release: The runtime; None: the one that runs, or is installed.
        runtime_config: Its configuration file; None: the one that it was started with, or
            its usual one.
        kubelet_config: kubelet's configuration file; None: likewise.
        kubelet_root: kubelet's folder.
        proc: Where procfs is mounted.
        connect: Whether to connect to the NRI socket.
    """

    release: RuntimeRelease | None = None
    runtime_config: Path | None = None
    kubelet_config: Path | None = None
    kubelet_root: Path = kubelet.DEFAULT_ROOT
    proc: Path = Path("/proc")
    connect: bool = False


def gather(settings: Settings, sources: Sources) -> Facts:
    """Read all facts; what cannot be read is unknown.

    Args:
        settings: The agent's settings.
        sources: Where to look.
    """
    proc, socket = sources.proc, settings.nri.socket
    found = establish(lambda: processes.read_processes(proc))
    running = () if isinstance(found, Unknown) else found
    runtime, own = processes.find_runtime(running), processes.find_kubelet(running)
    release = establish(lambda: _read_release(sources, runtime))
    version = None if isinstance(release, Unknown) else parse_version(release.version)
    config = establish(lambda: _read_config(sources, runtime, version))
    return Facts(
        wanted=Wanted(socket, settings.nri.name, settings.nri.index, settings.cpus.reserved),
        release=release,
        config=config,
        socket=establish(lambda: host.read_socket(socket, proc, connect=sources.connect)),
        plugins=(
            config
            if isinstance(config, Unknown)  # so it is not known where the folder is
            else establish(lambda: _read_plugins(config.nri.plugin_folder, sources, runtime))
        ),
        agent_connected=establish(lambda: host.is_locked(socket.parent, proc)),
        programs=establish(lambda: processes.find_programs(running, sets_cpusets)),
        kubelet=establish(
            lambda: kubelet.read_config(
                sources.kubelet_config, own.arguments if own else None, sources.kubelet_root
            )
        ),
        cpu_manager=establish(lambda: kubelet.read_cpu_manager(sources.kubelet_root)),
        cgroups=establish(lambda: host.read_cgroups(settings.cgroups)),
        topology=establish(lambda: host.read_topology(settings.sysfs)),
        present=establish(lambda: host.read_present(settings.sysfs)),
    )


def _find_kind(sources: Sources, runtime: processes.Process | None) -> RuntimeKind:
    if sources.release is not None:
        return sources.release.kind
    if runtime is not None:
        return RuntimeKind(runtime.program)
    installed = [kind for kind in RuntimeKind if shutil.which(kind)]
    if len(installed) != 1:
        raise NotReadable("runtime", "neither containerd nor CRI-O is seen to run")
    return installed[0]


def _read_config(
    sources: Sources, runtime: processes.Process | None, version: Version | None
) -> RuntimeConfig:
    kind = _find_kind(sources, runtime)
    named = sources.runtime_config
    if named is None and runtime is not None and runtime.program == kind:
        started_with = processes.option(runtime, "--config", "-c")
        named = Path(started_with) if started_with else None
    if named is not None and not named.exists():
        raise NotReadable(named, "is not there")
    path = named or runtime_config.DEFAULT_FILE[kind]
    _require_in_sight(path, sources, runtime)
    return runtime_config.read_config(kind, path, version)


def _read_plugins(
    folder: Path, sources: Sources, runtime: processes.Process | None
) -> tuple[str, ...]:
    _require_in_sight(folder, sources, runtime)
    return host.read_plugins(folder)


def _require_in_sight(path: Path, sources: Sources, runtime: processes.Process | None) -> None:
    """Take a missing path for missing only where the runtime would not see it either.

    Raises:
        OSError: It cannot be told, for lack of rights.
        NotReadable: It may be there for the runtime.
    """
    if path.exists():
        return
    if runtime is None:
        raise NotReadable(path, "is not there, and no runtime is seen to run without it")
    spaces = [sources.proc / name / "ns" / "mnt" for name in (str(runtime.pid), "self")]
    if len({space.stat().st_ino for space in spaces}) > 1:
        raise NotReadable(path, "is not in sight", "mount the host's folder at the same place")


def _read_release(sources: Sources, runtime: processes.Process | None) -> RuntimeRelease:
    """Return the runtime's release, as its program prints it."""
    if sources.release is not None:
        return sources.release
    kind = _find_kind(sources, runtime)
    # The link leads to the running program, also in another mount name space.
    program = f"{sources.proc}/{runtime.pid}/exe" if runtime else str(kind)
    try:
        shown = subprocess.run(  # noqa: S603  # the runtime's own program, without a shell
            [program, "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_TIMEOUT_S,
            check=True,
            stdin=subprocess.DEVNULL,
        ).stdout.split()
    except PermissionError as error:
        raise NotReadable(f"{kind}'s version", "its program may not be run", RUN_AS_ROOT) from error
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
        raise NotReadable(f"{kind}'s version", "its program does not print it") from error
    # `containerd github.com/containerd/containerd 1.7.24 …` and `crio version 1.31.0 …`
    if len(shown) < 3:
        raise NotReadable(f"{kind}'s version", "its program does not print it")
    return RuntimeRelease(kind, shown[2])
