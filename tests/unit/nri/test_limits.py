"""The limits fit each other and the protocol."""

from dataclasses import FrozenInstanceError

import pytest

from nri.limits import Limits
from nri.mux import MAX_SENT_FRAME_BYTES
from nri.ttrpc import HEADER_BYTES


def test_a_message_that_may_be_sent_fits_its_frames() -> None:
    """Header and body of the largest message are one frame of Go senders."""
    assert Limits().max_sent_message_bytes + HEADER_BYTES == MAX_SENT_FRAME_BYTES


def test_what_peers_are_known_to_send_is_accepted() -> None:
    """16 MiB in one frame by NRI up to 0.6, and 6 MB in one message by containerd 1.7."""
    limits = Limits()
    assert limits.max_frame_bytes >= 16 << 20
    assert limits.max_message_bytes >= 6_000_000


def test_the_limits_are_in_order() -> None:
    """What is skipped is larger than what is kept; a synchronisation has many messages."""
    limits = Limits()
    assert limits.max_sent_message_bytes < limits.max_message_bytes < limits.max_skipped_bytes
    assert limits.max_unsent_bytes >= limits.max_sent_message_bytes
    assert limits.max_sync_bytes >= limits.max_message_bytes


def test_limits_cannot_be_changed() -> None:
    """One value is shared by all sessions."""
    with pytest.raises(FrozenInstanceError):
        Limits().max_frame_bytes = 1  # type: ignore[misc]
