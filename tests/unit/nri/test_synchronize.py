"""The state of a node in chunks: cut, merged, and the same as before."""

import pytest

from nri.errors import SyncTooLarge
from nri.messages import Container, PodSandbox, SynchronizeRequest
from nri.synchronize import ChunkMerger, cut


def pods(count: int, size: int = 0) -> list[PodSandbox]:
    """Makes pods, each of a little more than `size` bytes."""
    return [PodSandbox(id=f"p{number}", name="x" * size) for number in range(count)]


def containers(count: int, size: int = 0) -> list[Container]:
    """Makes containers, each of a little more than `size` bytes."""
    return [Container(id=f"c{number}", name="x" * size) for number in range(count)]


def merged(chunks: list[SynchronizeRequest]) -> SynchronizeRequest:
    """Merges chunks; only the last one may complete them."""
    merger = ChunkMerger(1 << 20)
    *first, last = [merger.add(chunk) for chunk in chunks]
    assert first == [None] * len(first)
    assert last is not None
    return last


class TestCut:
    """The side of the runtime."""

    def test_what_fits_is_one_chunk(self) -> None:
        """Exactly the limit still fits, and nothing follows."""
        whole = SynchronizeRequest(pods=pods(3), containers=containers(3))
        [chunk] = cut(pods(3), containers(3), whole.ByteSize())
        assert chunk == whole
        assert not chunk.more

    def test_an_empty_node_is_one_empty_chunk(self) -> None:
        """A plugin is synchronised also when there is nothing."""
        assert list(cut([], [], 1000)) == [SynchronizeRequest()]

    @pytest.mark.parametrize(
        ("pod_count", "container_count"), [(50, 80), (80, 0), (0, 80), (1, 80)]
    )
    def test_chunks_keep_the_limit_and_the_order(
        self, pod_count: int, container_count: int
    ) -> None:
        """Together they are everything; all but the last say that more follow."""
        all_pods, all_containers = pods(pod_count, 90), containers(container_count, 90)
        chunks = list(cut(all_pods, all_containers, 1000))
        assert len(chunks) > 1
        assert all(chunk.ByteSize() <= 1000 for chunk in chunks)
        assert [chunk.more for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
        assert [pod for chunk in chunks for pod in chunk.pods] == all_pods
        assert [item for chunk in chunks for item in chunk.containers] == all_containers

    @pytest.mark.parametrize("chunk_bytes", range(20, 60))
    def test_small_objects_keep_the_limit_too(self, chunk_bytes: int) -> None:
        """What stands around each object counts, most of all when there are many small ones."""
        chunks = list(cut(pods(50), containers(50), chunk_bytes))
        assert all(chunk.ByteSize() <= chunk_bytes for chunk in chunks)

    def test_an_object_beyond_the_limit_goes_alone(self) -> None:
        """It cannot be cut, and the others do not suffer."""
        items = [*containers(2), *containers(1, 5000), *containers(2)]
        chunks = list(cut([], items, 1000))
        assert [len(chunk.containers) for chunk in chunks] == [2, 1, 2]

    def test_a_single_object_beyond_the_limit_is_the_last_chunk(self) -> None:
        """Nothing follows it."""
        [chunk] = cut([], containers(1, 5000), 1000)
        assert not chunk.more


class TestMerge:
    """The side of the plugin."""

    @pytest.mark.parametrize("chunk_bytes", [1, 500, 1000, 1 << 20])
    def test_what_was_cut_is_merged_again(self, chunk_bytes: int) -> None:
        """Whatever the size of the chunks."""
        all_pods, all_containers = pods(20, 90), containers(30, 90)
        whole = merged(list(cut(all_pods, all_containers, chunk_bytes)))
        assert whole == SynchronizeRequest(pods=all_pods, containers=all_containers)

    def test_empty_chunks_are_possible(self) -> None:
        """Neither the first nor the last chunk need hold anything, and many cost nothing."""
        more = SynchronizeRequest(more=True)
        state = SynchronizeRequest(pods=pods(1), more=True)
        assert merged([more, state, *[more] * 100, SynchronizeRequest()]).pods == pods(1)
        merger = ChunkMerger(state.ByteSize())
        assert [merger.add(chunk) for chunk in [state, *[more] * 100]] == [None] * 101

    def test_the_limit_counts_all_chunks_together(self) -> None:
        """The chunk that is too much is refused, also when it would be the last."""
        chunk = SynchronizeRequest(pods=pods(1, 100), more=True)
        size = chunk.ByteSize()
        merger = ChunkMerger(2 * size)
        assert merger.add(chunk) is None
        assert merger.add(chunk) is None
        with pytest.raises(SyncTooLarge) as caught:
            merger.add(SynchronizeRequest(pods=pods(1)))
        assert caught.value.limit == 2 * size
        assert caught.value.size > 2 * size

    def test_the_next_synchronisation_starts_anew(self) -> None:
        """Neither the objects nor the bytes of the one before count."""
        state = SynchronizeRequest(pods=pods(1, 100))
        merger = ChunkMerger(state.ByteSize())
        assert merger.add(state) == state
        assert merger.add(state) == state

    def test_chunks_are_not_kept_themselves(self) -> None:
        """What the caller does with a chunk later changes nothing."""
        merger = ChunkMerger(1000)
        chunk = SynchronizeRequest(pods=pods(1), more=True)
        merger.add(chunk)
        chunk.pods[0].id = "changed"
        whole = merger.add(SynchronizeRequest())
        assert whole is not None
        assert whole.pods == pods(1)
