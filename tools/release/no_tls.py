"""Takes the place of `ssl` in the self-contained executable, which speaks no TLS.

Its HTTP server has none, and OpenSSL would have to be kept up to date in it. asyncio and
prometheus-client want the names below when they are imported; nothing calls them. By the missing
OPENSSL_VERSION the agent knows that it cannot tell Kubernetes anything.
"""

PROTOCOL_TLS_CLIENT = 16
PROTOCOL_TLS_SERVER = 17


class SSLError(OSError):
    """Is never raised."""


class SSLWantReadError(SSLError):
    """Is never raised."""


class SSLSyscallError(SSLError):
    """Is never raised."""


class CertificateError(SSLError):
    """Is never raised."""


class SSLSocket:
    """No socket is one."""


class TLSVersion:
    """There is none."""


class SSLContext:
    """Cannot be made.

    Raises:
        NotImplementedError: Always.
    """

    def __init__(self, protocol: int) -> None:
        raise NotImplementedError(f"no TLS in the self-contained executable: {protocol}")
