"""The Node Resource Interface (NRI) of container runtimes, both sides of it.

The core is pure: `Session` turns bytes into events and calls into bytes, without any I/O.
Around it lies a thin asyncio shell: `connect` for a plugin, `PluginLink` for a runtime.
The messages are in `nri.messages`, and all of them in `nri.nri_pb2`.
"""

from nri.connection import Connection, Service
from nri.endpoint import (
    DEFAULT_SOCKET,
    Endpoint,
    Identity,
    InheritedEndpoint,
    SocketEndpoint,
    endpoint_from_environment,
)
from nri.errors import (
    BacklogExceeded,
    BadEndpoint,
    BadIdentity,
    ConnectFailed,
    ConnectionLost,
    FrameTooLarge,
    LinkTimedOut,
    MessageTooLarge,
    MisuseError,
    NriError,
    OutgoingTooLarge,
    ProtocolError,
    Refusal,
    RegistrationFailed,
    RequestQueueOverflow,
    Status,
    StatusError,
    SyncTooLarge,
    TooManyCalls,
    TrunkClosedMidFrame,
    UnknownStream,
)
from nri.limits import Limits
from nri.messages import (
    VALID_MASK,
    VALID_MASK_OLD,
    Event,
    cpu_adjustment,
    cpu_update,
    mask_of,
)
from nri.plugin import PluginConnection, PluginHandler, RuntimeInfo, Timeouts, connect
from nri.runtime import Delivery, PluginLink, RuntimeHandler, RuntimeSettings
from nri.services import Method, Side
from nri.session import (
    CallFailed,
    PeerClosed,
    ProtocolFailed,
    ReplyReceived,
    RequestReceived,
    Session,
)
from nri.version import parse_version

__all__ = [
    "DEFAULT_SOCKET",
    "VALID_MASK",
    "VALID_MASK_OLD",
    "BacklogExceeded",
    "BadEndpoint",
    "BadIdentity",
    "CallFailed",
    "ConnectFailed",
    "Connection",
    "ConnectionLost",
    "Delivery",
    "Endpoint",
    "Event",
    "FrameTooLarge",
    "Identity",
    "InheritedEndpoint",
    "Limits",
    "LinkTimedOut",
    "MessageTooLarge",
    "Method",
    "MisuseError",
    "NriError",
    "OutgoingTooLarge",
    "PeerClosed",
    "PluginConnection",
    "PluginHandler",
    "PluginLink",
    "ProtocolError",
    "ProtocolFailed",
    "Refusal",
    "RegistrationFailed",
    "ReplyReceived",
    "RequestQueueOverflow",
    "RequestReceived",
    "RuntimeHandler",
    "RuntimeInfo",
    "RuntimeSettings",
    "Service",
    "Session",
    "Side",
    "SocketEndpoint",
    "Status",
    "StatusError",
    "SyncTooLarge",
    "Timeouts",
    "TooManyCalls",
    "TrunkClosedMidFrame",
    "UnknownStream",
    "connect",
    "cpu_adjustment",
    "cpu_update",
    "endpoint_from_environment",
    "mask_of",
    "parse_version",
]
