"""Dead letters in a table of StarRocks: where they can be looked at, corrected and replayed.

The table is made where it is missing. Its key is the letter's `id`, so that a letter written again
after a crash is there once.
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.dead_letters import Letter
from penstock.connectors.starrocks.target import read_columns
from penstock.errors import CheckpointError, ConnectorError, OptionError, PenstockError
from penstock.types import quote_identifiers, quote_path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.clock import Clock
    from penstock.connectors.starrocks.changes import Chunk
    from penstock.connectors.starrocks.dead_letters import BadRow
    from penstock.connectors.starrocks.layout import Layout
    from penstock.connectors.starrocks.load_api import LoadApi
    from penstock.connectors.starrocks.target import TargetConnection

_NAMES = ("id", "time_ms", "source_table", "op", "reason", "row_json")
_DDL = (
    "CREATE TABLE IF NOT EXISTS {} (`id` VARCHAR(16) NOT NULL, `time_ms` BIGINT,"
    " `source_table` VARCHAR(1024), `op` VARCHAR(6), `reason` STRING, `row_json` STRING)"
    " PRIMARY KEY(`id`) DISTRIBUTED BY HASH(`id`) BUCKETS 1"
)


class DeadLetterTable:
    """Writes refused rows into a table; each is visible there before its epoch ends.

    Args:
        api: Calls for the table of dead letters.
        table: `database.table` of the refused rows.
        layout: Of the fields of a row.
        clock: The door to time.
    """

    def __init__(
        self,
        api: LoadApi,
        table: str,
        layout: Layout,
        clock: Clock,
    ) -> None:
        self._api = api
        self._table = table
        self._layout = layout
        self._clock = clock
        self.count = 0

    def write(self, chunk: Chunk, bad: Sequence[BadRow]) -> None:
        """Load rows of a chunk.

        Raises:
            ConnectorError: StarRocks does not take them now.
            CheckpointError: It refuses them for good.
        """
        now_ms = self._clock.now_ms()
        letters = [Letter.of(self._table, self._layout, chunk, row, now_ms) for row in bad]
        rows = [
            {
                "id": letter.id,
                "time_ms": letter.time_ms,
                "source_table": letter.table,
                "op": letter.operation,
                "reason": letter.reason,
                "row_json": json.dumps(letter.row, ensure_ascii=False),
            }
            for letter in letters
        ]
        body = memoryview(json.dumps(rows, ensure_ascii=False).encode())
        headers = {
            "format": "json",
            "strip_outer_array": "true",
            "columns": quote_identifiers(_NAMES),
        }
        try:
            self._api.stream_load(f"penstock-dead-{secrets.token_hex(16)}", headers, [body])
        except ConnectorError:
            raise
        except PenstockError as error:
            raise CheckpointError(
                f"could not write dead letters to {self._api.name}",
                code="dead-letters-not-written",
                detail=error.detail,
                hint="Drop the table, so that it is made anew, or give another"
                " 'sink.dead-letter.table'.",
            ) from error
        self.count += len(bad)


def make_table(connection: TargetConnection, database: str, table: str) -> None:
    """Make the table of dead letters where it is missing.

    Raises:
        ConnectorError: It is missing and cannot be made.
        OptionError: It is a table of another form, in which letters would be lost.
    """
    ddl = _DDL.format(quote_path((database, table)))
    try:
        connection.query(ddl)
    except ConnectorError as error:
        raise ConnectorError(
            f"could not make the table of dead letters {database}.{table}",
            retryable=error.retryable,
            code="dead-letters-not-written",
            detail=error.detail,
            hint=f"Let somebody with the privilege make it: {ddl}",
        ) from error
    found = {column.name.lower() for column in read_columns(connection, database, table)}
    lacking = [name for name in _NAMES if name not in found]
    if lacking:
        raise OptionError(
            f'"{database}.{table}" is no table of dead letters',
            key="sink.dead-letter.table",
            code="invalid-option",
            detail=f"It lacks {', '.join(lacking)}.",
            hint="Name a table that does not exist, so that it is made.",
        )
