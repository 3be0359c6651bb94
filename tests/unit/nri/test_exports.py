"""What the package promises to those who use it."""

import nri

PUBLIC = """
    DEFAULT_SOCKET VALID_MASK VALID_MASK_OLD BacklogExceeded BadEndpoint BadIdentity CallFailed
    ConnectFailed Connection ConnectionLost Delivery Endpoint Event FrameTooLarge Identity
    InheritedEndpoint Limits LinkTimedOut MessageTooLarge Method MisuseError NriError
    OutgoingTooLarge PeerClosed PluginConnection PluginHandler PluginLink ProtocolError
    ProtocolFailed Refusal RegistrationFailed ReplyReceived RequestQueueOverflow RequestReceived
    RuntimeHandler RuntimeInfo RuntimeSettings Service Session Side SocketEndpoint Status
    StatusError SyncTooLarge Timeouts TooManyCalls TrunkClosedMidFrame UnknownStream connect
    cpu_adjustment cpu_update endpoint_from_environment mask_of parse_version
"""


def test_the_public_names_are_these() -> None:
    """A name that comes or goes is a decision, not an accident."""
    assert sorted(nri.__all__) == sorted(PUBLIC.split())


def test_every_public_name_is_there() -> None:
    """Whoever imports all of it gets all of it."""
    assert [name for name in nri.__all__ if not hasattr(nri, name)] == []


def test_every_error_is_public() -> None:
    """Whoever calls something can catch what it raises."""
    errors = {
        name
        for name, value in vars(nri.errors).items()
        if isinstance(value, type) and issubclass(value, nri.NriError)
    }
    assert errors <= set(nri.__all__)
