"""The agent as the chart runs it: the pod of the rendered DaemonSet, made as a kubelet makes it.

What the pod may do and what it sees is taken from the rendered objects, field by field. A field
that is not known here is an error, so nothing that the chart says is left out silently.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from nodestress import cri_pb2 as pb
from nodestress import kubelet
from nodestress.waiting import wait_for
from tests.e2e.kubelet import RunningPod
from tests.e2e.pods import ContainerSpec, PodSpec, container_resources, pod_resources
from tests.vm.delivered import agent_image
from tests.vm.machine import MEMORY_MIB, ScriptFailed
from tests.vm.node import READY_TIMEOUT_S, Runtime, VmKubelet
from tools.generate_chart import render

MEMORY_BYTES: Final = MEMORY_MIB << 20

# What the cluster, or a kubelet at another time, does with a pod; the runtime hears nothing of it.
POD_FIELDS_OF_OTHERS: Final = {
    *("serviceAccountName", "automountServiceAccountToken", "enableServiceLinks"),
    *("priorityClassName", "nodeSelector", "tolerations", "affinity", "imagePullSecrets"),
}
POD_FIELDS: Final = {
    *("hostNetwork", "hostPID", "hostIPC", "terminationGracePeriodSeconds"),
    *("initContainers", "containers", "volumes"),
}
CONTAINER_FIELDS: Final = {
    *("name", "image", "imagePullPolicy", "args", "ports", "livenessProbe", "readinessProbe"),
    *("resources", "securityContext", "volumeMounts"),
}
SECURITY_FIELDS: Final = {
    *("runAsUser", "runAsGroup", "privileged", "allowPrivilegeEscalation"),
    *("readOnlyRootFilesystem", "capabilities", "seccompProfile"),
}


class DaemonPod:
    """The DaemonSet's pod on this node: one after the other.

    Args:
        runtime: The runtime of the node.
        kubelet: Watches and deletes the pod like any other.
        values: What the chart's defaults are overridden with.
    """

    def __init__(self, runtime: Runtime, kubelet: VmKubelet, values: Mapping[str, Any]) -> None:
        chosen = {"image": {"repository": agent_image.REPOSITORY}} | dict(values)
        found = [one for text in render(chosen).values() for one in yaml.safe_load_all(text)]
        (daemon_set,) = (one for one in found if one["kind"] == "DaemonSet")
        self._template = daemon_set["spec"]["template"]
        self._namespace = daemon_set["metadata"]["namespace"]
        self._maps = {one["metadata"]["name"]: one for one in found if one["kind"] == "ConfigMap"}
        self._machine, self._cri = runtime.machine, runtime.cri
        self._kubelet = kubelet
        _check_known(self._pod, POD_FIELDS | POD_FIELDS_OF_OTHERS)

    @property
    def container(self) -> dict[str, Any]:
        """The rendered container."""
        (one,) = self._pod["containers"]
        return dict(one)

    def start(self) -> RunningPod:
        """Starts the pod: its first containers to their end, then the container.

        Raises:
            CriError: The runtime refused a step.
        """
        pod = self._run_sandbox(_pod_spec(self._template, self._namespace, self.container))
        for first in self._pod.get("initContainers", []):
            self._run_to_its_end(pod, first)
        self.start_container(pod)
        return pod

    def start_container(self, pod: RunningPod) -> None:
        """Starts the pod's container; a second time, another attempt in its place.

        Raises:
            CriError: The runtime refused a step.
        """
        one = self.container
        attempt = 0
        if one["name"] in pod.containers:
            attempt = self._cri.container_status(pod.container).metadata.attempt + 1
            self._cri.remove_container(pod.container)
        kubelet.create(self._cri, pod, self._container_config(pod.spec, one, attempt))
        self._kubelet.start(pod, one["name"])

    def wait_ready(self, pod: RunningPod) -> None:
        """Waits until a kubelet would call the pod ready."""
        wait_for(
            "the pod to be ready",
            lambda: self.answers(pod, "readinessProbe"),
            READY_TIMEOUT_S,
        )

    def answers(self, pod: RunningPod, probe: str) -> bool:
        """Whether the pod answers a probe of the chart well.

        Args:
            pod: The pod.
            probe: The probe's name in the manifest.
        """
        asked = self.container[probe]["httpGet"]
        (port,) = (one for one in self.container["ports"] if one["name"] == asked["port"])
        pid = self._cri.container_pid(pod.container)
        url = f"http://127.0.0.1:{port['containerPort']}{asked['path']}"
        try:
            self._machine.run(f"nsenter --target {pid} --net wget -q -O - {url}")
        except ScriptFailed:
            return False
        return True

    def writable(self, pod: RunningPod) -> set[str]:
        """The mount points that the pod's container could write to, as the kernel has them."""
        pid = self._cri.container_pid(pod.container)
        lines: str = self._machine.ask("read", path=f"/proc/{pid}/mountinfo")
        mounts = (line.split() for line in lines.splitlines())
        # Number, parent, device, root, mount point, options, ... (Linux: proc.rst, 3.5).
        return {fields[4] for fields in mounts if "rw" in fields[5].split(",")}

    def log_file(self, pod: RunningPod) -> str:
        """Where the runtime puts what the pod writes."""
        attempt = self._cri.container_status(pod.container).metadata.attempt
        return f"{pod.config.log_directory}/{self.container['name']}_{attempt}.log"

    @property
    def _pod(self) -> dict[str, Any]:
        return dict(self._template["spec"])

    def _run_sandbox(self, spec: PodSpec) -> RunningPod:
        config = pb.PodSandboxConfig(
            metadata=pb.PodSandboxMetadata(
                name=spec.name, uid=spec.uid, namespace=spec.namespace, attempt=0
            ),
            log_directory=f"/var/log/pods/{spec.namespace}_{spec.name}_{spec.uid}",
            labels=self._labels(spec),
            annotations=dict(spec.annotations),
            linux=pb.LinuxPodSandboxConfig(
                cgroup_parent=f"/kubepods{spec.qos.value}/pod{spec.uid}",
                security_context=pb.LinuxSandboxSecurityContext(
                    namespace_options=self._namespaces()
                ),
                resources=pod_resources(spec),
            ),
        )
        self._machine.ask("make_pod", cgroup=config.linux.cgroup_parent, logs=config.log_directory)
        return RunningPod(config, self._cri.run_pod_sandbox(config), spec=spec)

    def _run_to_its_end(self, pod: RunningPod, container: Mapping[str, Any]) -> None:
        config = self._container_config(pod.spec, container)
        started = self._cri.create_container(pod.sandbox, config, pod.config)
        self._cri.start_container(started)
        wait_for(
            f"{container['name']} to end",
            lambda: self._cri.container_status(started).state == pb.CONTAINER_EXITED,
            READY_TIMEOUT_S,
        )
        status = self._cri.container_status(started)
        said = self._machine.ask("read", path=f"{pod.config.log_directory}/{config.log_path}")
        assert status.exit_code == 0, said
        self._cri.remove_container(started)

    def _container_config(
        self, spec: PodSpec, one: Mapping[str, Any], attempt: int = 0
    ) -> pb.ContainerConfig:
        _check_known(one, CONTAINER_FIELDS)
        return pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=one["name"], attempt=attempt),
            image=pb.ImageSpec(image=one["image"]),
            args=one["args"],
            mounts=self._mounts(spec.uid, one["volumeMounts"]),
            labels=self._labels(spec) | {"io.kubernetes.container.name": one["name"]},
            log_path=f"{one['name']}_{attempt}.log",
            linux=pb.LinuxContainerConfig(
                resources=container_resources(spec, _container_spec(one), MEMORY_BYTES),
                security_context=self._security(one["securityContext"]),
            ),
        )

    def _security(self, wanted: Mapping[str, Any]) -> pb.LinuxContainerSecurityContext:
        _check_known(wanted, SECURITY_FIELDS)
        assert wanted["seccompProfile"] == {"type": "RuntimeDefault"}
        return pb.LinuxContainerSecurityContext(
            capabilities=pb.Capability(drop_capabilities=wanted["capabilities"]["drop"]),
            privileged=wanted["privileged"],
            namespace_options=self._namespaces(),
            run_as_user=pb.Int64Value(value=wanted["runAsUser"]),
            run_as_group=pb.Int64Value(value=wanted["runAsGroup"]),
            readonly_rootfs=wanted["readOnlyRootFilesystem"],
            no_new_privs=not wanted["allowPrivilegeEscalation"],
            seccomp=pb.SecurityProfile(profile_type=pb.SecurityProfile.RuntimeDefault),
        )

    def _namespaces(self) -> pb.NamespaceOption:
        return pb.NamespaceOption(
            network=pb.NODE if self._pod["hostNetwork"] else pb.POD,
            pid=pb.NODE if self._pod["hostPID"] else pb.CONTAINER,
            ipc=pb.NODE if self._pod["hostIPC"] else pb.POD,
        )

    def _mounts(self, uid: str, wanted: list[Mapping[str, Any]]) -> Iterator[pb.Mount]:
        volumes = {one["name"]: one for one in self._pod["volumes"]}
        for mount in wanted:
            _check_known(mount, {"name", "mountPath", "readOnly"})
            yield pb.Mount(
                container_path=mount["mountPath"],
                host_path=self._prepare(uid, volumes[mount["name"]]),
                readonly=mount.get("readOnly", False),
            )

    def _prepare(self, uid: str, volume: Mapping[str, Any]) -> str:
        """Makes what a volume needs on the node; returns where it is there."""
        match volume:
            case {"hostPath": {"path": path, "type": "Directory"}}:
                self._machine.run(f"test -d {path}")
                return str(path)
            case {"name": name, "configMap": {"name": of}}:
                folder = f"/var/lib/kubelet/pods/{uid}/volumes/kubernetes.io~configmap/{name}"
                self._machine.send(_files(folder, self._maps[of]["data"]))
                return folder
            case _:
                raise AssertionError(f"a kind of volume that is not known here: {volume}")

    def _labels(self, spec: PodSpec) -> dict[str, str]:
        return dict(self._template["metadata"]["labels"]) | {
            "io.kubernetes.pod.name": spec.name,
            "io.kubernetes.pod.namespace": spec.namespace,
            "io.kubernetes.pod.uid": spec.uid,
        }


def _pod_spec(template: Mapping[str, Any], namespace: str, one: Mapping[str, Any]) -> PodSpec:
    return PodSpec(
        f"{template['metadata']['labels']['app']}-x7k2p",
        (_container_spec(one),),
        annotations=template["metadata"].get("annotations", {}),
        namespace=namespace,
        grace_s=template["spec"]["terminationGracePeriodSeconds"],
    )


def _container_spec(one: Mapping[str, Any]) -> ContainerSpec:
    requests, limits = (one["resources"].get(kind, {}) for kind in ("requests", "limits"))
    return ContainerSpec(
        one["name"],
        cpu_request=requests.get("cpu"),
        cpu_limit=limits.get("cpu"),
        memory_request=requests.get("memory"),
        memory_limit=limits.get("memory"),
    )


def _check_known(found: Mapping[str, Any], known: set[str]) -> None:
    unknown = found.keys() - known
    assert not unknown, f"the chart says {', '.join(sorted(unknown))}, which is not known here"


def _files(folder: str, texts: Mapping[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(f"{folder.lstrip('/')}/{name}")
            member.mode = 0o644
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
