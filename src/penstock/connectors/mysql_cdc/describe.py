"""What a source reads, in words, for `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource


def describe(source: MySqlCdcSource) -> dict[str, str]:
    """Facts of a source as its options decide them; no secret, no network."""
    options = source.options
    facts = {
        "server": str(source.endpoint),
        "tables": f"{options.database}.{options.table}",
        "startup": options.startup_mode,
    }
    if source.snapshots:
        key = options.chunk_key or (source.schema.primary_key or ("the key",))[0]
        facts["snapshot"] = (
            f"chunks of {options.chunk_size} rows by {key}, {source.parallelism} readers, no locks"
        )
    if not source.bounded:
        ids = options.server_id
        shown = "a random server id" if ids is None else f"server id {ids[0]}"
        if ids is not None and ids[1] > ids[0]:
            shown += f" to {ids[1]}"
        facts["binlog"] = f"one stream for all tables of this server and user, {shown}"
    facts["time zone"] = f"{source.zone}, in which TIMESTAMP is shown where declared without zone"
    return facts
