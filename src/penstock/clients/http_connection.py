"""One HTTP/1.1 connection: a request, `100 Continue`, the body, the answer."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from penstock.errors import ConnectorError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

_MAX_HEADERS = 200
_MAX_LINE = 65536
CONNECT_FAILED = "http-connect-failed"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens; IPv6 addresses without brackets."""

    host: str
    port: int
    tls: bool = False

    @property
    def authority(self) -> str:
        """`host:port` as it stands in URLs and in the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}"


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """Status, headers with lower-case names, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; `answer` None waits for ever.

    Args:
        connect: For a connection.
        answer: Without any byte of the answer, and for each part of the body sent.
        proceed: For `100 Continue`, a redirect or a refusal, before the body is sent.
        idle: A connection not used for longer is not used again; None: as long as it holds.
    """

    connect: float = 30.0
    answer: float | None = 660.0
    proceed: float = 30.0
    idle: float | None = None


class StaleError(Exception):
    """A kept connection turned out closed before anything of the request was answered."""


class NotAskedError(Exception):
    """The server said nothing in time, so the body was not sent."""


class Connection:
    """A connection to one endpoint, used by one caller at a time.

    Raises:
        ConnectorError: `CONNECT_FAILED`, retryable.
    """

    def __init__(self, endpoint: Endpoint, timeouts: Timeouts, tls: ssl.SSLContext | None) -> None:
        self.endpoint = endpoint
        self._timeouts = timeouts
        self._fresh = True
        try:
            address = (endpoint.host, endpoint.port)
            sock = socket.create_connection(address, timeouts.connect)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if endpoint.tls:
                assert tls is not None
                sock = tls.wrap_socket(sock, server_hostname=endpoint.host)
        except OSError as error:
            raise ConnectorError(
                f"could not connect to {endpoint}",
                retryable=True,
                endpoint=str(endpoint),
                code=CONNECT_FAILED,
                detail=f"{error}.",
                hint=_connect_hint(endpoint, error),
            ) from error
        self._sock = sock
        self._file: BinaryIO = sock.makefile("rb")

    def close(self) -> None:
        """Close it. May be called twice."""
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._sock.close()

    def exchange(
        self, head: bytes, body: Sequence[bytes | memoryview] | None
    ) -> tuple[HttpResponse, bool]:
        """Send a request; the body only once it is asked for.

        Returns:
            The answer, and whether the connection can be used again.

        Raises:
            StaleError: Kept alive and closed meanwhile; nothing happened.
            NotAskedError: The server kept silent; nothing of the body was sent.
            OSError, ValueError, EOFError: The answer was lost or is none.
        """
        limit = self._timeouts.answer if body is None else self._timeouts.proceed
        self._sock.settimeout(limit)
        try:
            first = self._ask(head)
        except TimeoutError as error:
            if body is None:
                raise
            raise NotAskedError from error
        status, fields = _head(first, self._file)
        waiting, complete = body, body is None
        while 100 <= status < 200:
            if waiting is not None and status == 100:
                complete = self._send(waiting)
                waiting = None
            status, fields = _head(self._file.readline(_MAX_LINE), self._file)
        self._sock.settimeout(self._timeouts.answer)
        content, delimited = _content(status, fields, self._file)
        # A server that answered without reading the body may still wait for it here.
        keep = complete and delimited and fields.get("connection", "").lower() != "close"
        return HttpResponse(status, fields, content, self.endpoint), keep

    def _ask(self, head: bytes) -> bytes:
        """Send the head; the first line of the answer."""
        try:
            self._sock.sendall(head)
            first = self._file.readline(_MAX_LINE)
        except TimeoutError:
            raise
        except OSError as error:
            if not self._fresh:
                raise StaleError from error
            raise
        if not first and not self._fresh:
            raise StaleError
        if not first:
            message = "the connection was closed without an answer"
            raise EOFError(message)
        self._fresh = False
        return first

    def _send(self, body: Sequence[bytes | memoryview]) -> bool:
        """Send the body; false where the server closed before its end."""
        self._sock.settimeout(self._timeouts.answer)
        try:
            for part in body:
                self._sock.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer early and close; what it says is worth more than the broken pipe.
            # Where it says nothing, reading the answer fails.
            return False
        return True


def _connect_hint(endpoint: Endpoint, error: OSError) -> str:
    if endpoint.tls:
        return "Check that the port speaks TLS, and the authority: 'sink.ssl.ca-file'."
    if isinstance(error, socket.gaierror):
        return "Check the name of the host."
    return "Check host and port, and that the server runs."


class NotHttpError(ValueError):
    """What answers speaks another protocol."""


def _head(first: bytes, file: BinaryIO) -> tuple[int, dict[str, str]]:
    parts = first.decode("latin-1").split(None, 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/") or not parts[1].isdigit():
        if first:
            message = "the answer is not HTTP"
            raise NotHttpError(message)
        message = "the connection was closed"
        raise ValueError(message)
    fields: dict[str, str] = {}
    for _ in range(_MAX_HEADERS):
        line = file.readline(_MAX_LINE)
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
        while file.readline(_MAX_LINE) not in {b"\r\n", b"\n", b""}:
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
