"""A TCP proxy that breaks what passes through it: cuts, stalls, half-opens, truncates, refuses."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_BLOCK_BYTES = 1 << 16
_RESET = struct.pack("ii", 1, 0)


class ProxiedConnection:
    """A client's connection and its upstream one. Threads of the proxy use it."""

    def __init__(self, client: socket.socket, upstream: socket.socket) -> None:
        self.client = client
        self.upstream = upstream
        self.dead = threading.Event()

    def reset(self) -> None:
        """Close both sides; the peers see a reset connection."""
        for sock in (self.client, self.upstream):
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()


class TcpProxy:
    """Forwards a port of its own to `upstream_port`, both on the loopback address.

    Faults are asked for by methods, from any thread; without one, bytes pass unchanged.

    Args:
        upstream_port: Where connections go.
        serve: Called on a thread of its own for every connection; forwards blindly if not given.
    """

    def __init__(
        self, upstream_port: int, serve: Callable[[ProxiedConnection], None] | None = None
    ) -> None:
        self._upstream_port = upstream_port
        self._serve = serve or self._forward
        self._lock = threading.Lock()
        self._open: list[ProxiedConnection] = []
        self._flowing = threading.Event()
        self._flowing.set()
        self._refusing = False
        self._truncate_after: int | None = None
        self._closed = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name=f"proxy-{self.port}", daemon=True).start()

    # Faults

    def cut(self) -> int:
        """Reset every open connection; how many there were."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            connection.reset()
        return len(connections)

    def stall(self) -> None:
        """Hold everything back, on old connections and new ones, until `heal`."""
        self._flowing.clear()

    def half_open(self) -> int:
        """Open connections fall silent for good, without being closed; how many there were."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.dead.set()
        return len(connections)

    def truncate(self, after_bytes: int) -> None:
        """Reset the next answer on any connection once so many of its bytes have passed."""
        with self._lock:
            self._truncate_after = after_bytes

    def refuse(self) -> None:
        """Reset new connections at once, until `heal`; open ones stay."""
        self._refusing = True

    def heal(self) -> None:
        """Stop stalling, refusing and truncating."""
        self._refusing = False
        with self._lock:
            self._truncate_after = None
        self._flowing.set()

    def wait_for_flow(self) -> None:
        """Block while the proxy is stalled."""
        self._flowing.wait()

    def close(self) -> None:
        """Stop listening and reset what is open."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.heal()
        self.cut()

    def __enter__(self) -> TcpProxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Threads

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        try:
            upstream = socket.create_connection(("127.0.0.1", self._upstream_port), 5)
        except OSError:
            client.close()
            return
        upstream.settimeout(None)
        for sock in (client, upstream):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = ProxiedConnection(client, upstream)
        with self._lock:
            refused = self._refusing or self._closed
            if not refused:
                self._open.append(connection)
        try:
            if not refused:
                self._serve(connection)
        except OSError:
            pass
        finally:
            if not connection.dead.is_set():
                self.drop(connection)

    def drop(self, connection: ProxiedConnection) -> None:
        """Reset one connection and forget it."""
        with self._lock:
            if connection in self._open:
                self._open.remove(connection)
        connection.reset()

    def _forward(self, connection: ProxiedConnection) -> None:
        up = threading.Thread(
            target=self._pump, args=(connection, connection.client, connection.upstream)
        )
        up.daemon = True
        up.start()
        self._pump(connection, connection.upstream, connection.client)

    def _pump(
        self,
        connection: ProxiedConnection,
        source: socket.socket,
        target: socket.socket,
    ) -> None:
        answers = source is connection.upstream
        with contextlib.suppress(OSError):
            while block := source.recv(_BLOCK_BYTES):
                self._flowing.wait()
                if connection.dead.is_set():
                    continue
                if answers and (left := self._take_truncation(len(block))) is not None:
                    target.sendall(block[:left])
                    break
                target.sendall(block)
        if not connection.dead.is_set():
            self.drop(connection)

    def _take_truncation(self, size: int) -> int | None:
        with self._lock:
            if self._truncate_after is None:
                return None
            if self._truncate_after >= size:
                self._truncate_after -= size
                return None
            left, self._truncate_after = self._truncate_after, None
            return left
