"""Who the plugin is, where its runtime is, and the way there."""

import asyncio
import os
import socket
from pathlib import Path

import pytest

from nri.endpoint import (
    DEFAULT_SOCKET,
    Identity,
    InheritedEndpoint,
    SocketEndpoint,
    endpoint_from_environment,
    open_endpoint,
)
from nri.errors import BadEndpoint, BadIdentity, ConnectFailed

DEFAULT = Identity("weka", "50")


class TestIdentity:
    """Name and index."""

    @pytest.mark.parametrize("name", ["a", "weka-cpuset", "A_b.c+d-9"])
    @pytest.mark.parametrize("index", ["00", "10", "99"])
    def test_what_runtimes_accept_is_valid(self, name: str, index: str) -> None:
        """Letters, digits and `_.+-`; two digits."""
        identity = Identity(name, index)
        assert (identity.name, identity.index) == (name, index)

    @pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "a\n"])
    def test_a_bad_name_is_refused(self, name: str) -> None:
        """The error tells which field it was."""
        with pytest.raises(BadIdentity) as caught:
            Identity(name, "10")
        assert (caught.value.field, caught.value.value) == ("name", name)

    @pytest.mark.parametrize("index", ["", "1", "100", "1a", "-1", "٣٣", "10\n"])
    def test_a_bad_index_is_refused(self, index: str) -> None:
        """Digits of other scripts are none."""
        with pytest.raises(BadIdentity) as caught:
            Identity("weka", index)
        assert (caught.value.field, caught.value.value) == ("index", index)

    @pytest.mark.parametrize(
        ("environ", "argv0", "expected"),
        [
            ({}, "/usr/bin/weka-cpuset", DEFAULT),
            ({}, "10-other", Identity("other", "10")),
            ({}, "/opt/nri/plugins/10-other-name", Identity("other-name", "10")),
            ({}, "/opt/10-dir/weka", DEFAULT),
            ({}, "1-other", DEFAULT),
            ({}, "10-", DEFAULT),
            ({}, "10-a b", DEFAULT),
            ({"NRI_PLUGIN_NAME": "env"}, "10-other", Identity("env", "10")),
            ({"NRI_PLUGIN_IDX": "77"}, "10-other", Identity("other", "77")),
            ({"NRI_PLUGIN_NAME": "env", "NRI_PLUGIN_IDX": "77"}, "x", Identity("env", "77")),
            ({"NRI_PLUGIN_NAME": "", "NRI_PLUGIN_IDX": ""}, "10-other", Identity("other", "10")),
        ],
    )
    def test_environment_comes_before_file_name_before_default(
        self, environ: dict[str, str], argv0: str, expected: Identity
    ) -> None:
        """Name and index are found separately; a file name that is none does not count."""
        assert Identity.from_environment(environ, argv0, DEFAULT) == expected

    @pytest.mark.parametrize("environ", [{"NRI_PLUGIN_NAME": "a b"}, {"NRI_PLUGIN_IDX": "1"}])
    def test_a_bad_value_in_the_environment_is_refused(self, environ: dict[str, str]) -> None:
        """Nobody falls back silently from what somebody has set."""
        with pytest.raises(BadIdentity):
            Identity.from_environment(environ, "10-other", DEFAULT)


class TestEndpointFromEnvironment:
    """Where the runtime is."""

    def test_without_a_descriptor_it_is_the_socket(self) -> None:
        """The well-known one, or the one that was configured."""
        assert endpoint_from_environment({}) == SocketEndpoint(DEFAULT_SOCKET)
        assert endpoint_from_environment({"NRI_PLUGIN_SOCKET": ""}, "/s") == SocketEndpoint("/s")

    def test_a_descriptor_is_inherited(self) -> None:
        """The runtime started us and has told the number."""
        assert endpoint_from_environment({"NRI_PLUGIN_SOCKET": "3"}) == InheritedEndpoint(3)

    @pytest.mark.parametrize("value", ["x", "-1", "3.0", " 3", "٣", "1" * 10])
    def test_what_is_no_descriptor_is_refused(self, value: str) -> None:
        """It is kept as it was given."""
        with pytest.raises(BadEndpoint) as caught:
            endpoint_from_environment({"NRI_PLUGIN_SOCKET": value})
        assert caught.value.descriptor == value


class Recorder(asyncio.Protocol):
    """Keeps what a trunk brings."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received = asyncio.Queue[bytes]()
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Keeps the bytes."""
        self.received.put_nowait(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Notes the end."""
        assert error is None
        self.lost.set()


async def assert_joined(trunk: Recorder, peer: socket.socket) -> None:
    """Bytes go both ways between a trunk and a socket; then both are closed."""
    loop = asyncio.get_running_loop()
    assert trunk.transport is not None
    trunk.transport.write(b"ping")
    peer.setblocking(False)
    assert await loop.sock_recv(peer, 10) == b"ping"
    await loop.sock_sendall(peer, b"pong")
    assert await trunk.received.get() == b"pong"
    trunk.transport.close()
    await trunk.lost.wait()
    peer.close()


class TestOpenSocket:
    """Connecting to a runtime that listens."""

    @pytest.mark.asyncio
    async def test_a_listening_runtime_is_reached(self, tmp_path: Path) -> None:
        """Bytes go both ways."""
        path = str(tmp_path / "nri.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            trunk = Recorder()
            await open_endpoint(SocketEndpoint(path), trunk, 5)
            peer, _ = listener.accept()
            await assert_joined(trunk, peer)

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", ["absent", "x" * 200, "\ud800"])
    async def test_a_path_without_a_runtime_cannot_be_connected(
        self, tmp_path: Path, name: str
    ) -> None:
        """Also one that is too long or no path at all; the error tells path and reason."""
        path = str(tmp_path / name)
        with pytest.raises(ConnectFailed) as caught:
            await open_endpoint(SocketEndpoint(path), Recorder(), 5)
        assert caught.value.path == path
        assert caught.value.reason

    @pytest.mark.asyncio
    async def test_a_socket_that_nobody_listens_on_is_refused(self, tmp_path: Path) -> None:
        """A runtime that died leaves its socket file behind."""
        path = str(tmp_path / "nri.sock")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        with pytest.raises(ConnectFailed) as caught:
            await open_endpoint(SocketEndpoint(path), Recorder(), 5)
        assert caught.value.reason == os.strerror(111)

    @pytest.mark.asyncio
    async def test_the_deadline_ends_the_attempt(self, tmp_path: Path) -> None:
        """With no time left at all the attempt fails, and the error tells the deadline."""
        path = str(tmp_path / "nri.sock")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            trunk = Recorder()
            with pytest.raises(ConnectFailed) as caught:
                await open_endpoint(SocketEndpoint(path), trunk, 0)
            assert caught.value.reason == "not accepted within 0 s"


class TestOpenInherited:
    """Taking over a descriptor."""

    @pytest.mark.asyncio
    async def test_an_inherited_socket_is_taken_over(self) -> None:
        """Bytes go both ways, and children of ours do not inherit it again."""
        ours, peer = socket.socketpair()
        fd = ours.detach()
        os.set_inheritable(fd, True)
        trunk = Recorder()
        await open_endpoint(InheritedEndpoint(fd), trunk, 5)
        assert not os.get_inheritable(fd)
        await assert_joined(trunk, peer)

    @pytest.mark.asyncio
    async def test_a_descriptor_that_is_not_open_is_refused(self) -> None:
        """The number is kept in the error."""
        with pytest.raises(BadEndpoint) as caught:
            await open_endpoint(InheritedEndpoint(999_999), Recorder(), 5)
        assert caught.value.descriptor == "999999"

    @pytest.mark.asyncio
    async def test_a_descriptor_that_is_no_socket_is_refused(self, tmp_path: Path) -> None:
        """It is somebody else's and stays open."""
        with (tmp_path / "file").open("w") as file:
            with pytest.raises(BadEndpoint):
                await open_endpoint(InheritedEndpoint(file.fileno()), Recorder(), 5)
            assert file.write("x") == 1

    @pytest.mark.asyncio
    @pytest.mark.parametrize(
        ("family", "kind"),
        [(socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_STREAM)],
    )
    async def test_another_kind_of_socket_is_refused(
        self, family: socket.AddressFamily, kind: socket.SocketKind
    ) -> None:
        """It is somebody else's and stays open."""
        with socket.socket(family, kind) as other:
            with pytest.raises(BadEndpoint) as caught:
                await open_endpoint(InheritedEndpoint(other.fileno()), Recorder(), 5)
            assert caught.value.reason == "not a unix stream socket"
            assert other.type == kind
            os.fstat(other.fileno())
