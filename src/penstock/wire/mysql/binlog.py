"""Binlog packets to blocks of rows. Interface; see below."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.wire.mysql.binlog_events import BinlogElement
    from penstock.wire.mysql.column import MySqlColumn

TableSchemas = "Callable[[str, str], list[MySqlColumn] | None]"


class BinlogDecoder:
    """Decodes a binlog stream.

    Args:
        schemas: Called with (database, table); gives the table's columns now, or None where its rows
            are not wanted. Asked for each new TABLE_MAP id and again after `forget_tables`.
        file: Binlog file the stream starts in ("" when started by GTID: the first event says it).
    """

    def __init__(
        self, schemas: Callable[[str, str], list[MySqlColumn] | None], *, file: str = ""
    ) -> None:
        self._schemas = schemas
        self._file = file

    def feed(self, data: bytes) -> list[BinlogElement]:
        """Elements that became complete with `data`, in the order of the stream.

        A list ends after a Statement even if more is known: call `feed(b"")` until it gives nothing,
        so that schemas can be updated between.
        """
        raise NotImplementedError

    def forget_tables(self) -> None:
        """Ask `schemas` again for every table (after DDL)."""
