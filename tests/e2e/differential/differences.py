"""Known differences between the simulated runtime and a real containerd, and the comparison.

Each has a reason, and is on the page docs/explanation/simulation.md. One that is not seen in a
scene that it names makes the test fail, as one that is seen and not listed does.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import ndiff
from typing import Final

from tests.e2e.differential.agent_scenes import AGENT_SCENES
from tests.e2e.differential.play import Played
from tests.e2e.differential.scenes import SCENES
from tests.e2e.pods import QosClass

ALL_SERIES: Final = frozenset({"containerd-1.7", "containerd-2.1"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One known difference.

    Attributes:
        title: What differs; the documentation uses these words.
        scenes: The scenes in which it is seen.
        real: What is seen of a step on the real runtime (regular expression).
        simulated: What would be seen on the simulated one instead (replacement).
        series: The release series in which it is seen.
    """

    title: str
    scenes: frozenset[str]
    real: str
    simulated: str
    series: frozenset[str] = ALL_SERIES


ALL_SCENES: Final = (*SCENES, *AGENT_SCENES)


def _with_guaranteed_pods() -> frozenset[str]:
    """Return the names of the scenes in which there is a Guaranteed pod."""
    return frozenset(
        scene.name
        for scene in ALL_SCENES
        if any(pod.qos is QosClass.GUARANTEED for pod in scene.pods)
    )


DIFFERENCES: Final = (
    Difference(
        "Out-of-memory score of Guaranteed pods",
        _with_guaranteed_pods(),
        r" oom=0 (pod: \S+ \S+ /kubepods/pod)",
        r" oom=-997 \1",
    ),
)
"""All known differences that the scenes show."""

NOT_COMPARED: Final = (
    "Order among the containers of one pod",
    "Order of calls that are made together",
    "Words of errors",
    "Fields that the agent does not read",
    "Updates that meet a start",
    "Dead-locks and half-sent messages",
    "Version 2 of cgroups",
    "A second plugin",
)
"""What the comparison leaves out; the documentation says why, under the same titles."""


def compare(
    scene: str, series: str, real: Sequence[Played], simulated: Sequence[Played]
) -> list[str]:
    """Compare what was seen of a scene on both runtimes, known differences aside.

    Args:
        scene: The scene's name.
        series: The release series of the real runtime.
        real: What was seen there.
        simulated: What was seen on the simulated one.

    Returns:
        What differs and is not known, and what is known and does not differ.
    """
    known = [one for one in DIFFERENCES if scene in one.scenes and series in one.series]
    missing = set(known)
    found: list[str] = []
    for here, there in zip(real, simulated, strict=True):
        text, other = "\n".join(here.lines), "\n".join(there.lines)
        if text == other:
            continue
        for one in known:
            text, count = re.subn(one.real, one.simulated, text)
            if count:
                missing.discard(one)
        if text != other:
            found += [here.title, *_contrast(text.splitlines(), other.splitlines())]
    return [*found, *(f"not seen any more: {one.title}" for one in known if one in missing)]


def _contrast(real: Iterable[str], simulated: Iterable[str]) -> list[str]:
    words = {"-": "  real:     ", "+": "  simulated:"}
    return [
        f"{words[line[0]]} {line[2:]}"
        for line in ndiff(list(real), list(simulated))
        if line[0] in words
    ]
