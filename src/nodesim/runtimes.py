"""Which runtimes can be simulated, and in what they differ.

Source: what was observed on these releases of containerd, and read in the NRI library's
history: who waits for which lock, what a failed synchronisation does, which events come as
methods of their own. docs/explanation/simulation.md lists the known differences.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import nri
from nri.messages import VALID_MASK_OLD


@dataclass(frozen=True, slots=True)
class RuntimeKind:
    """One release of a runtime.

    Attributes:
        wire: What it tells plugins, how it sends events and how long it waits.
        has_sync_lock: Whether a plugin that connects waits for all calls in flight, and
            holds up new ones meanwhile (containerd 1.7.26, 2.0.3 and newer).
        keeps_failed_sync: Whether a plugin whose synchronisation failed stays connected and
            never hears of anything again (NRI before 0.7).
        splits_sync: Whether a long list comes in several parts (NRI 0.7 and newer).
        shows_late: Whether a Stop event still shows the state from before the stop, and a
            removal the last state; newer ones show none at a removal, nor at an update after
            the end (before containerd 2.3).
        creates_in_stopped_pods: Whether a container can be created in a stopped pod
            (containerd 2.1 and newer).
        can_deadlock: Whether an update that the plugin asks for takes the library's lock
            before the runtime's, while events take them the other way round (NRI before 0.12.1).
    """

    wire: nri.RuntimeSettings
    has_sync_lock: bool = True
    keeps_failed_sync: bool = False
    splits_sync: bool = True
    shows_late: bool = False
    creates_in_stopped_pods: bool = True
    can_deadlock: bool = True


RUNTIMES: Mapping[str, RuntimeKind] = {
    "containerd-1.7": RuntimeKind(
        nri.RuntimeSettings(
            version="1.7.24",
            nri_version="",
            delivery=nri.Delivery.STATE_CHANGE,
            valid_mask=VALID_MASK_OLD,
            tells_timeouts=False,
        ),
        has_sync_lock=False,
        keeps_failed_sync=True,
        splits_sync=False,
        shows_late=True,
        creates_in_stopped_pods=False,
    ),
    "containerd-2.1": RuntimeKind(
        nri.RuntimeSettings(
            version="2.1.9",
            nri_version="",
            delivery=nri.Delivery.STATE_CHANGE,
            valid_mask=VALID_MASK_OLD,
        ),
        shows_late=True,
    ),
    "containerd-2.3": RuntimeKind(nri.RuntimeSettings(version="2.3.4", nri_version="v0.12.0")),
    "containerd-2.4": RuntimeKind(
        nri.RuntimeSettings(version="2.4.0-beta.0", nri_version="v0.12.1"), can_deadlock=False
    ),
}
"""The runtimes by the name that scenarios use."""


class UnknownRuntime(Exception):
    """A scenario names a runtime that cannot be simulated.

    Attributes:
        name: The name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"runtime {self.name!r} is not known; known are {', '.join(RUNTIMES)}"


def find(name: str) -> RuntimeKind:
    """Return the runtime of a name.

    Raises:
        UnknownRuntime: There is none of that name.
    """
    try:
        return RUNTIMES[name]
    except KeyError:
        raise UnknownRuntime(name) from None
