"""Any machine: regular or not, with gaps in its ids, and with levels that nobody knows."""

from hypothesis import strategies as st

from weka_cpuset.engine import Cpu, CpuSet
from weka_cpuset.machine import Machine, nodes_with

NAMES = st.text(st.characters(categories=("L", "N", "P")), min_size=1, max_size=20)


@st.composite
def machines(draw: st.DrawFn) -> Machine:
    """Draw a machine of up to 24 cpus, as sysfs would name its cores and LLC groups.

    Its nodes lie each in one package, its LLC groups in one node and its cores in one LLC
    group, as far as these levels are known.
    """
    ids = sorted(draw(st.sets(st.integers(0, 4095), min_size=1, max_size=24)))
    packages = _cut(draw, ids)
    nodes = [node for package in packages for node in _cut(draw, package)]
    llcs = [llc for node in nodes for llc in _cut(draw, node)]
    cores = [core for llc in llcs for core in _cut(draw, llc)]
    node_ids = draw(st.lists(st.integers(0, 63), min_size=len(nodes), max_size=64, unique=True))
    knows = {level: draw(st.booleans()) for level in ("core", "llc", "node", "package")}
    package_of = {cpu: number for number, package in enumerate(packages) for cpu in package}
    node_of = {cpu: node_ids[number] for number, node in enumerate(nodes) for cpu in node}
    llc_of = {cpu: min(llc) for llc in llcs for cpu in llc}
    core_of = {cpu: min(core) for core in cores for cpu in core}
    cpus = tuple(
        Cpu(
            cpu,
            core=core_of[cpu] if knows["core"] else None,
            llc=llc_of[cpu] if knows["llc"] else None,
            node=node_of[cpu] if knows["node"] else None,
            package=package_of[cpu] if knows["package"] else None,
        )
        for cpu in ids
    )
    offline = CpuSet.of(draw(st.sets(st.sampled_from(ids), max_size=len(ids) - 1)))
    # Ids beyond those of the cpus' nodes are of nodes that only have memory.
    known = node_ids if knows["node"] else []
    has_table = draw(st.booleans())
    distances = {
        one: {other: draw(st.integers(10, 255)) for other in known} if has_table else {}
        for one in known
    }
    memory = CpuSet.of(one for one in known if draw(st.booleans()))
    return Machine(draw(NAMES), cpus, offline, nodes_with(cpus, memory, distances))


def _cut(draw: st.DrawFn, cpus: list[int]) -> list[list[int]]:
    """Cut a group of cpus into some."""
    groups: dict[int, list[int]] = {}
    for cpu in cpus:
        groups.setdefault(draw(st.integers(0, 2)), []).append(cpu)
    return list(groups.values())
