"""Addresses: hosts with ports, and paths of sockets."""

import pytest

from weka_cpuset.address import Address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:80", Address("127.0.0.1", 80)),
        ("[::1]:65535", Address("::1", 65535)),
        ("node-1:9", Address("node-1", 9)),
        ("/run/a:b.sock", Address(path="/run/a:b.sock")),
    ],
)
def test_reads_what_it_writes(text: str, address: Address) -> None:
    assert address == Address.parse(text)
    assert text == str(address)


@pytest.mark.parametrize(
    "text",
    ["", "80", ":80", "a", "a:", "a:0", "a:65536", "::1:80", "a/b:80", "a:²", "[]:1"],
)
def test_refuses_everything_else(text: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # an empty text matches anything
        Address.parse(text)
    assert text in str(refused.value)


def test_knows_what_only_this_host_can_reach() -> None:
    local = ("127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "/run/x.sock")
    assert all(Address.parse(one).is_loopback for one in local)
    assert not any(Address.parse(one).is_loopback for one in ("0.0.0.0:1", "[::]:1", "10.0.0.1:1"))
