"""A small HTTP/1.1 client for Stream Load: `Expect: 100-continue`, redirects with credentials.

The usual clients send the body to the frontend and lose the credentials at the 307; this one asks
first, follows by hand and keeps connections to the backends. Thread-safe; blocks with deadlines.
"""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import urlsplit

from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.config import Secret

_MAX_REDIRECTS = 5
_MAX_HEADERS = 200
CONNECT_FAILED = "http-connect-failed"
ANSWER_LOST = "http-answer-lost"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    endpoint: Endpoint


class _Connection:
    def __init__(self, endpoint: Endpoint, connect_timeout: float) -> None:
        self.endpoint = endpoint
        self.fresh = True
        try:
            sock = socket.create_connection((endpoint.host, endpoint.port), connect_timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if endpoint.tls:
                context = ssl.create_default_context()
                sock = context.wrap_socket(sock, server_hostname=endpoint.host)
        except OSError as error:
            raise ConnectorError(
                f"could not connect to {endpoint}",
                retryable=True,
                endpoint=str(endpoint),
                code=CONNECT_FAILED,
                detail=f"{error}.",
                hint="Check host and port, and that the server runs.",
            ) from error
        self.sock = sock
        self.file: BinaryIO = sock.makefile("rb")

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self.sock.close()


class _StaleError(Exception):
    """A kept connection turned out closed before anything of the request was answered."""


class HttpClient:
    """Sends requests to one of several equal endpoints and follows their redirects.

    Args:
        endpoints: Tried in turn until one accepts a connection.
        user: For HTTP Basic; sent to redirect targets too.
        password: Its password.
        connect_timeout: Seconds.
        socket_timeout: Seconds without any byte of the answer, None for ever.
        continue_timeout: Seconds to wait for `100 Continue` or a redirect.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        user: str,
        password: Secret,
        *,
        connect_timeout: float = 30.0,
        socket_timeout: float | None = 660.0,
        continue_timeout: float = 30.0,
    ) -> None:
        self._endpoints = list(endpoints)
        self._auth = "Basic " + base64.b64encode(f"{user}:{password.reveal()}".encode()).decode(
            "ascii"
        )
        self._connect_timeout = connect_timeout
        self._socket_timeout = socket_timeout
        self._continue_timeout = continue_timeout
        self._idle: dict[Endpoint, list[_Connection]] = {}
        self._lock = threading.Lock()
        self._closed = False

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Sequence[bytes | memoryview] | None = None,
    ) -> HttpResponse:
        """One request; the body is sent only to the server that asks for it.

        Raises:
            ConnectorError: Retryable. Code `CONNECT_FAILED`: nothing was sent; `ANSWER_LOST`:
                the server may or may not have done it.
        """
        for _ in range(2):
            for position, endpoint in enumerate(self._endpoints):
                try:
                    response = self._follow(endpoint, method, path, headers or {}, body)
                except ConnectorError as error:
                    last = position == len(self._endpoints) - 1
                    if error.code != CONNECT_FAILED or last:
                        raise
                    continue
                if position:
                    good = self._endpoints[position:] + self._endpoints[:position]
                    self._endpoints = good
                return response
        raise AssertionError

    def get(self, url: str) -> HttpResponse:
        """A GET of an absolute address, for error logs."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._follow(_endpoint_of(url), "GET", path, {}, None)

    def close(self) -> None:
        """Close the kept connections. May be called twice."""
        with self._lock:
            self._closed = True
            kept = [connection for idle in self._idle.values() for connection in idle]
            self._idle.clear()
        for connection in kept:
            connection.close()

    def _follow(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes | memoryview] | None,
    ) -> HttpResponse:
        for _ in range(_MAX_REDIRECTS):
            response = self._exchange(endpoint, method, path, headers, body)
            location = response.headers.get("location", "")
            if response.status not in {301, 302, 307, 308} or not location:
                return response
            if not location.startswith("/"):
                endpoint = _endpoint_of(location)
                parts = urlsplit(location)
                location = parts.path + (f"?{parts.query}" if parts.query else "")
            path = location
        raise ConnectorError(
            f"too many redirects from {endpoint}", retryable=False, endpoint=str(endpoint)
        )

    def _exchange(
        self,
        endpoint: Endpoint,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes | memoryview] | None,
    ) -> HttpResponse:
        while True:
            connection = self._take(endpoint)
            try:
                response, reusable = self._talk(connection, method, path, headers, body)
            except _StaleError:
                connection.close()
                continue
            except (OSError, ValueError, EOFError) as error:
                connection.close()
                what = "timed out" if isinstance(error, TimeoutError) else str(error) or "closed"
                raise ConnectorError(
                    f"lost the answer of {endpoint}",
                    retryable=True,
                    endpoint=str(endpoint),
                    code=ANSWER_LOST,
                    detail=f"{method} {path.split('?', maxsplit=1)[0]}: {what}.",
                ) from error
            except BaseException:
                connection.close()
                raise
            if reusable:
                self._give_back(connection)
            else:
                connection.close()
            return response

    def _talk(
        self,
        connection: _Connection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: Sequence[bytes | memoryview] | None,
    ) -> tuple[HttpResponse, bool]:
        sock = connection.sock
        length = sum(memoryview(part).nbytes for part in body) if body is not None else 0
        host = f"{connection.endpoint.host}:{connection.endpoint.port}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Authorization: {self._auth}"]
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        if body is not None:
            lines.append("Expect: 100-continue")
        if body is not None or method in {"POST", "PUT"}:
            lines.append(f"Content-Length: {length}")
        try:
            sock.settimeout(self._socket_timeout if body is None else self._continue_timeout)
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            first = connection.file.readline(65536)
        except TimeoutError:
            raise
        except OSError as error:
            if not connection.fresh:
                raise _StaleError from error
            raise
        if not first:
            if not connection.fresh:
                raise _StaleError
            message = "the connection was closed without an answer"
            raise EOFError(message)
        connection.fresh = False
        status, fields = _head(first, connection.file)
        sent = body is None
        while 100 <= status < 200:
            if not sent and body is not None:
                sock.settimeout(self._socket_timeout)
                for part in body:
                    sock.sendall(part)
                sent = True
            status, fields = _head(connection.file.readline(65536), connection.file)
        sock.settimeout(self._socket_timeout)
        content, delimited = _content(status, fields, connection.file)
        # A server that answered without reading the body may still wait for it on this connection.
        keep = sent and delimited and fields.get("connection", "").lower() != "close"
        return HttpResponse(status, fields, content, connection.endpoint), keep

    def _take(self, endpoint: Endpoint) -> _Connection:
        with self._lock:
            idle = self._idle.get(endpoint)
            if idle:
                return idle.pop()
        return _Connection(endpoint, self._connect_timeout)

    def _give_back(self, connection: _Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.setdefault(connection.endpoint, []).append(connection)
                return
        connection.close()


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _endpoint_of(url: str) -> Endpoint:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Endpoint(parts.hostname or "", parts.port or (443 if tls else 80), tls)


def _head(first: bytes, file: BinaryIO) -> tuple[int, dict[str, str]]:
    parts = first.decode("latin-1").split(None, 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
        message = "the answer is not HTTP" if first else "the connection was closed"
        raise ValueError(message)
    fields: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = file.readline(65536)
        if line in {b"\r\n", b"\n"}:
            return int(parts[1]), fields
        if not line:
            break
        name, _, value = line.decode("utf-8", "replace").partition(":")
        fields[name.strip().lower()] = value.strip()
    message = "the head of the answer did not end"
    raise EOFError(message)


def _content(status: int, fields: Mapping[str, str], file: BinaryIO) -> tuple[bytes, bool]:
    if status in {204, 304}:
        return b"", True
    if "chunked" in fields.get("transfer-encoding", "").lower():
        parts = []
        while size := int(file.readline(1024).split(b";")[0].strip(), 16):
            parts.append(_exactly(file, size))
            file.readline(8)
        while file.readline(65536) not in {b"\r\n", b"\n", b""}:
            pass
        return b"".join(parts), True
    if "content-length" in fields:
        return _exactly(file, int(fields["content-length"])), True
    return file.read(), False


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        message = "the answer was cut off"
        raise EOFError(message)
    return data
