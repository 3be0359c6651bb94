"""The client of the Container Runtime Interface, with a server in this process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from nodestress import cri_pb2 as pb
from nodestress.cri import CriClient

GRACE_S = 1000


class Server(grpc.GenericRpcHandler):
    """Answers every call with an empty message, and notes how long its client would wait.

    Attributes:
        patience_s: By the call's name, in seconds.
    """

    def __init__(self) -> None:
        self.patience_s: dict[str, float] = {}

    def service(self, details: Any) -> Any:
        """Return what answers a call."""

        def answer(_: bytes, context: Any) -> bytes:
            self.patience_s[details.method.rpartition("/")[2]] = context.time_remaining()
            return pb.StopContainerResponse().SerializeToString()

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server that runs."""
    handler = Server()
    served = grpc.server(ThreadPoolExecutor(1), handlers=[handler])
    served.add_insecure_port(f"unix://{tmp_path}/cri.sock")
    served.start()
    yield handler
    served.stop(None)


def test_deaf_container_may_take_its_whole_grace_period(server: Server, tmp_path: Path) -> None:
    """A call that stops a container does not fail because its container uses the time it has."""
    client = CriClient(tmp_path / "cri.sock")
    client.stop_container("deaf", GRACE_S)
    client.start_container("other")
    client.close()
    assert server.patience_s["StopContainer"] > GRACE_S
    assert server.patience_s["StartContainer"] < GRACE_S
