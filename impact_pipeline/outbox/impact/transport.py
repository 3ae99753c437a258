"""
Bytes to impact.com and back, over kept-alive connections.

What matters here is the moment at which something goes wrong: before a connection stood, nothing has left; after that,
nobody knows. So an Answer says which it was, and nothing is tried twice down here.

A library for any host and any need costs more processor time for each request than all that makes it durable. So the
connections are kept here: a socket, one write for each request, and llhttp (of httptools) to read what comes back.
"""

import gzip
import select
import socket
import ssl
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import IncompleteRead, RemoteDisconnected
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# A connection that was idle for longer may be closed by the other side at the very moment at which we write to it.
LONGEST_IDLE_SECONDS = 5.0
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PIECE = 1 << 16


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


class NotConnectedError(Exception):
    """No connection came to stand: the name, the address or TLS failed. Nothing was sent."""


class ReadTimeoutError(Exception):
    """The connection stood, and no whole answer came in time."""


class ProtocolError(Exception):
    """The connection stood and broke, or what came over it is no HTTP."""


class HttpTransport:
    """
    A pool of connections to one host, to be shared by threads.

    Args:
        base_url: `https://…`; `http://` only for loopback.
        connections: how many there are at once; more threads than that wait for one.
        connect_seconds: for each of name and address, and TLS. A request's own `read_seconds` run from its first byte
            to the last one of its answer.

    Raises:
        ValueError: base_url is no such address.
    """

    def __init__(self, base_url: str, *, connections: int = 32, connect_seconds: float = 5.0) -> None:
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or not base_url.isascii():
            raise ValueError(f"{base_url!r} is no base URL; give one like https://api.impact.com.")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ValueError(f"{base_url!r} is not encrypted; http:// is for loopback only, use https://.")
        self._prefix = parts.path.rstrip("/")
        self._host, self._port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
        self._host_header = _host_header(parts)
        self._connect_seconds = connect_seconds
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._room = threading.Semaphore(connections)
        self._idle: deque[_Connection] = deque()
        weakref.finalize(self, _close, self._idle)

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, read_seconds: float
    ) -> Answer:
        request = self._request(method, path, headers, body)
        with self._room:
            try:
                connection = self._connection()
            except NotConnectedError as error:
                return Answer(left=False, problem=_name_of(error))
            is_to_stay = False
            try:
                answer = connection.exchange(request, read_seconds)
                is_to_stay = connection.may_stay
            except (ReadTimeoutError, ProtocolError) as error:
                return Answer(problem=_name_of(error))
            finally:
                if is_to_stay:
                    self._idle.append(connection)
                else:
                    connection.close()
        return answer

    def close(self) -> None:
        _close(self._idle)

    def _request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        lines = [
            f"{method} {self._prefix}{path} HTTP/1.1",
            f"Host: {self._host_header}",
            "Accept-Encoding: identity",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a header or the path of a request holds a line break.")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")

    def _connection(self) -> "_Connection":
        """One that was used last and can be used again, or a new one."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return _Connection(self._connect())
            if connection.is_fresh:
                return connection
            connection.close()

    def _connect(self) -> socket.socket:
        try:
            plain = socket.create_connection((self._host, self._port), self._connect_seconds)
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=self._host)
            except BaseException:
                plain.close()
                raise
        except (OSError, UnicodeError) as error:
            raise NotConnectedError from error


class _Connection:
    """
    One connection, for one request at a time. Its `on_…` methods are what the parser tells.

    Attributes:
        may_stay: after a whole answer, whether the connection can be used again.
    """

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._parser = HttpResponseParser(self)
        self._poll = select.poll()
        self._poll.register(connected, select.POLLIN)
        self._rests_since = 0.0
        self.may_stay = False
        self._is_whole = self._has_headers = False
        self._status = 0
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    @property
    def is_fresh(self) -> bool:
        """It has not rested for long, and the other side has neither closed it nor said anything unasked."""
        return time.monotonic() - self._rests_since < LONGEST_IDLE_SECONDS and not self._poll.poll(0)

    def exchange(self, request: bytes, seconds: float) -> Answer:
        """
        Raises:
            ReadTimeoutError, ProtocolError: nobody knows what became of the request.
        """
        self.may_stay = self._is_whole = self._has_headers = False
        self._headers, self._body = {}, []
        until = time.monotonic() + seconds
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(request)
            while not self._is_whole:
                self._socket.settimeout(max(until - time.monotonic(), 0.001))
                self._take(self._socket.recv(_PIECE))
            body = b"".join(self._body)
            # Not asked for, but a proxy in between may do it all the same.
            if self._headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
        except TimeoutError as error:
            raise ReadTimeoutError from error
        except (OSError, EOFError, zlib.error, IncompleteRead, HttpParserError, HttpParserUpgrade) as error:
            raise ProtocolError from error
        self._rests_since = time.monotonic()
        return Answer(status=self._status, headers=self._headers, body=body)

    def close(self) -> None:
        self._socket.close()

    def _take(self, piece: bytes) -> None:
        if piece:
            try:
                self._parser.feed_data(piece)
            except HttpParserError:
                # What comes after a whole answer does not make it less whole.
                if not self._is_whole:
                    raise
                self.may_stay = False
        elif not self._has_headers:
            raise RemoteDisconnected("")
        elif "content-length" in self._headers or "transfer-encoding" in self._headers:
            raise IncompleteRead(b"")
        else:
            self._is_whole = True

    def on_message_begin(self) -> None:
        if self._is_whole:
            self.may_stay = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_whole:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if not self._is_whole:
            self._has_headers, self._status = True, self._parser.get_status_code()

    def on_body(self, piece: bytes) -> None:
        if not self._is_whole:
            self._body.append(piece)

    def on_message_complete(self) -> None:
        if self._is_whole:
            return
        if self._status < 200:
            # An announcement; the answer itself is still to come.
            self._headers, self._has_headers = {}, False
        else:
            self._is_whole, self.may_stay = True, self._parser.should_keep_alive()


def _close(connections: deque[_Connection]) -> None:
    while connections:
        connections.pop().close()


def _host_header(parts: SplitResult) -> str:
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else str(parts.hostname)
    return host if parts.port is None else f"{host}:{parts.port}"


def _name_of(error: Exception) -> str:
    """The kind of the error and of what caused it; their texts hold addresses, which hold the account."""
    kinds = [type(error).__name__]
    cause = error.__cause__ or error.__context__
    while cause is not None and len(kinds) < 3:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return " from ".join(dict.fromkeys(kinds))
