"""The simulated runtime does what a real containerd does, known differences aside."""

import pytest

from tests.e2e.containerd import Containerd
from tests.e2e.differential.differences import ALL_SCENES, compare
from tests.e2e.differential.real import play_real
from tests.e2e.differential.scenes import Scene
from tests.e2e.differential.simulated import play_simulated


@pytest.mark.parametrize("scene", ALL_SCENES, ids=lambda scene: scene.name.replace(" ", "-"))
def test_both_runtimes_agree(runtime: Containerd, scene: Scene) -> None:
    """The plugin hears the same events in the same order, and the same cpus are applied."""
    series = runtime.series.value
    simulated = play_simulated(scene, series)

    real = play_real(scene, runtime, simulated)

    found = compare(scene.name, series, real, simulated)
    assert not found, "\n".join(found)
