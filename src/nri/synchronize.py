"""Synchronisation in chunks: merged on the plugin's side, cut on the runtime's side.

Since NRI 0.7 a runtime whose state does not fit one message sends several; all but the last
say that more follow. Pods and containers are cut independently of each other, so nothing
may be concluded before the last chunk. A runtime that gives up half-way and starts again
cannot be told from one that goes on: the chunks of both are merged. In practice it closes.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TypeVar

from google.protobuf.message import Message

from nri.errors import SyncTooLarge
from nri.messages import Container, PodSandbox, SynchronizeRequest

_M = TypeVar("_M", bound=Message)


class ChunkMerger:
    """Merges the chunks of one synchronisation.

    Args:
        max_bytes: Limit of all chunks together.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held = 0
        self._merged = SynchronizeRequest()

    def add(self, chunk: SynchronizeRequest) -> SynchronizeRequest | None:
        """Takes the next chunk. An empty one costs nothing, however many come.

        Args:
            chunk: The chunk; it is not kept itself.

        Returns:
            Everything, if this was the last chunk; None if more follow.

        Raises:
            SyncTooLarge: The chunks are larger than the limit together.
        """
        size = chunk.ByteSize() if chunk.pods or chunk.containers else 0
        if self._held + size > self._max_bytes:
            raise SyncTooLarge(self._held + size, self._max_bytes)
        self._held += size
        self._merged.pods.extend(chunk.pods)
        self._merged.containers.extend(chunk.containers)
        if chunk.more:
            return None
        merged, self._merged = self._merged, SynchronizeRequest()
        self._held = 0
        return merged


def cut(
    pods: Sequence[PodSandbox], containers: Sequence[Container], chunk_bytes: int
) -> Iterator[SynchronizeRequest]:
    """Cuts the state of a node into chunks.

    Args:
        pods: All pods.
        containers: All containers.
        chunk_bytes: What a chunk should not exceed; a single larger object goes alone.

    Yields:
        The requests, at least one; all but the last say that more follow.
    """
    whole = SynchronizeRequest(pods=pods, containers=containers)
    if whole.ByteSize() <= chunk_bytes:
        yield whole
        return
    parts = list(
        zip_longest(_groups(pods, chunk_bytes // 2), _groups(containers, chunk_bytes // 2))
    )
    for number, (some_pods, some_containers) in enumerate(parts, start=1):
        yield SynchronizeRequest(
            pods=some_pods, containers=some_containers, more=number < len(parts)
        )


def _groups(items: Sequence[_M], budget: int) -> Iterator[list[_M]]:
    group: list[_M] = []
    size = 0
    for item in items:
        item_size = item.ByteSize() + 8  # the tag and the length before each object
        if group and size + item_size > budget:
            yield group
            group, size = [], 0
        group.append(item)
        size += item_size
    if group:
        yield group
