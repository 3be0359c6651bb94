"""Each rule: the facts that make it warn or see a problem, and those that do not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.weka_cpuset.check.nodes import GOOD, SOCKET, machine, with_nri, with_release
from weka_cpuset.check.facts import (
    CgroupDriver,
    CgroupTree,
    CpuManagerState,
    Facts,
    KubeletConfig,
    NriConfig,
    Programs,
    RuntimeConfig,
    RuntimeKind,
    SocketState,
    Unknown,
    Validator,
)
from weka_cpuset.check.finding import Finding, Level, Topic
from weka_cpuset.check.judge import judge
from weka_cpuset.engine import Cpu, CpuSet, Topology

OK, WARNING, PROBLEM, UNKNOWN = Level.OK, Level.WARNING, Level.PROBLEM, Level.UNKNOWN
LAUNCHED = ("99-weka-cpuset",)
V2 = CgroupTree(2, "kubepods.slice", CpuSet.parse("0-7"), cpuset=True, writable=True)

BAD: Mapping[str, tuple[Facts, Topic, Level]] = {
    "runtime without NRI": (with_release("1.6.20~ds1"), Topic.RUNTIME, PROBLEM),
    "CRI-O without NRI": (with_release("1.25.1", RuntimeKind.CRIO), Topic.RUNTIME, PROBLEM),
    "registration can dead-lock": (with_release("1.7.13"), Topic.RUNTIME, WARNING),
    "launched and not synchronized": (
        replace(with_release("1.7.24"), plugins=LAUNCHED),
        Topic.RUNTIME,
        WARNING,
    ),
    "version without sense": (with_release("devel"), Topic.RUNTIME, UNKNOWN),
    "disabled": (with_nri(enabled=False), Topic.NRI_ENABLED, PROBLEM),
    "disabled by default": (with_release("1.7.24"), Topic.NRI_ENABLED, PROBLEM),
    "CRI-O: disabled by default": (
        with_release("1.29.0", RuntimeKind.CRIO),
        Topic.NRI_ENABLED,
        PROBLEM,
    ),
    "default not known": (with_release("devel"), Topic.NRI_ENABLED, UNKNOWN),
    "no connections": (with_nri(connections=False), Topic.NRI_ENABLED, PROBLEM),
    "another socket": (
        with_nri(socket=Path("/run/elsewhere.sock")),
        Topic.NRI_SOCKET,
        PROBLEM,
    ),
    "no socket": (replace(GOOD, socket=SocketState.MISSING), Topic.NRI_SOCKET, PROBLEM),
    "a file": (replace(GOOD, socket=SocketState.NO_SOCKET), Topic.NRI_SOCKET, PROBLEM),
    "refused": (replace(GOOD, socket=SocketState.REFUSES), Topic.NRI_SOCKET, PROBLEM),
    "nobody listens": (replace(GOOD, socket=SocketState.SILENT), Topic.NRI_SOCKET, WARNING),
    "short request timeout": (with_nri(request_timeout_s=0.2), Topic.NRI_TIMEOUTS, WARNING),
    "long request timeout": (with_nri(request_timeout_s=60.0), Topic.NRI_TIMEOUTS, WARNING),
    "short registration": (with_nri(registration_timeout_s=0.5), Topic.NRI_TIMEOUTS, WARNING),
    "no validator": (with_nri(validator=Validator()), Topic.VALIDATOR, WARNING),
    "validator for another": (
        with_nri(validator=Validator(enabled=True, required=("other",))),
        Topic.VALIDATOR,
        WARNING,
    ),
    "validator for another index": (
        with_nri(validator=Validator(enabled=True, required=("10-weka-cpuset",))),
        Topic.VALIDATOR,
        PROBLEM,
    ),
    "validator shuts the agent out": (
        with_nri(validator=Validator(enabled=True, required=("weka-cpuset",))),
        Topic.VALIDATOR,
        WARNING,
    ),
    "validators not yet invented": (with_release("2.1.9"), Topic.VALIDATOR, WARNING),
    "executable of a bad name": (
        replace(GOOD, plugins=("README", "10-good")),
        Topic.OTHER_PLUGINS,
        PROBLEM,
    ),
    "rival launched": (
        replace(GOOD, plugins=("90-nri-resource-policy-balloons",)),
        Topic.OTHER_PLUGINS,
        PROBLEM,
    ),
    "rival running": (
        replace(GOOD, programs=Programs(agents=1, rivals=("dracpu",))),
        Topic.OTHER_PLUGINS,
        PROBLEM,
    ),
    "two agents": (replace(GOOD, programs=Programs(agents=2, rivals=())), Topic.AGENT, PROBLEM),
    "agents out of sight": (
        replace(GOOD, agent_connected=False, programs=Unknown("?", "look elsewhere")),
        Topic.AGENT,
        UNKNOWN,
    ),
    "static cpu manager": (
        replace(GOOD, kubelet=KubeletConfig(cpu_manager="static")),
        Topic.CPU_MANAGER,
        PROBLEM,
    ),
    "state of a static cpu manager": (
        replace(GOOD, cpu_manager=CpuManagerState("static", 3)),
        Topic.CPU_MANAGER,
        PROBLEM,
    ),
    "static memory manager": (
        replace(GOOD, kubelet=KubeletConfig(memory_manager="Static")),
        Topic.MEMORY_MANAGER,
        PROBLEM,
    ),
    "topology manager": (
        replace(GOOD, kubelet=KubeletConfig(topology_manager="restricted")),
        Topic.TOPOLOGY_MANAGER,
        WARNING,
    ),
    "two cgroup drivers": (
        replace(GOOD, kubelet=KubeletConfig(cgroup_driver="cgroupfs")),
        Topic.CGROUP_DRIVER,
        WARNING,
    ),
    "no cpuset controller": (
        replace(GOOD, cgroups=replace(V2, cpuset=False)),
        Topic.CGROUP_TREE,
        PROBLEM,
    ),
    "read-only tree": (
        replace(GOOD, cgroups=replace(V2, writable=False)),
        Topic.CGROUP_WRITABLE,
        WARNING,
    ),
    "pods are limited": (
        replace(GOOD, cgroups=replace(V2, pod_cpus=CpuSet.parse("0-5"))),
        Topic.POD_CPUS,
        PROBLEM,
    ),
    "all reserved": (
        replace(GOOD, wanted=replace(GOOD.wanted, reserved=CpuSet.parse("0-7"))),
        Topic.CPUS,
        WARNING,
    ),
    "reserved and not there": (
        replace(GOOD, wanted=replace(GOOD.wanted, reserved=CpuSet.parse("0,64"))),
        Topic.CPUS,
        WARNING,
    ),
    "memoryless node": (replace(GOOD, topology=machine(memory=(0,))), Topic.NODES, WARNING),
    "no nodes": (replace(GOOD, topology=Topology.build([Cpu(0)])), Topic.NODES, WARNING),
}

FINE: Mapping[str, tuple[Facts, Topic]] = {
    "lock-prone updates are never sent": (with_release("1.7.24"), Topic.RUNTIME),
    "not lock-prone": (with_release("2.4.0-beta.0"), Topic.RUNTIME),
    "newer than what is known": (with_release("9.0.0"), Topic.RUNTIME),
    "said to be enabled": (with_nri(with_release("1.7.24"), enabled=True), Topic.NRI_ENABLED),
    "launched, so it need not connect": (
        replace(with_nri(connections=False), plugins=LAUNCHED),
        Topic.NRI_ENABLED,
    ),
    "/run is /var/run": (with_nri(socket=Path("/run/nri/nri.sock")), Topic.NRI_SOCKET),
    "config unknown": (replace(GOOD, config=Unknown("?")), Topic.NRI_SOCKET),
    "connected": (replace(GOOD, socket=SocketState.ACCEPTS), Topic.NRI_SOCKET),
    "0 is the default": (
        with_nri(request_timeout_s=0.0, registration_timeout_s=0.0),
        Topic.NRI_TIMEOUTS,
    ),
    "required with its index": (
        with_nri(validator=Validator(enabled=True, required=("99-weka-cpuset",), tolerate="a.b/c")),
        Topic.VALIDATOR,
    ),
    "required and launched": (
        replace(
            with_nri(validator=Validator(enabled=True, required=("weka-cpuset",))),
            plugins=LAUNCHED,
        ),
        Topic.VALIDATOR,
    ),
    "other plugins": (replace(GOOD, plugins=("10-device-injector",)), Topic.OTHER_PLUGINS),
    "no agent yet": (
        replace(GOOD, agent_connected=False, programs=Programs(agents=0, rivals=())),
        Topic.AGENT,
    ),
    "state of policy none": (
        replace(GOOD, cpu_manager=CpuManagerState("none", 0)),
        Topic.CPU_MANAGER,
    ),
    "driver not said": (replace(GOOD, kubelet=KubeletConfig()), Topic.CGROUP_DRIVER),
    "version 1": (
        replace(GOOD, cgroups=replace(V2, version=1, pods=None, pod_cpus=CpuSet.EMPTY)),
        Topic.CGROUP_TREE,
    ),
    "no limit": (replace(GOOD, cgroups=replace(V2, pod_cpus=CpuSet.EMPTY)), Topic.POD_CPUS),
    "some offline": (replace(GOOD, present=CpuSet.parse("0-15")), Topic.CPUS),
    "SMT off": (replace(GOOD, topology=machine(threads=1)), Topic.SMT),
    "SMT mixed": (
        replace(GOOD, topology=Topology.build([Cpu(0, core=0), Cpu(1, core=0), Cpu(2, core=1)])),
        Topic.SMT,
    ),
}


def about(topic: Topic, facts: Facts) -> Finding:
    """The finding about a topic."""
    (finding,) = (one for one in judge(facts) if one.topic is topic)
    return finding


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_seen(name: str) -> None:
    """The level tells how bad it is."""
    facts, topic, level = BAD[name]
    finding = about(topic, facts)
    assert level is finding.level
    assert finding.remedy, "it would leave its reader alone"


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_is_left_alone(name: str) -> None:
    """No false alarm, and nothing to be done."""
    facts, topic = FINE[name]
    finding = about(topic, facts)
    assert (OK, "") == (finding.level, finding.remedy)


def test_the_remedy_speaks_the_runtimes_language() -> None:
    """Keys of containerd help nobody who has CRI-O."""
    crio = with_nri(with_release("1.34.0", RuntimeKind.CRIO), enabled=False, validator=Validator())
    assert "enable_nri" in about(Topic.NRI_ENABLED, crio).remedy
    assert "nri_validator_required_plugins" in about(Topic.VALIDATOR, crio).remedy
    assert "disable = false" in about(Topic.NRI_ENABLED, with_nri(enabled=False)).remedy


def test_a_remedy_of_its_own_comes_first() -> None:
    """Who may not read a file is told to run as root, not to name the file."""
    facts = replace(GOOD, config=Unknown("?", "run as root"))
    assert about(Topic.NRI_ENABLED, facts).remedy == "run as root"
    facts = replace(GOOD, cgroups=replace(V2, writable=Unknown("?", "run as root")))
    assert UNKNOWN is about(Topic.CGROUP_WRITABLE, facts).level


def test_both_sockets_are_named() -> None:
    """Who has to correct a path wants to see both."""
    elsewhere = Path("/run/elsewhere.sock")
    found = about(Topic.NRI_SOCKET, with_nri(socket=elsewhere)).found
    assert str(elsewhere) in found
    assert str(SOCKET) in found


def test_cpus_that_would_fail_are_named() -> None:
    """A limit above the pods names the cpus on which containers cannot start."""
    limited = replace(GOOD, cgroups=replace(V2, pod_cpus=CpuSet.parse("0-5")))
    assert "6-7" in about(Topic.POD_CPUS, limited).found


def test_the_drivers_default_is_the_runtimes() -> None:
    """Where kubelet does not say its driver, the runtime's is shown."""
    config = RuntimeConfig(RuntimeKind.CONTAINERD, NriConfig(), CgroupDriver.CGROUPFS)
    facts = replace(GOOD, config=config, kubelet=Unknown("?"))
    assert "cgroupfs" in about(Topic.CGROUP_DRIVER, facts).found
