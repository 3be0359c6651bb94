"""Over time cpus lie better than first fit makes of the same requests (bench/fragmentation)."""

import pytest

from bench.fragmentation import machine, run

STEPS, CHECKPOINTS = 2000, 5


@pytest.mark.parametrize("side_by_side", [False, True], ids=["apart", "side-by-side"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_never_more_fragmented_than_first_fit(side_by_side: bool, seed: int) -> None:
    """At every checkpoint fewer cores are shared and fewer containers span nodes and caches."""
    found, _ = run(machine(side_by_side=side_by_side), STEPS, CHECKPOINTS, seed)
    assert len(found) == CHECKPOINTS
    for one in found:
        assert one.ours.is_below(one.other), one
