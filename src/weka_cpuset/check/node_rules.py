"""Judging kubelet, the cgroup tree and the machine."""

from weka_cpuset.check.facts import Facts, RuntimeConfig, Unknown
from weka_cpuset.check.finding import Finding, Level, Topic, not_known
from weka_cpuset.engine import CpuSet

_NAME_KUBELETS_FILES = "name kubelet's files: --kubelet-config, --kubelet-root"


def judge_cpu_manager(facts: Facts) -> Finding:
    """Judge whether kubelet leaves cpus alone."""
    topic = Topic.CPU_MANAGER
    remedy = (
        "set `cpuManagerPolicy: none`, drain the node, stop kubelet, remove its "
        "cpu_manager_state, start kubelet"
    )
    state = facts.cpu_manager
    if not isinstance(facts.kubelet, Unknown) and facts.kubelet.cpu_manager != "none":
        return Finding(
            topic,
            Level.PROBLEM,
            f"kubelet's policy is {facts.kubelet.cpu_manager}: it sets cpusets of its own and "
            "undoes the agent's",
            remedy,
        )
    if not isinstance(state, Unknown) and state is not None and state.policy != "none":
        return Finding(
            topic,
            Level.PROBLEM,
            f"kubelet's state is of policy {state.policy} (pods with cpus of their own: "
            f"{state.exclusive}): kubelet will not start with another policy",
            remedy,
        )
    for fact in (facts.kubelet, state):
        if isinstance(fact, Unknown):
            return not_known(topic, fact, _NAME_KUBELETS_FILES)
    return Finding(topic, Level.OK, "kubelet leaves cpus alone: policy none")


def judge_memory_manager(facts: Facts) -> Finding:
    """Judge whether kubelet leaves memory nodes alone."""
    if isinstance(facts.kubelet, Unknown):
        return _kubelet_unknown(Topic.MEMORY_MANAGER, facts.kubelet)
    policy = facts.kubelet.memory_manager
    if policy != "None":
        return Finding(
            Topic.MEMORY_MANAGER,
            Level.PROBLEM,
            f"kubelet's policy is {policy}: it sets memory nodes of its own",
            "set `memoryManagerPolicy: None`, drain the node, stop kubelet, remove its "
            "memory_manager_state, start kubelet",
        )
    return Finding(Topic.MEMORY_MANAGER, Level.OK, "kubelet leaves memory nodes alone: policy None")


def judge_topology_manager(facts: Facts) -> Finding:
    """Judge whether kubelet refuses pods for a topology that it does not decide."""
    if isinstance(facts.kubelet, Unknown):
        return _kubelet_unknown(Topic.TOPOLOGY_MANAGER, facts.kubelet)
    policy = facts.kubelet.topology_manager
    if policy != "none":
        return Finding(
            Topic.TOPOLOGY_MANAGER,
            Level.WARNING,
            f"kubelet's policy is {policy}: it may refuse pods whose devices lie apart, and does "
            "not know where the agent places cpus",
            "set `topologyManagerPolicy: none` and restart kubelet",
        )
    return Finding(Topic.TOPOLOGY_MANAGER, Level.OK, "kubelet aligns nothing: policy none")


def judge_cgroup_driver(facts: Facts) -> Finding:
    """Judge whether runtime and kubelet use the same cgroup driver."""
    topic = Topic.CGROUP_DRIVER
    if not isinstance(facts.config, RuntimeConfig):
        return not_known(topic, facts.config)
    driver = facts.config.cgroup_driver
    if isinstance(facts.kubelet, Unknown) or facts.kubelet.cgroup_driver is None:
        return Finding(topic, Level.OK, f"the runtime uses {driver}; kubelet's is not said")
    if facts.kubelet.cgroup_driver != driver:
        return Finding(
            topic,
            Level.WARNING,
            f"the runtime uses {driver}, kubelet {facts.kubelet.cgroup_driver}",
            "use systemd for both where systemd is the init process; Kubernetes 1.31 and newer "
            "with a runtime that tells its driver go by the runtime",
        )
    return Finding(topic, Level.OK, f"runtime and kubelet use {driver}")


def judge_cgroup_tree(facts: Facts) -> Finding:
    """Judge whether containers can have cpusets at all."""
    topic = Topic.CGROUP_TREE
    if isinstance(facts.cgroups, Unknown):
        return not_known(topic, facts.cgroups, _NAME_THE_TREE)
    tree = facts.cgroups
    if not tree.cpuset:
        where = f"{tree.pods} has" if tree.pods is not None else "the tree has"
        return Finding(
            topic,
            Level.PROBLEM,
            f"version {tree.version}, but {where} no cpuset controller",
            "enable the controller: it must not be in the kernel's `cgroup_disable`, and with "
            "version 2 it must be in each parent's cgroup.subtree_control",
        )
    pods = f"pods below {tree.pods}" if tree.pods is not None else "no pods' cgroup yet"
    return Finding(topic, Level.OK, f"version {tree.version}, {pods}")


def judge_writable(facts: Facts) -> Finding:
    """Judge whether the agent can correct cpusets between two events."""
    topic = Topic.CGROUP_WRITABLE
    if isinstance(facts.cgroups, Unknown):
        return not_known(topic, facts.cgroups, _NAME_THE_TREE)
    writable = facts.cgroups.writable
    if isinstance(writable, Unknown):
        return not_known(topic, writable)
    if not writable:
        return Finding(
            topic,
            Level.WARNING,
            "the cgroup tree cannot be written: what no reply can carry waits for the next reply",
            "give the agent the host's cgroup tree, mounted writable",
        )
    return Finding(topic, Level.OK, "the cgroup tree can be written")


def judge_pod_cpus(facts: Facts) -> Finding:
    """Judge whether pods may run on all cpus that the agent gives away."""
    topic = Topic.POD_CPUS
    if isinstance(facts.cgroups, Unknown):
        return not_known(topic, facts.cgroups, _NAME_THE_TREE)
    if isinstance(facts.topology, Unknown):
        return not_known(topic, facts.topology, _NAME_SYSFS)
    allowed, online = facts.cgroups.pod_cpus, facts.topology.online
    if not allowed:
        return Finding(topic, Level.OK, "no limit is set above the pods")
    if online - allowed:
        return Finding(
            topic,
            Level.PROBLEM,
            f"{facts.cgroups.pods} allows {allowed} only; a container that is given a cpu of "
            f"{online - allowed} cannot start",
            "take the limit away (a slice's AllowedCPUs, kubelet's reserved cgroups, or whoever "
            "wrote it)",
        )
    return Finding(topic, Level.OK, f"pods may run on {allowed}")


def judge_cpus(facts: Facts) -> Finding:
    """Judge the cpus themselves, and the reserved ones among them."""
    topic = Topic.CPUS
    if isinstance(facts.topology, Unknown):
        return not_known(topic, facts.topology, _NAME_SYSFS)
    online, reserved = facts.topology.online, facts.wanted.reserved
    found = f"online {online}" + (f", reserved {reserved}" if reserved else "")
    if not online - reserved:
        return Finding(
            topic,
            Level.WARNING,
            f"{found}: no cpu is left for integer containers",
            "make cpus.reserved smaller",
        )
    if reserved - online:
        return Finding(
            topic,
            Level.WARNING,
            f"{found}: {reserved - online} of the reserved cpus is not online",
            "correct cpus.reserved",
        )
    offline = CpuSet.EMPTY if isinstance(facts.present, Unknown) else facts.present - online
    if offline:
        found += f", offline {offline}"
    return Finding(topic, Level.OK, found)


def judge_smt(facts: Facts) -> Finding:
    """Judge whether cores are cpus, or more than one cpu each."""
    topic = Topic.SMT
    if isinstance(facts.topology, Unknown):
        return not_known(topic, facts.topology, _NAME_SYSFS)
    cores, threads = len(facts.topology.cores), facts.topology.threads
    match threads:
        case 1:
            return Finding(topic, Level.OK, f"off: {cores} cores of one cpu")
        case 0:
            return Finding(
                topic,
                Level.OK,
                f"mixed: {cores} cores, not all with the same number of cpus; an integer "
                "container gets whole cores where its number of cpus allows",
            )
        case _:
            return Finding(
                topic,
                Level.OK,
                f"on: {cores} cores of {threads} cpus; a number of cpus that {threads} does not "
                "divide leaves a core that is shared with strangers",
            )


def judge_nodes(facts: Facts) -> Finding:
    """Judge the NUMA nodes."""
    topic = Topic.NODES
    if isinstance(facts.topology, Unknown):
        return not_known(topic, facts.topology, _NAME_SYSFS)
    nodes = facts.topology.numa.values()
    if not nodes:
        return Finding(
            topic,
            Level.WARNING,
            "the kernel describes no NUMA node: memory stays where the runtime has it",
            "on real hardware, look at the firmware's NUMA settings; in a virtual machine this "
            "is usual",
        )
    described = "; ".join(f"node {node.id}: cpus {node.cpus or 'none'}" for node in nodes)
    without = CpuSet.of(node.id for node in nodes if not node.has_memory)
    if without:
        return Finding(
            topic,
            Level.WARNING,
            f"{described}; without memory: {without}, the nearest node's is used instead",
            "if this is not meant, look at how the memory modules are fitted",
        )
    return Finding(topic, Level.OK, described)


_NAME_THE_TREE = "name the tree: --cgroups"
_NAME_SYSFS = "name the folder: --sysfs"


def _kubelet_unknown(topic: Topic, fact: Unknown) -> Finding:
    return not_known(topic, fact, _NAME_KUBELETS_FILES)
