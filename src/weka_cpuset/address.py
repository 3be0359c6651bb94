"""Where the agent answers HTTP: a host and a port, or the path of a socket."""

from dataclasses import dataclass

PORT_MAX = 65535
"""The greatest TCP port."""


@dataclass(frozen=True, slots=True)
class Address:
    """A place to listen at, or to ask.

    Attributes:
        host: Name or number of a host; empty if it is a socket.
        port: A TCP port; 0 if it is a socket.
        path: The absolute path of a Unix socket; empty if it is none.
    """

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `host:port`, `[host]:port` or `/path/of/a/socket`.

        Raises:
            ValueError: The text is none of these.
        """
        if text.startswith("/") and "\0" not in text:
            return cls(path=text)
        host, _, port = text.rpartition(":")
        bracketed = host.startswith("[") and host.endswith("]")
        name = host[1:-1] if bracketed else host
        right = name and port.isascii() and port.isdecimal() and 0 < int(port) <= PORT_MAX
        if not right or (":" in name and not bracketed) or any(one in name for one in "/[] \0"):
            raise ValueError(text)
        return cls(name, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this host's own programs can reach it."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.") or bool(self.path)

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
