"""
Bytes to impact.com and back, over kept-alive connections.

What matters here is the moment at which something goes wrong: before a connection stood, nothing has left; after that,
nobody knows. So an Answer says which it was, and nothing is tried twice down here.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError

# A connection that was idle for longer may be closed by the other side at the very moment at which we write to it.
LONGEST_IDLE_SECONDS = 5.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class Answer:
    """
    What became of one HTTP request.

    Args:
        left: False where no connection stood, so that provably nothing was sent.
        status: None where no whole answer came.
        headers: names in lower case.
        problem: why there is no answer; never holds a value that was sent.
    """

    left: bool = True
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""


class Transport(Protocol):
    """One request to one answer. `path` starts with a slash and carries the query."""

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, read_seconds: float
    ) -> Answer: ...

    def close(self) -> None: ...


class NotConnectedError(NewConnectionError):
    """No connection came to stand: the name, the address or TLS failed. Nothing was sent."""


class HttpTransport:
    """
    A pool of connections to one host, to be shared by threads.

    Args:
        base_url: `https://…`; `http://` only for loopback.
        connections: how many are kept; more threads than that wait for one.

    Raises:
        ValueError: base_url is no such address.
    """

    def __init__(self, base_url: str, *, connections: int = 32, connect_seconds: float = 5.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{base_url!r} is no base URL; give one like https://api.impact.com.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"{base_url!r} is not encrypted; http:// is for loopback only, use https://.")
        self._prefix = parts.path.rstrip("/")
        self._connect_seconds = connect_seconds
        kind: type[urllib3.HTTPConnectionPool] = _HttpsPool if parts.scheme == "https" else _HttpPool
        self._pool = kind(parts.hostname, port=parts.port, maxsize=connections, block=True)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, read_seconds: float
    ) -> Answer:
        try:
            response = self._pool.urlopen(
                method,
                self._prefix + path,
                body=body,
                headers=headers,
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=self._connect_seconds, read=read_seconds),
            )
        except NotConnectedError as error:
            return Answer(left=False, problem=_name_of(error))
        except (HTTPError, OSError) as error:
            return Answer(problem=_name_of(error))
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.data,
        )

    def close(self) -> None:
        self._pool.close()


class _Careful:
    """Mixed into a connection: tells errors of connecting from later ones, and is not used again after a long rest."""

    used_at = 0.0

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except (HTTPError, OSError, UnicodeError) as error:
            raise NotConnectedError(self, _name_of(error)) from error  # type: ignore[arg-type]
        self.used_at = time.monotonic()

    def getresponse(self) -> Any:
        response = super().getresponse()  # type: ignore[misc]
        self.used_at = time.monotonic()
        return response

    @property
    def is_connected(self) -> bool:
        """What the pool asks before it uses a connection again; where this is False, it connects anew."""
        return bool(super().is_connected) and time.monotonic() - self.used_at < LONGEST_IDLE_SECONDS  # type: ignore[misc]


class _HttpConnection(_Careful, HTTPConnection):
    pass


class _HttpsConnection(_Careful, HTTPSConnection):
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


def _name_of(error: Exception) -> str:
    """The kind of the error and of what caused it; their texts hold addresses, which hold the account."""
    kinds = [type(error).__name__]
    cause = error.__cause__ or error.__context__
    while cause is not None and len(kinds) < 3:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return " from ".join(dict.fromkeys(kinds))
