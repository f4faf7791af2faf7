"""An HTTP proxy before StarRocks that answers itself, or loses requests, bodies and answers."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from penstock.testing.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penstock.testing.tcp_proxy import ProxiedConnection

ACTIONS = ("unavailable", "lose-request", "lose-answer", "cut-body", "cut-answer")
_BLOCK_BYTES = 1 << 16
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n"
    b"Content-Length: 13\r\nConnection: close\r\n\r\nout of order\n"
)


@dataclass(frozen=True, slots=True)
class HttpFault:
    """What happens to the next request whose target holds `path`.

    Args:
        path: Part of the request line, such as "transaction/commit"; "" for any request.
        action: "unavailable": 503, nothing is forwarded; "lose-request": cut before it is
            forwarded; "lose-answer": forwarded, the answer is dropped and the connection cut;
            "cut-body", "cut-answer": cut in the middle of the request's body or of the answer.
    """

    path: str
    action: str


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that passed, and the status of its answer.

    Args:
        method: Such as `PUT`.
        target: Path and query.
        fields: Header names in lower case and values, in their order.
        body: What the client sent of it: empty where it was redirected before.
        status: Of the answer.
        answer: The answer's body.
    """

    method: str
    target: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    status: int
    answer: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    first: bytes
    lines: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        return self.first + b"".join(self.lines) + b"\r\n"

    def field(self, name: bytes) -> bytes:
        for line in self.lines:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name:
                return value.strip()
        return b""

    @property
    def length(self) -> int:
        return int(self.field(b"content-length") or 0)

    @property
    def chunked(self) -> bool:
        return self.field(b"transfer-encoding").lower() == b"chunked"

    @property
    def status(self) -> int:
        return int(self.first.split()[1])


class HttpProxy(TcpProxy):
    """Forwards HTTP/1.1 request by request.

    Args:
        upstream_port: The frontend or backend.
        redirects: Ports in `Location` headers that are replaced: real port to a proxy's.
        record: Told of every request that was answered, on the connection's thread.
    """

    def __init__(
        self,
        upstream_port: int,
        redirects: Mapping[int, int] | None = None,
        record: Callable[[Exchange], None] | None = None,
    ) -> None:
        self._redirects = dict(redirects or {})
        self._record = record
        self._faults: deque[HttpFault] = deque()
        self._faults_lock = threading.Lock()
        self.met: list[HttpFault] = []
        super().__init__(upstream_port, self._requests)

    def inject(self, fault: HttpFault) -> None:
        """Let something go wrong once."""
        with self._faults_lock:
            self._faults.append(fault)

    def heal(self) -> None:
        """Forget faults not met, too."""
        with self._faults_lock:
            self._faults.clear()
        super().heal()

    def _next_fault(self, head: _Head) -> HttpFault | None:
        with self._faults_lock:
            for fault in self._faults:
                if fault.path.encode() in head.first and (
                    fault.action != "cut-body" or head.length
                ):
                    self._faults.remove(fault)
                    self.met.append(fault)
                    return fault
        return None

    def _requests(self, connection: ProxiedConnection) -> None:
        with connection.client.makefile("rb") as client, connection.upstream.makefile("rb") as up:
            while (head := _read_head(client)) is not None:
                self.wait_for_flow()
                if connection.dead.is_set() or not self._exchange(connection, head, client, up):
                    return

    def _exchange(
        self, connection: ProxiedConnection, head: _Head, client: BinaryIO, up: BinaryIO
    ) -> bool:
        """One request and its answer; whether the connection goes on."""
        fault = self._next_fault(head)
        action = fault.action if fault is not None else ""
        if action == "unavailable":
            connection.client.sendall(_BUSY)
            return False
        if action == "lose-request":
            return False
        connection.upstream.sendall(head.raw)
        answer = None
        sent = bytearray()

        def forward(block: bytes) -> None:
            if self._record is not None:
                sent.extend(block)
            connection.upstream.sendall(block)

        if head.field(b"expect"):
            answer = _read_head(up)
            if answer is None:
                return False
            if answer.status == 100:
                connection.client.sendall(answer.raw)
                answer = None
        if answer is None:
            if head.chunked:
                _copy_chunks(client, connection.upstream.sendall, sent)
            else:
                body = head.length // 2 if action == "cut-body" else head.length
                _copy(client, forward, body)
            if action == "cut-body":
                return False
            answer = _read_head(up)
        if answer is None:
            return False
        if self._record is not None and not action:
            return self._recorded(connection, head, bytes(sent), answer, up)
        return self._answer(connection, answer, up, action)

    def _recorded(
        self, connection: ProxiedConnection, head: _Head, sent: bytes, answer: _Head, up: BinaryIO
    ) -> bool:
        text = up.read(answer.length)
        assert self._record is not None
        self._record(_exchange(head, sent, answer.status, text))
        connection.client.sendall(self._redirected(answer).raw + text)
        return answer.field(b"connection").lower() != b"close"

    def _answer(
        self, connection: ProxiedConnection, answer: _Head, up: BinaryIO, action: str
    ) -> bool:
        if action == "lose-answer":
            _copy(up, lambda _: None, answer.length)
            return False
        self.wait_for_flow()
        if connection.dead.is_set():
            return False
        connection.client.sendall(self._redirected(answer).raw)
        if action == "cut-answer":
            _copy(up, connection.client.sendall, answer.length // 2)
            return False
        _copy(up, connection.client.sendall, answer.length)
        return answer.field(b"connection").lower() != b"close"

    def _redirected(self, answer: _Head) -> _Head:
        def move(line: bytes) -> bytes:
            if not line.lower().startswith(b"location:"):
                return line
            return re.sub(
                rb"(//[^/:]+:)(\d+)",
                lambda m: m[1] + str(self._redirects.get(int(m[2]), int(m[2]))).encode(),
                line,
                count=1,
            )

        return _Head(answer.first, tuple(move(line) for line in answer.lines))


def _exchange(head: _Head, body: bytes, status: int, answer: bytes) -> Exchange:
    method, target, _ = head.first.decode("latin-1").split(" ", 2)
    fields = []
    for line in head.lines:
        name, _, value = line.decode("utf-8", "replace").partition(":")
        fields.append((name.strip().lower(), value.strip()))
    return Exchange(method, target, tuple(fields), body, status, answer)


def _read_head(file: BinaryIO) -> _Head | None:
    first = file.readline()
    if not first:
        return None
    lines = []
    while (line := file.readline()) not in {b"\r\n", b""}:
        lines.append(line)
    return _Head(first, tuple(lines))


def _copy(source: BinaryIO, send: object, size: int) -> None:
    assert callable(send)
    while size:
        block = source.read(min(size, _BLOCK_BYTES))
        if not block:
            message = "the sender ended in the middle"
            raise ConnectionError(message)
        send(block)
        size -= len(block)


def _copy_chunks(source: BinaryIO, send: Callable[[bytes], None], data: bytearray) -> None:
    """Forward a chunked body as it comes; what it holds goes to `data`."""
    while True:
        line = source.readline()
        size = int(line.split(b";")[0], 16)
        block = source.read(size + 2)
        data.extend(block[:size])
        send(line + block)
        if not size:
            return
