"""The simulated runtime does what a real containerd does, known differences aside."""

import pytest

from nodestress.kubelet import in_parallel
from tests.e2e.containerd import Containerd
from tests.e2e.differential.differences import ALL_SCENES, compare
from tests.e2e.differential.real import play_real
from tests.e2e.differential.scenes import Scene
from tests.e2e.differential.simulated import play_simulated


@pytest.mark.parametrize("scene", ALL_SCENES, ids=lambda scene: scene.name.replace(" ", "-"))
def test_both_runtimes_agree(runtimes: list[Containerd], scene: Scene) -> None:
    """The plugin hears the same events in the same order, and the same cpus are applied."""
    simulated = [play_simulated(scene, runtime.series.value) for runtime in runtimes]
    pairs = list(zip(runtimes, simulated, strict=True))

    # A scene is mostly waiting, so it is played on all releases at the same time.
    played = in_parallel(lambda pair: play_real(scene, *pair), pairs)

    for (runtime, expected), real in zip(pairs, played, strict=True):
        found = compare(scene.name, runtime.series.value, real, expected)
        assert not found, "\n".join([runtime.series.value, *found])
