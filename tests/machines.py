"""Literal machines and containers that the tests of all tiers share."""

from collections.abc import Mapping

from weka_cpuset.engine import (
    ContainerFacts,
    Cpu,
    CpuSet,
    Ledger,
    Node,
    Phase,
    PodFacts,
    Rules,
    Seen,
    Settle,
    Topology,
    decide,
)

GUARANTEED = "/kubepods/pod-x"
BURSTABLE = "/kubepods/burstable/pod-x"


def grid(packages: int, nodes: int, llcs: int, cores: int, threads: int) -> Topology:
    """Build a regular machine.

    Args:
        packages: Packages.
        nodes: Nodes per package.
        llcs: LLC groups per node.
        cores: Cores per LLC group.
        threads: Cpus per core; siblings are numbered apart, as kernels on x86 do.

    Returns:
        The machine; every node has memory.
    """
    total = packages * nodes * llcs * cores
    cpus = [
        Cpu(
            id=core + thread * total,
            core=core,
            llc=core // cores,
            node=core // (cores * llcs),
            package=core // (cores * llcs * nodes),
        )
        for core in range(total)
        for thread in range(threads)
    ]
    return Topology.build(cpus, [Node(one, CpuSet.EMPTY) for one in range(packages * nodes)])


def flat(cpus: int) -> Topology:
    """Build a machine of which nothing but the cpus is known."""
    return Topology.build(Cpu(one) for one in range(cpus))


def without(machine: Topology, offline: CpuSet) -> Topology:
    """Build the machine that is left when some cpus of one of the above go offline."""
    levels = (machine.cores, machine.llcs, machine.nodes, machine.packages)
    cpus = [
        Cpu(one, *(next(n for n, group in enumerate(level) if one in group) for level in levels))
        for one in machine.online - offline
    ]
    return Topology.build(cpus, [Node(one, CpuSet.EMPTY) for one in machine.numa])


LAPTOP = grid(packages=1, nodes=1, llcs=1, cores=4, threads=2)
"""8 cpus: cores {0,4} {1,5} {2,6} {3,7}."""

SERVER = grid(packages=2, nodes=1, llcs=2, cores=4, threads=2)
"""32 cpus in 2 packages of 2 LLC groups of 4 cores; siblings are n and n+16."""


def pod(name: str, *, guaranteed: bool = False, **annotations: str) -> PodFacts:
    """Make a pod. Annotations are named `cores`, `forbid`, `smt` and `numa`."""
    keys: Mapping[str, str] = {
        "cores": "weka.io/cores-ids",
        "forbid": "weka.io/forbid-core-ids",
        "smt": "weka.io/smt",
        "numa": "weka.io/numa",
    }
    return PodFacts(
        id=f"pod-{name}",
        uid=f"uid-{name}",
        namespace="test",
        name=name,
        annotations={keys[key]: value for key, value in annotations.items()},
        cgroup_parent=GUARANTEED if guaranteed else BURSTABLE,
    )


def container(name: str, whole: int = 0, cpus: str = "", attempt: int = 0) -> ContainerFacts:
    """Make the container of the pod with the same name.

    Args:
        name: Name of pod and container.
        whole: Its whole-cpu limit and request; 0 for none.
        cpus: The cpus on the runtime's record.
        attempt: Makes its id differ from those of other attempts.

    Returns:
        The container; its id is the name for attempt 0.
    """
    return ContainerFacts(
        id=f"{name}.{attempt}" if attempt else name,
        pod_id=f"pod-{name}",
        name="main",
        shares=1024 * whole or 2,
        quota=100_000 * whole,
        period=100_000 if whole else 0,
        memory_limit=1 << 30 if whole else 0,
        cpus=cpus,
    )


def ledger_of(
    topology: Topology, *containers: tuple[PodFacts, ContainerFacts], rules: Rules | None = None
) -> Ledger:
    """Make a settled ledger in which the given containers run, by showing them one by one."""
    ledger = Ledger.empty(topology, rules)
    for its_pod, one in containers:
        ledger = decide(ledger, Seen(its_pod, one, Phase.RUNNING)).ledger
        ledger = decide(ledger, Settle()).ledger
    ledger.check()
    return ledger
