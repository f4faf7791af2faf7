"""The binlog as a stream of bytes: registers as a replica, asks for a position, reads packets.

The bytes go to `penstock.wire.mysql.binlog.BinlogDecoder` as they come, packet headers included.
"""

from __future__ import annotations

import select
import ssl
import struct
import time
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection, MySqlEndpoint, connector_error
from penstock.errors import ConnectorError
from penstock.wire.mysql.gtid import MariaDbGtidPosition, MySqlGtidSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.wire.mysql.binlog_events import BinlogPosition

_COM_BINLOG_DUMP = 0x12
_COM_REGISTER_SLAVE = 0x15
_COM_BINLOG_DUMP_GTID = 0x1E
_DUMP_FROM_GTID = 0x04
StartPosition = "BinlogPosition | MySqlGtidSet | MariaDbGtidPosition"


class BinlogStream:
    """A server's binlog from a position on; never ends by itself.

    Not for several threads at once. Each stream of a server needs its own `server_id`: the server
    ends the older of two with the same one.
    """

    def __init__(self, connection: MySqlConnection) -> None:
        self._connection = connection
        self._socket = connection.raw_socket
        self._buffer = bytearray(1 << 20)

    @classmethod
    def open(
        cls,
        endpoint: MySqlEndpoint,
        server_id: int | Callable[[MySqlConnection], int],
        position: BinlogPosition | MySqlGtidSet | MariaDbGtidPosition,
        *,
        heartbeat_ms: int = 30_000,
    ) -> BinlogStream:
        """Logs in and asks for events from `position` on; events come without checksums.

        Args:
            endpoint: The server.
            server_id: Id of this replica, unique among the server's replicas; or who chooses it,
                asked with the session before it becomes the stream.
            position: File and offset, or what has been read already as GTIDs.
            heartbeat_ms: How often an idle server sends a heartbeat.

        Raises:
            ConnectorError: Unreachable (retryable), or refused (not).
        """
        connection = MySqlConnection.open(endpoint)
        try:
            _prepare(connection, heartbeat_ms, position)
            stream = cls(connection)
            number = server_id if isinstance(server_id, int) else server_id(connection)
            stream._request(number, position)
        except ConnectorError:
            connection.close()
            raise
        except OSError as error:
            connection.close()
            raise connector_error(error, endpoint) from error
        return stream

    def fileno(self) -> int:
        """For `select`; with TLS, bytes may also wait in memory, so call `read_available` first."""
        return self._socket.fileno()

    def read_available(
        self, *, wait_ms: int = 0, limit: int = 4 << 20, gather_ms: int = 0
    ) -> bytes | None:
        """All bytes that are there, at most about `limit`; None if there are none.

        Args:
            wait_ms: Wait so long for the first byte.
            limit: Stop gathering here.
            gather_ms: After the first byte, go on gathering so long: big blocks decode faster.

        Raises:
            ConnectorError: The connection is gone (retryable).
        """
        parts: list[bytes] = []
        size = 0
        deadline = time.monotonic() + wait_ms / 1000
        first = True
        while size < limit:
            remaining = max(0.0, deadline - time.monotonic())
            count = self._receive(remaining)
            if count is None:
                break
            if count == 0:
                if parts:
                    break  # its last words may be in them: why it ends
                raise ConnectorError(
                    "the server ended the binlog stream",
                    retryable=True,
                    endpoint=str(self._connection.endpoint),
                    hint="Another replica with the same server id ends this one.",
                )
            parts.append(bytes(self._buffer[:count]))
            size += count
            if first:
                first = False
                deadline = time.monotonic() + gather_ms / 1000
        return b"".join(parts) if parts else None

    def _receive(self, timeout_s: float) -> int | None:
        """Bytes now in the buffer, 0 at the end of the stream, None if none came in time."""
        sock = self._socket
        pending = isinstance(sock, ssl.SSLSocket) and sock.pending()
        if not pending and not select.select([sock], [], [], timeout_s)[0]:
            return None
        try:
            sock.settimeout(max(timeout_s, 0.02))
            return sock.recv_into(self._buffer)
        except (TimeoutError, ssl.SSLWantReadError):
            return None
        except OSError as error:
            raise connector_error(error, self._connection.endpoint) from error

    def _request(
        self, server_id: int, position: BinlogPosition | MySqlGtidSet | MariaDbGtidPosition
    ) -> None:
        register = (
            struct.pack("<BI", _COM_REGISTER_SLAVE, server_id)
            + b"\0\0\0"
            + struct.pack("<HII", 0, 0, 0)
        )
        self._send(register)
        answer = self._read_packet()
        if answer[:1] == b"\xff":
            code = int.from_bytes(answer[1:3], "little")
            message = answer[9:].decode("utf-8", "replace")
            raise ConnectorError(
                f"MySQL server refused to register a replica ({code}): {message}",
                retryable=False,
                endpoint=str(self._connection.endpoint),
                hint="Grant REPLICATION SLAVE to the user.",
            )
        if isinstance(position, MySqlGtidSet):
            data = position.encode()
            request = struct.pack("<BHII", _COM_BINLOG_DUMP_GTID, _DUMP_FROM_GTID, server_id, 0)
            request += struct.pack("<QI", 4, len(data)) + data
        elif isinstance(position, MariaDbGtidPosition):
            request = struct.pack("<BIHI", _COM_BINLOG_DUMP, 4, 0, server_id)
        else:
            request = struct.pack("<BIHI", _COM_BINLOG_DUMP, position.offset, 0, server_id)
            request += position.file.encode()
        self._send(request)

    def _send(self, payload: bytes) -> None:
        self._socket.sendall(struct.pack("<I", len(payload))[:3] + b"\0" + payload)

    def _read_packet(self) -> bytes:
        header = self._read_exactly(4)
        return self._read_exactly(int.from_bytes(header[:3], "little"))

    def _read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._socket.recv(count - len(data))
            if not part:
                raise ConnectionResetError("the server closed the connection")
            data += part
        return data

    def first_time(self) -> int:
        """The time in the first event that has one; for a stream of which nothing was read."""
        while True:
            packet = self._read_packet()
            if packet[:1] != b"\0":
                text = packet[9:].decode("utf-8", "replace")
                raise ConnectorError(
                    f"the server ended the binlog stream: {text}",
                    retryable=False,
                    endpoint=str(self._connection.endpoint),
                )
            seconds = int.from_bytes(packet[1:5], "little")
            if seconds:
                return seconds

    def close(self) -> None:
        """Ends the stream; closing twice is fine."""
        self._connection.close()


def _prepare(
    connection: MySqlConnection,
    heartbeat_ms: int,
    position: BinlogPosition | MySqlGtidSet | MariaDbGtidPosition,
) -> None:
    info = connection.server_info
    period = max(1, heartbeat_ms) * 1_000_000
    names = ("master",) if info.is_mariadb or info.version < (8, 0) else ("source", "master")
    for name in names:
        connection.query(f"SET @{name}_binlog_checksum = 'NONE'")
        connection.query(f"SET @{name}_heartbeat_period = {period}")
    if info.is_mariadb:
        connection.query("SET @mariadb_slave_capability = 4")
        if isinstance(position, MariaDbGtidPosition):
            connection.query("SET @slave_connect_state = %s", [str(position)])
            connection.query("SET @slave_gtid_strict_mode = 0")
            connection.query("SET @slave_gtid_ignore_duplicates = 0")


def current_position(connection: MySqlConnection) -> tuple[BinlogPosition, str]:
    """Where the server's binlog ends now, and its GTIDs as text ("" without).

    Raises:
        ConnectorError: The binlog is off, or the user lacks REPLICATION CLIENT.
    """
    from penstock.wire.mysql.binlog_events import BinlogPosition

    info = connection.server_info
    new = not info.is_mariadb and info.version >= (8, 2)
    rows = connection.query("SHOW BINARY LOG STATUS" if new else "SHOW MASTER STATUS")
    if not rows:
        raise ConnectorError(
            "the server writes no binlog",
            retryable=False,
            endpoint=str(connection.endpoint),
            hint="Start the server with --log-bin and binlog_format=ROW.",
        )
    position = BinlogPosition(str(rows[0][0]), int(rows[0][1]))
    if info.is_mariadb:
        gtids = connection.query("SELECT BINLOG_GTID_POS(%s, %s)", [position.file, position.offset])
        return position, str(gtids[0][0] or "")
    return position, str(rows[0][4] or "").replace("\n", "") if len(rows[0]) > 4 else ""


def file_started_at(endpoint: MySqlEndpoint, server_id: int, file: str) -> int:
    """When the server began a binlog file, in seconds since the epoch.

    Args:
        endpoint: The server.
        server_id: Id of this replica.
        file: The file's name.

    Raises:
        ConnectorError: Unreachable (retryable), or refused (not).
    """
    from penstock.wire.mysql.binlog_events import BinlogPosition

    stream = BinlogStream.open(endpoint, server_id, BinlogPosition(file, 4))
    try:
        return stream.first_time()
    finally:
        stream.close()
