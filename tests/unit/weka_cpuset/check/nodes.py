"""Facts of a node on which all is well, and of nodes that differ from it in one thing."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from weka_cpuset.check.facts import (
    CgroupDriver,
    CgroupTree,
    Fact,
    Facts,
    KubeletConfig,
    NriConfig,
    Programs,
    RuntimeConfig,
    RuntimeKind,
    RuntimeRelease,
    SocketState,
    Unknown,
    Validator,
    Wanted,
)
from weka_cpuset.engine import Cpu, CpuSet, Node, Topology

T = TypeVar("T")

SOCKET = Path("/var/run/nri/nri.sock")

CLOSED = Validator(enabled=True, required=("weka-cpuset",), tolerate="weka.io/without-cpuset")


def machine(*, threads: int = 2, memory: tuple[int, ...] = (0, 1)) -> Topology:
    """A machine with 8 cpus on two nodes."""
    nodes = [
        Node(node, CpuSet.of(range(node, 8, 2)), has_memory=node in memory) for node in range(2)
    ]
    cpus = [Cpu(cpu, core=cpu % (8 // threads), node=cpu % 2, package=cpu % 2) for cpu in range(8)]
    return Topology.build(cpus, nodes)


GOOD = Facts(
    wanted=Wanted(SOCKET, "weka-cpuset", "99", CpuSet.EMPTY),
    release=RuntimeRelease(RuntimeKind.CONTAINERD, "2.2.3"),
    config=RuntimeConfig(RuntimeKind.CONTAINERD, NriConfig(validator=CLOSED), CgroupDriver.SYSTEMD),
    socket=SocketState.LISTENING,
    plugins=(),
    agent_connected=True,
    programs=Programs(agents=1, rivals=()),
    kubelet=KubeletConfig(cgroup_driver="systemd"),
    cpu_manager=None,
    cgroups=CgroupTree(2, "kubepods.slice", CpuSet.parse("0-7"), cpuset=True, writable=True),
    topology=machine(),
    present=CpuSet.parse("0-7"),
)


def unread(facts: Facts, names: Collection[str], reason: str) -> Facts:
    """The same node where the facts of these names could not be read.

    Each fact is named here, so a new one that is forgotten does not go unnoticed.
    """

    def of(name: str, fact: Fact[T]) -> Fact[T]:
        return Unknown(reason) if name in names else fact

    return Facts(
        wanted=facts.wanted,
        release=of("release", facts.release),
        config=of("config", facts.config),
        socket=of("socket", facts.socket),
        plugins=of("plugins", facts.plugins),
        agent_connected=of("agent_connected", facts.agent_connected),
        programs=of("programs", facts.programs),
        kubelet=of("kubelet", facts.kubelet),
        cpu_manager=of("cpu_manager", facts.cpu_manager),
        cgroups=of("cgroups", facts.cgroups),
        topology=of("topology", facts.topology),
        present=of("present", facts.present),
    )


def with_nri(facts: Facts = GOOD, **changes: object) -> Facts:
    """The node with other settings in its runtime's NRI section."""
    assert isinstance(facts.config, RuntimeConfig)
    nri = replace(facts.config.nri, **changes)  # type: ignore[arg-type]  # the caller names fields
    return replace(facts, config=replace(facts.config, nri=nri))


def with_release(version: str, kind: RuntimeKind = RuntimeKind.CONTAINERD) -> Facts:
    """The node with another runtime."""
    assert isinstance(GOOD.config, RuntimeConfig)
    config = replace(GOOD.config, kind=kind)
    return replace(GOOD, release=RuntimeRelease(kind, version), config=config)
