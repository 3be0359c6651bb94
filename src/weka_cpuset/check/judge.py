"""The whole judgement: facts in, findings out, always in the same order."""

from collections.abc import Callable, Sequence

from weka_cpuset.check import node_rules, runtime_rules
from weka_cpuset.check.facts import Facts
from weka_cpuset.check.finding import Finding

RULES: Sequence[Callable[[Facts], Finding]] = (
    runtime_rules.judge_runtime,
    runtime_rules.judge_enabled,
    runtime_rules.judge_socket,
    runtime_rules.judge_timeouts,
    runtime_rules.judge_validator,
    runtime_rules.judge_other_plugins,
    runtime_rules.judge_agent,
    node_rules.judge_cpu_manager,
    node_rules.judge_memory_manager,
    node_rules.judge_topology_manager,
    node_rules.judge_cgroup_driver,
    node_rules.judge_cgroup_tree,
    node_rules.judge_writable,
    node_rules.judge_pod_cpus,
    node_rules.judge_cpus,
    node_rules.judge_smt,
    node_rules.judge_nodes,
)
"""One rule per topic, in the topics' order."""


def judge(facts: Facts) -> tuple[Finding, ...]:
    """Return one finding per topic.

    Args:
        facts: What is known of the node.
    """
    return tuple(rule(facts) for rule in RULES)
