"""The queries by which a StarRocks cluster tells how many versions its tablets hold."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from penstock.connectors.starrocks.gate import Scale, TabletVersions
from penstock.errors import ConnectorError
from penstock.types import quote_path

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from penstock.connectors.starrocks.target import TargetConnection

Name = tuple[str, str]
"""Database and table."""
ReplicaRow = tuple[int, float, float]
"""Key of the replica, versions in use, highest version number."""

_TABLES = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_ID, TABLE_ENGINE FROM information_schema.tables_config "
    "WHERE TABLE_SCHEMA IN ({schemas}) AND TABLE_NAME IN ({names})"
)
_TABLETS = (
    "SELECT TABLE_ID, BE_ID, TABLET_ID, NUM_VERSION, MAX_VERSION "
    "FROM information_schema.be_tablets WHERE TABLE_ID IN ({ids})"
)
_SCORES = (
    "SELECT DB_NAME, TABLE_NAME, PARTITION_ID, MAX_CS, VISIBLE_VERSION "
    "FROM information_schema.partitions_meta WHERE DB_NAME IN ({schemas}) "
    "AND TABLE_NAME IN ({names})"
)
_VERSION_LIMIT = (
    "SELECT VALUE FROM information_schema.be_configs WHERE NAME = 'tablet_max_versions'"
)
_SCORE_LIMIT = "ADMIN SHOW FRONTEND CONFIG LIKE 'lake_ingest_slowdown_threshold'"
# Columns of SHOW TABLET FROM (StarRocks docs, SHOW TABLET).
_TABLET_ID, _BACKEND_ID, _VERSION, _VERSION_COUNT = 0, 2, 4, 17


class Way(Enum):
    """How a table's versions are read."""

    BE_TABLETS = "information_schema.be_tablets"
    PARTITIONS_META = "information_schema.partitions_meta"
    SHOW_TABLET = "SHOW TABLET"
    NONE = "nowhere"


def read_ids(connection: TargetConnection, names: Collection[Name]) -> dict[Name, tuple[int, Way]]:
    """Table ids, and where the versions of such a table are to be found."""
    sql = _TABLES.format(schemas=_marks(_databases(names)), names=_marks(_tables(names)))
    rows = connection.query(sql, [*_databases(names), *_tables(names)])
    return {
        (str(schema), str(name)): (
            int(table_id),
            Way.PARTITIONS_META if str(engine).upper() == "CLOUD_NATIVE" else Way.BE_TABLETS,
        )
        for schema, name, table_id, engine in rows
    }


def read_tablets(
    connection: TargetConnection, ids: Mapping[int, Name]
) -> dict[Name, list[ReplicaRow]]:
    """A row per replica of the tables, by what their backends say at this moment."""
    rows = connection.query(_TABLETS.format(ids=_marks(ids)), list(ids))
    found: dict[Name, list[ReplicaRow]] = {}
    for table_id, backend, tablet, count, number in rows:
        row = (_key(int(tablet), int(backend)), float(count), float(number))
        found.setdefault(ids[int(table_id)], []).append(row)
    return found


def read_scores(
    connection: TargetConnection, names: Collection[Name]
) -> dict[Name, list[ReplicaRow]]:
    """A row per partition of the tables of a shared-data cluster."""
    sql = _SCORES.format(schemas=_marks(_databases(names)), names=_marks(_tables(names)))
    rows = connection.query(sql, [*_databases(names), *_tables(names)])
    found: dict[Name, list[ReplicaRow]] = {}
    for schema, table, partition, score, version in rows:
        name = (str(schema), str(table))
        if name in names:
            row = (int(partition), float(score or 0), float(version))
            found.setdefault(name, []).append(row)
    return found


def show_tablets(connection: TargetConnection, name: Name) -> dict[Name, list[ReplicaRow]]:
    """A row per replica of one table, by what backends last reported to the frontend."""
    rows = connection.query(f"SHOW TABLET FROM {quote_path(name)}")
    return {
        name: [
            (
                _key(int(row[_TABLET_ID]), int(row[_BACKEND_ID])),
                float(row[_VERSION_COUNT]),
                float(row[_VERSION]),
            )
            for row in rows
        ]
    }


def read_version_scale(connection: TargetConnection, before: Scale) -> Scale:
    """The limit of versions per tablet, the lowest of all backends; as before if not to be had."""
    with contextlib.suppress(ConnectorError, ValueError, TypeError):
        limits = [int(value) for (value,) in connection.query(_VERSION_LIMIT)]
        return replace(before, limit=min(limits))
    return before


def read_score_scale(connection: TargetConnection, before: Scale) -> Scale:
    """The compaction score from which commits are slowed down; as before if not to be had."""
    with contextlib.suppress(ConnectorError, ValueError, TypeError, IndexError):
        limits = [int(row[2]) for row in connection.query(_SCORE_LIMIT)]
        return replace(before, limit=min(limits))
    return before


def tablet_versions(
    now_ms: float, rows: Sequence[ReplicaRow], own: int, scale: Scale
) -> TabletVersions:
    """The rows of one poll of one table as the gate takes them."""
    keys = np.array([row[0] for row in rows], np.int64)
    # A key that is there twice would be two tablets of one name: keep the first.
    keys, places = np.unique(keys, return_index=True)
    counts = np.array([row[1] for row in rows], np.float64)[places]
    numbers = np.array([row[2] for row in rows], np.float64)[places]
    return TabletVersions(now_ms, keys, counts, numbers, own, scale)


def _key(tablet: int, backend: int) -> int:
    """One number for a replica; ids of backends are small beside those of tablets."""
    return ((tablet << 20) ^ (backend & 0xFFFFF)) & 0x7FFF_FFFF_FFFF_FFFF


def _databases(names: Iterable[Name]) -> list[str]:
    return sorted({database for database, _ in names})


def _tables(names: Iterable[Name]) -> list[str]:
    return sorted({table for _, table in names})


def _marks(values: Collection[object]) -> str:
    return ", ".join(["%s"] * len(values))
