"""Requests of a runtime as tests send them to handlers."""

from nri import Event, messages
from weka_cpuset.engine import Cpu, CpuSet, Rules, Topology
from weka_cpuset.handlers import Handlers
from weka_cpuset.keeper import Keeper

EIGHT = Topology.build([Cpu(cpu, cpu // 2, 0, 0, 0) for cpu in range(8)])
"""A machine with eight cpus in four cores."""


def keeper_of(topology: Topology = EIGHT, *, dry_run: bool = False) -> Keeper:
    """Return the keeper of a machine's ledger, by the usual rules."""
    return Keeper(topology, Rules(), dry_run=dry_run)


def handlers_of(topology: Topology = EIGHT, *, dry_run: bool = False) -> Handlers:
    """Return handlers on a machine, by the usual rules."""
    return Handlers(keeper_of(topology, dry_run=dry_run))


def pod_of(name: str, annotations: dict[str, str], *, guaranteed: bool) -> messages.PodSandbox:
    """Return a pod as a runtime sends it."""
    qos = "" if guaranteed else "/burstable"
    return messages.PodSandbox(
        id=f"pod-{name}",
        uid=f"uid-{name}",
        name=name,
        namespace="default",
        annotations=annotations,
        linux=messages.LinuxPodSandbox(cgroup_parent=f"/kubepods{qos}/pod{name}"),
    )


def create(
    name: str, milli: int, annotations: dict[str, str] | None = None
) -> messages.CreateContainerRequest:
    """Return a request to create a container: Guaranteed from 1000 thousandths of a cpu on."""
    guaranteed = milli >= 1000
    return messages.CreateContainerRequest(
        pod=pod_of(name, annotations or {}, guaranteed=guaranteed),
        container=messages.Container(
            id=name,
            pod_sandbox_id=f"pod-{name}",
            name="main",
            linux=messages.LinuxContainer(
                oom_score_adj=messages.OptionalInt(value=-997 if guaranteed else 900),
                resources=messages.LinuxResources(
                    cpu=messages.LinuxCPU(
                        shares=messages.OptionalUInt64(value=milli * 1024 // 1000),
                        quota=messages.OptionalInt64(value=milli * 100),
                        period=messages.OptionalUInt64(value=100_000),
                    ),
                    memory=messages.LinuxMemory(limit=messages.OptionalInt64(value=1 << 30)),
                ),
            ),
        ),
    )


def cpus_of(reply: messages.CreateContainerResponse) -> CpuSet:
    """Return the cpus that a reply gives to the new container."""
    return CpuSet.parse(reply.adjust.linux.resources.cpu.cpus)


def start(handlers: Handlers, request: messages.CreateContainerRequest) -> CpuSet:
    """Create and start a container; return its cpus."""
    reply = handlers.create_container(request)
    handlers.state_change(Event.POST_START_CONTAINER, request.pod, request.container)
    return cpus_of(reply)


def stop(
    handlers: Handlers, request: messages.CreateContainerRequest
) -> messages.StopContainerResponse:
    """Stop a container."""
    return handlers.stop_container(
        messages.StopContainerRequest(pod=request.pod, container=request.container)
    )
