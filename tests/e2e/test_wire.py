"""What the agent puts on the wire to a real runtime.

Some layouts of valid messages crash the runtime or silence one direction for ever. The only
one that is safe with every release is looked for here, with a reader of its own.
"""

import struct
from collections.abc import Iterator

from tests.e2e.capture import record_session
from tests.e2e.containerd import Containerd
from tests.e2e.kubelet import Kubelet

# NRI: a frame is connection id and length; ttrpc: a header is length, stream, type, flags.
FRAME = struct.Struct(">II")
HEADER = struct.Struct(">IIBB")
FROM_RUNTIME, TO_RUNTIME = 1, 2
REQUEST, RESPONSE = 1, 2


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The connection id and the payload of each frame."""
    while data:
        connection, length = FRAME.unpack_from(data)
        assert FRAME.size + length <= len(data), "the last frame is cut"
        yield connection, data[FRAME.size : FRAME.size + length]
        data = data[FRAME.size + length :]


def test_every_message_is_a_header_frame_and_a_body_frame(
    runtime: Containerd, kubelet: Kubelet
) -> None:
    """The agent sends each header and each body as a frame of its own, and no other type."""
    sent = frames(bytes(record_session(runtime, kubelet).from_plugin))

    types = []
    for connection, header in sent:
        assert len(header) == HEADER.size
        length, stream, kind, flags = HEADER.unpack(header)
        assert (connection, kind) in {(FROM_RUNTIME, RESPONSE), (TO_RUNTIME, REQUEST)}
        assert stream % 2 == 1
        assert flags == 0
        if length:
            assert [(connection, length)] == [(one, len(body)) for one, body in [next(sent)]]
        types.append(kind)
    assert types.count(REQUEST) == 1, "registration is the only call on this runtime"
    assert types.count(RESPONSE) > 10
