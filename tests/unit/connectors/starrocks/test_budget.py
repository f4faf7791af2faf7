"""The cap of open transactions follows the frontend's limit where it may be asked."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4]))
from tests.unit.connectors.starrocks.target_table import TargetTable
from tests.unit.connectors.starrocks.whole_sink import WholeSink

from penstock.connectors.starrocks.budget import OPEN_TRANSACTIONS, TransactionSlots
from penstock.connectors.starrocks.target import TargetConnection
from penstock.embedded.starrocks.server import EmbeddedStarRocks
from penstock.errors import ConnectorError
from penstock.types import INT, Column, Schema

SCHEMA = Schema((Column("id", INT.with_nullable(nullable=False)),), ("id",))


def slots_with(server: EmbeddedStarRocks, folder: Path) -> int:
    table = TargetTable(server, "(id INT) PRIMARY KEY(id) DISTRIBUTED BY HASH(id)")
    with WholeSink(table, SCHEMA, folder) as sink:
        assert sink.writer._link is not None
        count = sink.writer._link.slots.count
    table.close()
    return count


@pytest.mark.parametrize(("limit", "count"), [("100", 80), ("1000", 800), ("1", 1)])
def test_four_fifths_of_the_frontends_limit_are_ours(
    tmp_path: Path, limit: str, count: int
) -> None:
    with EmbeddedStarRocks(settings={"max_running_txn_num_per_db": limit}) as server:
        assert slots_with(server, tmp_path) == count


def test_who_may_not_ask_takes_a_cautious_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = TargetConnection.query

    def refused(self: TargetConnection, sql: str, args: tuple[object, ...] = ()) -> object:
        if sql.startswith("ADMIN"):
            raise ConnectorError("could not query StarRocks", retryable=False)
        return query(self, sql, args)

    monkeypatch.setattr(TargetConnection, "query", refused)
    with EmbeddedStarRocks() as server:
        assert slots_with(server, tmp_path) == OPEN_TRANSACTIONS


def test_the_frontend_is_asked_once() -> None:
    slots = TransactionSlots()
    assert [slots.first_to_ask(), slots.first_to_ask()] == [True, False]
