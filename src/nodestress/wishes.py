"""The options of `weka-cpuset stress`, as a value."""

import msgspec


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    """What the options say.

    Attributes:
        rounds: How often the pods are deleted by force.
        completing: A file with the pods that run to their own end; None: the operators' own.
        deleted: A file with the pods that are deleted by force; None: the operators' own.
        machine: The simulated machine.
        runtime: The simulated runtime.
        json: Whether one JSON object is printed, instead of text for people.
        cri: The socket of a real runtime; None: another kind of node.
        node: The name of a node of a cluster; None: another kind of node.
        agent_namespace: The namespace of the agent's pods in a cluster.
        agent_selector: The labels of the agent's pods in a cluster.
        image: The image that containers run on a real node.
        cgroup_driver: How cgroups are named on a real runtime.
        cgroup_root: The cgroup above `kubepods` on a real runtime.
        agent_pid: The agent's process on a real node; None: the only one.
        agent_log: The agent's log file on a real node; None: where its standard error goes.
    """

    rounds: int
    completing: str | None
    deleted: str | None
    machine: str
    runtime: str
    json: bool
    cri: str | None
    node: str | None
    agent_namespace: str
    agent_selector: str
    image: str
    cgroup_driver: str
    cgroup_root: str
    agent_pid: int | None
    agent_log: str | None
