"""A client of the Container Runtime Interface: the calls a kubelet makes, one method each."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message

from nodestress import cri_pb2 as pb

# A forced deletion of many pods is served one by one under containerd's locks.
CALL_TIMEOUT_S: Final = 30.0
"""How long a call may take where nobody says, in seconds."""

ReplyT = TypeVar("ReplyT", bound=Message)


class CriError(Exception):
    """The runtime answered a call with an error.

    Args:
        method: The call.
        code: gRPC's status code.
        message: The runtime's own words.
    """

    def __init__(self, method: str, code: grpc.StatusCode, message: str) -> None:
        super().__init__(method, code, message)
        self.method = method
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.method}: {self.code.name}: {self.message}"


class CriClient:
    """One connection to a runtime; safe to use from several threads at once.

    Args:
        address: Where the runtime serves CRI: its socket, or `host:port` where that is forwarded.
        timeout_s: How long a call may take, in seconds; one that stops a container, beside its
            grace period.
    """

    def __init__(self, address: Path | str, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        # The pool is global by default: a second runtime on the same path (a restarted one)
        # would inherit the first one's connection back-off.
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        # Any: the stubs of grpcio leave the channel's methods without types.
        connect: Any = grpc.insecure_channel
        target = f"unix://{address}" if isinstance(address, Path) else address
        self._channel: Any = connect(target, options=options)

    def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._channel.close()

    def version(self) -> pb.VersionResponse:
        """Return name and version of the runtime."""
        return self._call("Version", pb.VersionRequest(), pb.VersionResponse)

    def is_ready(self) -> bool:
        """Tell whether the runtime says that it can start containers."""
        reply = self._call("Status", pb.StatusRequest(), pb.StatusResponse)
        return any(
            condition.type == "RuntimeReady" and condition.status
            for condition in reply.status.conditions
        )

    def has_image(self, name: str) -> bool:
        """Tell whether the runtime knows the image of this name."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=name))
        reply = self._call("ImageStatus", request, pb.ImageStatusResponse, service="ImageService")
        return bool(reply.image.id)

    def run_pod_sandbox(self, config: pb.PodSandboxConfig) -> str:
        """Create and start a pod's sandbox; return its id."""
        request = pb.RunPodSandboxRequest(config=config)
        return self._call("RunPodSandbox", request, pb.RunPodSandboxResponse).pod_sandbox_id

    def stop_pod_sandbox(self, sandbox: str) -> None:
        """Stop a sandbox and what still runs in it."""
        request = pb.StopPodSandboxRequest(pod_sandbox_id=sandbox)
        self._call("StopPodSandbox", request, pb.StopPodSandboxResponse)

    def remove_pod_sandbox(self, sandbox: str) -> None:
        """Remove a sandbox and its containers."""
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox)
        self._call("RemovePodSandbox", request, pb.RemovePodSandboxResponse)

    def list_pod_sandboxes(self) -> list[pb.PodSandbox]:
        """Return all sandboxes, also the stopped ones."""
        reply = self._call("ListPodSandbox", pb.ListPodSandboxRequest(), pb.ListPodSandboxResponse)
        return list(reply.items)

    def create_container(
        self, sandbox: str, config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig
    ) -> str:
        """Create a container without starting it; return its id."""
        request = pb.CreateContainerRequest(
            pod_sandbox_id=sandbox, config=config, sandbox_config=sandbox_config
        )
        return self._call("CreateContainer", request, pb.CreateContainerResponse).container_id

    def start_container(self, container: str) -> None:
        """Start a created container."""
        request = pb.StartContainerRequest(container_id=container)
        self._call("StartContainer", request, pb.StartContainerResponse)

    def stop_container(self, container: str, grace_s: int) -> None:
        """Stop a container: SIGTERM, and SIGKILL after `grace_s` seconds (at once if 0)."""
        request = pb.StopContainerRequest(container_id=container, timeout=grace_s)
        # As a kubelet does: the runtime answers when the container has ended.
        timeout_s = grace_s + self._timeout_s
        self._call("StopContainer", request, pb.StopContainerResponse, timeout_s=timeout_s)

    def remove_container(self, container: str) -> None:
        """Remove a container, by force if it runs."""
        request = pb.RemoveContainerRequest(container_id=container)
        self._call("RemoveContainer", request, pb.RemoveContainerResponse)

    def list_containers(self) -> list[pb.Container]:
        """Return all containers, also the exited ones."""
        reply = self._call("ListContainers", pb.ListContainersRequest(), pb.ListContainersResponse)
        return list(reply.containers)

    def container_status(self, container: str) -> pb.ContainerStatus:
        """Return state, exit code and reason of a container."""
        return self._status(container, verbose=False).status

    def container_pid(self, container: str) -> int:
        """Return the process id, on the node, of the container's first process."""
        info = json.loads(self._status(container, verbose=True).info["info"])
        return int(info["pid"])

    def update_container_resources(
        self, container: str, resources: pb.LinuxContainerResources
    ) -> None:
        """Change the resources of a container, as an in-place resize does."""
        request = pb.UpdateContainerResourcesRequest(container_id=container, linux=resources)
        self._call("UpdateContainerResources", request, pb.UpdateContainerResourcesResponse)

    def _status(self, container: str, *, verbose: bool) -> pb.ContainerStatusResponse:
        request = pb.ContainerStatusRequest(container_id=container, verbose=verbose)
        return self._call("ContainerStatus", request, pb.ContainerStatusResponse)

    def _call(
        self,
        method: str,
        request: Message,
        reply_type: type[ReplyT],
        *,
        service: str = "RuntimeService",
        timeout_s: float | None = None,
    ) -> ReplyT:
        """Make one call; raise CriError if the runtime answers with an error."""
        call: Callable[..., Any] = self._channel.unary_unary(
            f"/runtime.v1.{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=reply_type.FromString,
        )
        try:
            reply = call(request, timeout=self._timeout_s if timeout_s is None else timeout_s)
        except grpc.RpcError as error:
            # What is raised is the call too, and so has its status; the stubs do not say so.
            failed: Any = error
            raise CriError(method, failed.code(), failed.details() or "") from error
        if not isinstance(reply, reply_type):
            raise AssertionError(f"{method} was decoded as {type(reply)}")
        return reply
