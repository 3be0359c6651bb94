"""A process of a thousand hostile HTTP clients, all of which stay connected as long as they can.

python -m tests.integration.hostile_clients SOCKET
"""

import asyncio
import contextlib
import itertools
import sys

CLIENTS = 1000

HOSTILE = {
    "slow": b"GET /status.json HTTP/1.1\r\nX: ",
    "silent": b"",
    "long path": b"GET /" + b"a" * 1_000_000,
    "long header": b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 1_000_000,
    "bad method": b"\x00\xff BREW\r\n\r\n",
    "large body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n"
    + b"a" * 100_000,
    "viewer that never reads": b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "pipeline": b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000,
}


async def main(path: str) -> None:
    """Connect a thousand times, each time with something else; say so, and stay."""
    clients = []
    for _, data in zip(range(CLIENTS), itertools.cycle(HOSTILE.values()), strict=False):
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(path)
            clients.append((reader, writer))
            writer.write(data)
    sys.stdout.write("done\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
