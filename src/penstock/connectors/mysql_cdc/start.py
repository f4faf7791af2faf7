"""Where a source's stream starts, or goes on from its saved state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.clients.mysql_binlog import current_position, file_started_at
from penstock.connectors.mysql_cdc import replica_ids
from penstock.connectors.mysql_cdc.tables import binlog_files, file_order
from penstock.errors import ConnectorError
from penstock.wire.mysql.binlog_events import BinlogPosition
from penstock.wire.mysql.gtid import MySqlGtidSet, parse_gtids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from penstock.clients.mysql import MySqlConnection
    from penstock.connectors.base import SourceState
    from penstock.connectors.mysql_cdc.source import MySqlCdcSource
    from penstock.wire.mysql.gtid import GtidPosition

_FIRST_EVENT = 4


@dataclass(frozen=True, slots=True)
class StartPoint:
    """A place in a server's binlog.

    Args:
        position: After what was read; without a file where only the GTIDs are known.
        gtids: GTIDs read up to there; None where the server has none, or they are not known.
        by_gtid: The position is not this server's: the GTIDs say where to go on.
        server: Which server it is, "" where it does not say.
    """

    position: BinlogPosition
    gtids: GtidPosition | None = None
    by_gtid: bool = False
    server: str = ""


def begin(session: MySqlConnection, source: MySqlCdcSource) -> StartPoint:
    """Where `scan.startup.mode` says.

    Raises:
        ConnectorError: The server does not have that position.
        OptionError: The GTID set is none of this server's kind.
    """
    options, server = source.options, server_identity(session)
    match options.startup_mode:
        case "earliest-offset":
            return _at_file(session, binlog_files(session), 0, server)
        case "timestamp":
            files = binlog_files(session)
            limit = int(options.timestamp_ms or 0) // 1000
            return _at_file(session, files, _file_of_time(session, source, files, limit), server)
        case "specific-offset" if options.offset_gtids:
            gtids = _asked_gtids(session, options.offset_gtids)
            return _by_gtids(session, source, gtids, server)
        case "specific-offset":
            position = BinlogPosition(options.offset_file, int(options.offset_pos or _FIRST_EVENT))
            return go_on(session, source, {"file": position.file, "offset": position.offset})
    position, text = current_position(session)
    return StartPoint(position, _own_gtids(session, text), server=server)


def go_on(session: MySqlConnection, source: MySqlCdcSource, state: SourceState) -> StartPoint:
    """Where a saved state stopped; by GTIDs where that is another server's place.

    Raises:
        ConnectorError: The changes since then are not on the server any more.
    """
    position = BinlogPosition(str(state["file"]), int(state["offset"]))
    server = server_identity(session)
    text = str(state.get("gtids") or "")
    gtids = parse_gtids(text, is_mariadb=session.server_info.is_mariadb) if text else None
    saved = str(state.get("server") or "")
    other = bool(saved and server and saved != server)
    files = binlog_files(session)
    if position.file in files and not other:
        end, _ = current_position(session)
        if file_order(position) <= file_order(end):
            return StartPoint(position, gtids, server=server)
    if gtids is not None and session.server_info.gtid_mode:
        return _by_gtids(session, source, gtids, server)
    if other:
        raise _other_server(source, position)
    raise _purged(source, str(position), files)


def server_identity(session: MySqlConnection) -> str:
    """What tells this server from others that take its place, "" where it has no such name."""
    rows = session.query(
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('server_uuid', 'server_uid')"
    )
    return str(rows[0][1]) if rows else ""


def _own_gtids(session: MySqlConnection, text: str) -> GtidPosition | None:
    info = session.server_info
    return parse_gtids(text, is_mariadb=info.is_mariadb) if info.gtid_mode else None


def _asked_gtids(session: MySqlConnection, text: str) -> GtidPosition:
    return parse_gtids(text, is_mariadb=session.server_info.is_mariadb)


def _at_file(session: MySqlConnection, files: Sequence[str], index: int, server: str) -> StartPoint:
    """The start of a file; what its GTIDs are is known of the oldest only."""
    gtids = _purged_gtids(session) if index == 0 else None
    return StartPoint(BinlogPosition(files[index], _FIRST_EVENT), gtids, server=server)


def _purged_gtids(session: MySqlConnection) -> MySqlGtidSet | None:
    info = session.server_info
    if info.is_mariadb or not info.gtid_mode:
        return None
    return MySqlGtidSet.parse(str(session.query("SELECT @@GLOBAL.gtid_purged")[0][0] or ""))


def _file_of_time(
    session: MySqlConnection, source: MySqlCdcSource, files: Sequence[str], limit_s: int
) -> int:
    """The last file that began before that time, which may hold its first changes; else the first.

    Files are asked for the time of their first event, as few as a binary search needs.
    """
    low, high = 0, len(files) - 1
    while low < high:
        middle = (low + high + 1) // 2
        number = replica_ids.choose(session, source.server_ids)
        if file_started_at(source.endpoint, number, files[middle]) < limit_s:
            low = middle
        else:
            high = middle - 1
    return low


def _by_gtids(
    session: MySqlConnection, source: MySqlCdcSource, gtids: GtidPosition, server: str
) -> StartPoint:
    """Behind these GTIDs, wherever they lie in this server's binlog."""
    if isinstance(gtids, MySqlGtidSet):
        _, text = current_position(session)
        gtids = gtids.restored_on(
            MySqlGtidSet.parse(text), new_sources_from_start=source.options.new_channels_from_start
        )
        purged = _purged_gtids(session)
        if purged is not None and not gtids.contains(purged):
            raise _purged(source, f"GTIDs {gtids or 'of the start'}", binlog_files(session))
    return StartPoint(BinlogPosition("", 0), gtids, by_gtid=True, server=server)


def _purged(source: MySqlCdcSource, position: str, files: Sequence[str]) -> ConnectorError:
    return ConnectorError(
        f"binlog position '{position}' is no longer on the server",
        retryable=False,
        endpoint=str(source.endpoint),
        code="binlog-purged",
        detail=f"The server's oldest binlog file is '{files[0] if files else 'none'}'.\n"
        "Changes since that position are lost to this job.",
        hint="Start the job without its state to read the tables again (initial), or go on with"
        " 'scan.startup.mode' = 'earliest-offset' and accept the gap;"
        " keep binlogs longer with binlog_expire_logs_seconds.",
    )


def _other_server(source: MySqlCdcSource, position: BinlogPosition) -> ConnectorError:
    return ConnectorError(
        f"binlog position '{position}' is of another server",
        retryable=False,
        endpoint=str(source.endpoint),
        code="other-server",
        detail="Files of one name hold other transactions there, and without GTIDs nothing says"
        " where they go on.",
        hint="Go back to the old server, or start the job without its state to read the tables"
        " again; with gtid_mode=ON on all servers a job goes on by itself.",
    )
