"""The agent's rights in the cluster: what Kubernetes mounts into a pod with a service account."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where kubelet mounts a service account's token, and whom to trust."""

TOKEN_MAX = 64 << 10
"""A token has no more bytes; those that the API server makes have about one thousand."""


class NoAccount(Exception):
    """The agent has no rights in a cluster, or cannot use them.

    Args:
        problem: What is missing.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return self.problem


@dataclass(frozen=True, slots=True)
class Account:
    """Where the API server is, and where the files are that are needed to talk to it.

    Attributes:
        host: The API server's host.
        port: And its port.
        folder: The folder of the files. Kubelet replaces them from time to time, so they are read
            for each connection.
    """

    host: str
    port: int
    folder: Path = FOLDER

    @classmethod
    def found(cls, environment: Mapping[str, str], folder: Path = FOLDER) -> "Account":
        """Return the account of the pod that the agent runs in.

        Args:
            environment: The process's environment.
            folder: Where the account's files are.

        Raises:
            NoAccount: There is none, or this program cannot use it.
        """
        host = environment.get("KUBERNETES_SERVICE_HOST", "")
        port = environment.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not (port.isascii() and port.isdigit()):
            raise NoAccount("the agent does not run in a pod of a cluster")
        if not (folder / "token").exists():
            raise NoAccount(f"no service account's token is mounted in {folder}")
        if not hasattr(ssl, "OPENSSL_VERSION"):
            raise NoAccount("the self-contained executable speaks no TLS; use the image")
        return cls(host, int(port), folder)

    def token(self) -> str:
        """Read the token.

        Raises:
            NoAccount: There is none in the file.
            OSError: The file cannot be read.
        """
        with (self.folder / "token").open("rb") as file:
            token = file.read(TOKEN_MAX + 1).decode("ascii", "replace").strip()
        # It becomes a header of a request, so nothing else may be in it.
        if not token or len(token) > TOKEN_MAX or not all("!" <= one <= "~" for one in token):
            raise NoAccount(f"there is no token in {self.folder / 'token'}")
        return token

    def trust(self) -> ssl.SSLContext:
        """Read who may be the API server: whoever the cluster's own authority says it is.

        Raises:
            OSError: The authority's certificate cannot be read.
        """
        # Not `create_default_context`: from Python 3.13 on that refuses authorities without an
        # identifier of their key, and clusters have such.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / "ca.crt")
        return context
