"""The query port: accepts MySQL clients, a thread each."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from typing import TYPE_CHECKING

from penstock.embedded.starrocks.query_port.connection import Connection
from penstock.embedded.starrocks.query_port.variables import ServerSettings

if TYPE_CHECKING:
    from penstock.embedded.starrocks.query_port.session import Session
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users

log = logging.getLogger(__name__)


class QueryPortServer:
    """The MySQL-protocol server over a store.

    Args:
        transactions: All loads, and through them the data; must outlive the server.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one, see `port`.
        users: Who may log in, and what he may do.
    """

    def __init__(self, transactions: Transactions, host: str, port: int, users: Users) -> None:
        self._transactions = transactions
        self._host = host
        self._wanted_port = port
        self._users = users
        self._settings = ServerSettings()
        self._listener: socket.socket | None = None
        self._acceptor: threading.Thread | None = None
        self._open: dict[int, tuple[socket.socket, threading.Thread]] = {}
        self._lock = threading.Lock()
        self._connections = 0

    @property
    def host(self) -> str:
        """The address it listens on."""
        return self._host

    @property
    def port(self) -> int:
        """The port it listens on; the wanted one before `start`."""
        if self._listener is None:
            return self._wanted_port
        return int(self._listener.getsockname()[1])

    def start(self) -> None:
        """Starts listening; returns once clients can connect.

        Raises:
            OSError: The port is taken.
        """
        self._listener = socket.create_server((self._host, self._wanted_port), backlog=128)
        self._acceptor = threading.Thread(
            target=self._accept, args=(self._listener,), name="query-port", daemon=True
        )
        self._acceptor.start()
        log.info("query port listening", extra={"host": self._host, "port": self.port})

    def stop(self) -> None:
        """Stops listening and hangs up on all clients; may be called twice."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        self._wanted_port = int(listener.getsockname()[1])
        # A close alone does not wake a thread blocked in accept on Linux; a shutdown does.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        with self._lock:
            clients = list(self._open.values())
        for sock, _ in clients:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for _, thread in clients:
            thread.join(timeout=5)
        if self._acceptor is not None:
            self._acceptor.join(timeout=5)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections += 1
                number = self._connections
                thread = threading.Thread(
                    target=self._serve, args=(sock, number), name=f"query-{number}", daemon=True
                )
                self._open[number] = (sock, thread)
            thread.start()

    def _serve(self, sock: socket.socket, number: int) -> None:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Connection(sock, number, self._users, self._open_session).serve()
        except OSError as error:
            log.debug("client went away", extra={"connection": number, "reason": str(error)})
        finally:
            sock.close()
            with self._lock:
                self._open.pop(number, None)

    def _open_session(self, number: int, user: str) -> Session:
        from penstock.embedded.starrocks.query_port.session import Session

        return Session(self._transactions, self._settings, self._users, number=number, user=user)
