"""Pods of a manifest as the agent would be shown them, one container after the other."""

import dataclasses
from collections.abc import Iterable, Iterator

from nodesim.kubernetes import CgroupDriver
from nodesim.records import Container, Sandbox
from nodesim.workload import ContainerKind, PodSpec
from weka_cpuset import translate
from weka_cpuset.engine import Planned

ID = "planned"
"""What the ids of planned pods and containers begin with; a runtime's are hexadecimal."""


def planned_of(pods: Iterable[PodSpec]) -> Iterator[Planned]:
    """Yield the containers of pods in the order in which a kubelet creates them.

    Args:
        pods: The pods.
    """
    for number, spec in enumerate(pods):
        pod_id = f"{ID}-{number}"
        sandbox = Sandbox.make(pod_id, dataclasses.replace(spec, uid=pod_id), CgroupDriver.SYSTEMD)
        pod = translate.pod_facts(sandbox.message)
        for at, container in enumerate(spec.containers):
            record = Container.make(f"{pod_id}-{at}", sandbox, container, CgroupDriver.SYSTEMD)
            yield Planned(
                pod,
                translate.container_facts(record.message),
                first=container.kind is not ContainerKind.APP,
                ends=container.kind is ContainerKind.INIT,
            )
