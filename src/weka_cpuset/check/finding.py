"""One line of a check's result."""

import enum
from dataclasses import dataclass

from weka_cpuset.check.facts import Unknown


class Level(enum.StrEnum):
    """How good what was found is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


class Topic(enum.StrEnum):
    """What a finding is about. The values are part of the JSON format."""

    RUNTIME = "runtime"
    NRI_ENABLED = "nri-enabled"
    NRI_SOCKET = "nri-socket"
    NRI_TIMEOUTS = "nri-timeouts"
    VALIDATOR = "validator"
    OTHER_PLUGINS = "other-plugins"
    AGENT = "agent"
    CPU_MANAGER = "cpu-manager"
    MEMORY_MANAGER = "memory-manager"
    TOPOLOGY_MANAGER = "topology-manager"
    CGROUP_DRIVER = "cgroup-driver"
    CGROUP_TREE = "cgroup-tree"
    CGROUP_WRITABLE = "cgroup-writable"
    POD_CPUS = "pod-cpus"
    CPUS = "cpus"
    SMT = "smt"
    NODES = "nodes"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one topic.

    Attributes:
        topic: What it is about.
        level: How good it is.
        found: What is the case.
        remedy: What to do; empty where nothing needs to be done.
    """

    topic: Topic
    level: Level
    found: str
    remedy: str = ""


def not_known(topic: Topic, fact: Unknown, remedy: str = "") -> Finding:
    """Return the finding about a topic of which a fact is not known.

    Args:
        topic: The topic.
        fact: What is not known, and why.
        remedy: What helps with facts of this kind, where the fact has no remedy of its own.
    """
    return Finding(topic, Level.UNKNOWN, fact.reason, fact.remedy or remedy)
