"""The limits that a pod can set to how the cpus of its integer containers lie (rule 5)."""

from weka_cpuset.engine import CpuSet, IntegerDemand, Numa, Smt, Topology


def broken(topology: Topology, demand: IntegerDemand, cpus: CpuSet) -> str:
    """Tell which limit some cpus break.

    Args:
        topology: The machine.
        demand: What the container asks for.
        cpus: What it would have.

    Returns:
        What it asks for, in words; empty: no limit is broken.
    """
    preference = demand.preference
    if preference.smt is Smt.FULL_CORES:
        for core in topology.cores:
            if core & cpus and core - cpus:
                return "whole cores"
    if preference.numa is Numa.STRICT and sum(bool(node & cpus) for node in topology.nodes) > 1:
        return "one node"
    return ""
