"""A look at a table that is read over the MySQL protocol, for `check` and `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.base.inspection import Finding, OutsideColumn, OutsideTable
from penstock.connectors.base.sql_table.connect import connect
from penstock.errors import PenstockError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base.sql_table.table import SqlTableSource


class SqlTableInspection:
    """Logs in and compares the declared columns with the server's; reads no row.

    Args:
        source: As planned.
    """

    zone = "UTC"
    zone_option = ""
    exclusive: Sequence[str] = ()

    def __init__(self, source: SqlTableSource) -> None:
        self._source = source
        self._connection: MySqlConnection | None = None

    @property
    def place(self) -> str:
        return str(self._source.table.address)

    @property
    def server_key(self) -> Hashable:
        address = self._source.table.address
        return ("sql-table", *address.url.hosts, address.user)

    def connect(self) -> None:
        self._connection = connect(self._source.table.address)

    def server_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        return {}

    def table_checks(self) -> Mapping[str, Callable[[], Iterable[Finding]]]:
        return {"schema": self._columns}

    def _columns(self) -> Iterable[Finding]:
        assert self._connection is not None
        for column in self._source.full.columns:
            try:
                self._source.table.read_columns(self._connection, [column])
            except PenstockError as error:
                yield Finding.of(error, column=column.name)
                if error.code == "missing-table":
                    return

    def tables(self) -> Sequence[OutsideTable]:
        columns = tuple(OutsideColumn(c.name, c.type.sql()) for c in self._source.full.columns)
        return [OutsideTable(self._source.table.quoted.replace("`", ""), columns)]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def describe_source(source: SqlTableSource) -> dict[str, str]:
    """What is read from where, in words; no secret, no network."""
    table = source.table
    facts = {
        "table": table.quoted.replace("`", ""),
        "query addresses": ", ".join(f"{host}:{port}" for host, port in table.address.url.hosts),
        "user": table.address.user,
        "columns read": ", ".join(source.schema.names),
        "rows read": source.described_where() or "all",
        "queries": "one: a single version of the table"
        if not table.ranges
        else f"{len(table.ranges)} by range, {table.concurrency} at a time, each of its own moment",
        "delivery": "exactly once: the whole result is on disk before the first row is emitted",
    }
    if source.limit is not None:
        facts["limit"] = str(source.limit)
    return facts
