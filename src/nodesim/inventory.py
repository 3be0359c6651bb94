"""All that the simulated runtime has on record, and what it has told plugins of.

The records outlive the runtime's process; what was told to plugins does not.
"""

from collections.abc import Iterator

from nodesim.observer import CriError
from nodesim.records import Container, Phase, Sandbox


class Inventory:
    """The records of one runtime.

    Attributes:
        sandboxes: All sandboxes on record by id, oldest first.
        containers: All containers on record by id, oldest first.
        coming: The containers that are being created, and so are not on record, by id.
        told: The ids that a plugin can have heard of from the runtime's present process.
    """

    def __init__(self) -> None:
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, Container] = {}
        self.coming: dict[str, Container] = {}
        self.told: set[str] = set()

    def sandbox(self, sandbox_id: str) -> Sandbox:
        """Return a sandbox.

        Raises:
            CriError: There is none of that id.
        """
        try:
            return self.sandboxes[sandbox_id]
        except KeyError:
            raise CriError(f"sandbox {sandbox_id} not found") from None

    def container(self, container_id: str) -> Container:
        """Return a container.

        Raises:
            CriError: There is none of that id on record.
        """
        try:
            return self.containers[container_id]
        except KeyError:
            raise CriError(f"container {container_id} not found") from None

    def find(self, path: str) -> Container | None:
        """Return the container of a cgroup, or None if there is none on record."""
        return self.containers.get(path.rpartition(":")[2].rpartition("/")[2])

    def sandbox_of(self, uid: str) -> str:
        """Return the id of a pod's sandbox by the pod's uid; empty if it has none."""
        return next((one.id for one in self.sandboxes.values() if one.spec.uid == uid), "")

    def in_phase(self, *phases: Phase) -> Iterator[Container]:
        """Yield the containers on record that are in one of these phases, oldest first."""
        return (one for one in tuple(self.containers.values()) if one.phase in phases)

    def drop_sandbox(self, sandbox: Sandbox) -> None:
        """Forget a sandbox, if it is there."""
        self.sandboxes.pop(sandbox.id, None)
        self.told.discard(sandbox.id)

    def drop_container(self, container: Container) -> None:
        """Forget a container, if it is there; its sandbox forgets it too."""
        if self.containers.pop(container.id, None) is not None:
            container.sandbox.containers.remove(container)
        self.told.discard(container.id)
