"""Times on cpus of others are added up, each pair by itself."""

from nodesim.exposures import Exposures


def test_each_pair_has_its_own_time() -> None:
    """What ends for one container ends on both sides of its pairs, and for nobody else."""
    exposures = Exposures()
    exposures.begin(("owner", "a"), 1.0)
    exposures.begin(("owner", "b"), 2.0)
    exposures.begin(("other", "c"), 4.0)
    exposures.end_of("b", 5.0)
    assert exposures.total_s == 3.0
    assert ("owner", "a") in exposures
    assert ("owner", "b") not in exposures
    exposures.end_of("owner", 6.0)
    assert exposures.total_s == 8.0
    exposures.end_all(7.0)
    assert exposures.total_s == 11.0
    exposures.end_all(9.0)
    assert exposures.total_s == 11.0
