"""Scenarios drawn at random, as a user or a random run may make them."""

from hypothesis import strategies as st

from nodesim.actions import (
    UNTIMED_FAULTS,
    Action,
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Offline,
    Online,
    OtherPluginKind,
    Repeat,
    Resize,
    RestartAgent,
    RestartRuntime,
    Scenario,
    Wait,
)
from nodesim.kernel import CgroupVersion
from nodesim.kubelet import PodPhase
from nodesim.runtimes import RUNTIMES
from nodesim.steps import EVENTS
from tests.property.workloads import NAMES, SECONDS, pods, resources
from weka_cpuset.engine import CpuSet

COUNTS = st.integers(0, 100)
CPUS = st.frozensets(st.integers(0, 300), max_size=6).map(CpuSet.of)
POD_KEYS = st.builds("{}/{}".format, NAMES, NAMES)
CONTAINER_KEYS = st.builds("{}/{}/{}".format, NAMES, NAMES, NAMES)
WORKLOADS = st.builds("{}/Deployment/{}".format, NAMES, NAMES)
MANY_PODS = st.lists(pods(), max_size=1).map(tuple)
NAMED = st.lists(POD_KEYS | WORKLOADS | st.just("*"), max_size=3).map(tuple)
FAULTS = st.builds(
    Fault,
    st.sampled_from([kind for kind in FaultKind if kind not in UNTIMED_FAULTS]),
    st.sampled_from(["", *EVENTS]),
    COUNTS,
    SECONDS,
) | st.builds(Fault, st.sampled_from(UNTIMED_FAULTS), st.just(""), COUNTS, SECONDS)
OF_A_CONTAINER = st.one_of(
    st.builds(Expect, st.just(Looked.CPU_COUNT), CONTAINER_KEYS, COUNTS.map(str)),
    st.builds(
        Expect,
        st.sampled_from([Looked.CPUS, Looked.WITHIN, Looked.APART_FROM]),
        CONTAINER_KEYS,
        CPUS.map(str) | CONTAINER_KEYS,
    ),
)
OF_THE_HOST = st.one_of(
    st.builds(
        Expect, st.sampled_from([Looked.POOL, Looked.AGENT_RESTARTS]), st.just(""), COUNTS.map(str)
    ),
    st.builds(Expect, st.sampled_from([Looked.LOG, Looked.NO_LOG]), st.just(""), st.text()),
)
EXPECTS = st.one_of(
    st.builds(Expect, st.just(Looked.PHASE), POD_KEYS, st.sampled_from(PodPhase).map(str)),
    OF_A_CONTAINER,
    OF_THE_HOST,
)
SIMPLE: st.SearchStrategy[Action] = st.one_of(
    st.builds(Apply, MANY_PODS),
    st.builds(Delete, NAMED, st.none() | SECONDS, st.booleans()),
    st.builds(Resize, CONTAINER_KEYS, resources()),
    st.builds(RestartAgent, SECONDS),
    st.builds(RestartRuntime, SECONDS),
    st.builds(Offline, CPUS),
    st.builds(Online, CPUS),
    st.builds(Wait, SECONDS | st.floats(0, 1e9, allow_nan=False)),
    st.builds(Break, FAULTS),
    EXPECTS,
)
ACTIONS = st.recursive(
    SIMPLE,
    lambda inner: st.builds(Repeat, COUNTS, st.lists(inner, max_size=2).map(tuple)),
    max_leaves=4,
)
SETTINGS = st.dictionaries(st.just("cpus.reserved"), CPUS.map(str)).flatmap(
    lambda one: st.sampled_from(
        [tuple(one.items()), (("dry_run", "true"), ("log.level", "debug"), *one.items())]
    )
)


def scenarios() -> st.SearchStrategy[Scenario]:
    """Draw scenarios."""
    return st.builds(
        Scenario,
        machine=st.text(min_size=1, max_size=20),
        actions=st.lists(ACTIONS, max_size=3).map(tuple),
        runtime=st.sampled_from(sorted(RUNTIMES)),
        settings=SETTINGS,
        tail_s=SECONDS,
        other_plugin=st.sampled_from(OtherPluginKind),
        cgroup=st.sampled_from(CgroupVersion),
    )
