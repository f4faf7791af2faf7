"""Drains a server's binlog into a ring on a thread of its own and decodes it on the engine's.

The stream is opened again, from the last transaction read completely, when its connection breaks.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from penstock.clients.mysql_binlog import BinlogStream
from penstock.connectors.mysql_cdc.ring import ByteRing
from penstock.errors import ConnectorError, PenstockError
from penstock.wire.mysql.binlog import BinlogDecoder
from penstock.wire.mysql.binlog_events import BinlogPosition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
    from penstock.wire.mysql.binlog_events import BinlogElement
    from penstock.wire.mysql.column import MySqlColumn
    from penstock.wire.mysql.gtid import GtidPosition

log = logging.getLogger(__name__)
_HEARTBEAT_MS = 1_000
_SILENCE_S = 20.0
_BLOCK_BYTES = 4 << 20


class BinlogReader:
    """Elements of the binlog from `position` on.

    Args:
        endpoint: The server.
        server_id: Replica id, or who chooses it; on the stream's thread.
        position: Where to start.
        directory: Where received bytes wait that memory does not hold.
        schemas: Columns of a table, or None where its rows are not wanted.
        wake: Called from the thread when bytes came.
        apart: GTIDs of transactions whose begin is told in any case.
        silence_s: A server that sends nothing for so long, not even a heartbeat, is lost.
    """

    def __init__(
        self,
        endpoint: MySqlEndpoint,
        server_id: int | Callable[[MySqlConnection], int],
        position: BinlogPosition | GtidPosition,
        directory: Path,
        schemas: Callable[[str, str], list[MySqlColumn] | None],
        wake: Callable[[], None],
        *,
        apart: Iterable[str] = (),
        silence_s: float = _SILENCE_S,
    ) -> None:
        self._endpoint = endpoint
        self._server_id = server_id
        self._position = position
        self._ring = ByteRing(directory)
        self._wake = wake
        self._silence_s = silence_s
        self._stopping = threading.Event()
        self._error: PenstockError | None = None
        file = position.file if isinstance(position, BinlogPosition) else ""
        self._decoder = BinlogDecoder(schemas, file=file)
        self._decoder.set_apart(apart)
        self._more = False
        self._thread = threading.Thread(target=self._drain, name="mysql-binlog", daemon=True)
        self._thread.start()

    @property
    def waiting_bytes(self) -> int:
        """Bytes received and not decoded."""
        return self._ring.waiting_bytes

    @property
    def disk_full(self) -> bool:
        """Whether bytes wait in the server because the disk here is full."""
        return self._ring.disk_full

    def read(self) -> list[BinlogElement]:
        """The next elements; [] where nothing is known now.

        Raises:
            ConnectorError: The stream ended; what came before was read.
        """
        while True:
            if self._more:
                elements = self._decoder.feed(b"")
                self._more = bool(elements)
                if elements:
                    return elements
            data = self._take()
            if data is None:
                if self._error is not None and not self._ring.waiting_bytes:
                    raise self._error
                return []
            elements = self._decoder.feed(data)
            self._more = bool(elements)
            if elements:
                return elements

    def _take(self) -> bytes | None:
        """What waits, up to a few megabytes: many events decode faster together."""
        parts: list[bytes] = []
        size = 0
        while size < _BLOCK_BYTES and (data := self._ring.take()) is not None:
            parts.append(data)
            size += len(data)
        return b"".join(parts) if parts else None

    def forget_tables(self) -> None:
        """Columns may have changed: ask again."""
        self._decoder.forget_tables()

    def close(self) -> None:
        """End the thread and drop the ring."""
        self._stopping.set()
        self._ring.close()
        self._thread.join(timeout=5)

    def _fill(self, stream: BinlogStream) -> None:
        heard = time.monotonic()
        while not self._stopping.is_set():
            data = stream.read_available(wait_ms=250, gather_ms=2)
            if data is None:
                if time.monotonic() - heard > self._silence_s:
                    message = f"nothing came for {self._silence_s:.0f} s, not even a heartbeat"
                    raise TimeoutError(message)
                continue
            if not self._ring.put(data):
                return
            heard = time.monotonic()
            self._wake()

    def _drain(self) -> None:
        stream: BinlogStream | None = None
        try:
            stream = BinlogStream.open(
                self._endpoint, self._server_id, self._position, heartbeat_ms=_HEARTBEAT_MS
            )
            self._fill(stream)
        except PenstockError as error:
            self._error = error
        except (OSError, ValueError) as error:
            self._error = ConnectorError(
                f"the binlog stream broke: {error}",
                retryable=True,
                endpoint=str(self._endpoint),
            )
        finally:
            if stream is not None:
                stream.close()
            if not self._stopping.is_set():
                self._wake()
