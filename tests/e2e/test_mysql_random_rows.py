"""Random tables of all types, written in statements of all sizes: binlog and snapshot agree."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from tests.e2e.cdc_run import Run
from tests.e2e.test_mysql_types import COLUMNS, natural

from penstock.clients.mysql import MySqlConnection
from penstock.types import BIGINT, STRING, TIMESTAMP_LTZ, Column, Schema

if TYPE_CHECKING:
    from pathlib import Path

    from penstock.testing.mysql_servers import MySqlServer
    from penstock.types import DataType


def declared(kind: str) -> DataType:
    base = kind.split("(", maxsplit=1)[0].split(" ", maxsplit=1)[0]
    return {"TIME": STRING, "SET": STRING, "TIMESTAMP": TIMESTAMP_LTZ(6)}.get(base, natural(kind))


def write(session: MySqlConnection, rng: random.Random, chosen: list[int], statements: int) -> None:
    """Inserts, updates and deletes of one to a dozen rows, in transactions of a few statements."""
    names = [COLUMNS[place][0] for place in chosen]

    def value(place: int) -> str:
        return rng.choice(COLUMNS[place][2])

    count = 0
    for _ in range(statements):
        session.query("BEGIN")
        for _ in range(rng.choice((1, 1, 2, 5))):
            if count and rng.random() < 0.3:
                place = rng.choice(chosen)
                at = rng.randrange(count)
                session.query(
                    f"UPDATE shop.random_rows SET {COLUMNS[place][0]} = {value(place)}"
                    f" WHERE id BETWEEN {at} AND {at + rng.choice((0, 3, 30))}"
                )
            elif count and rng.random() < 0.1:
                session.query(f"DELETE FROM shop.random_rows WHERE id = {rng.randrange(count)}")
            else:
                rows = []
                for _ in range(rng.choice((1, 1, 1, 4, 12))):
                    rows.append(f"({count}, {', '.join(map(value, chosen))})")
                    count += 1
                session.query(
                    f"INSERT INTO shop.random_rows (id, {', '.join(names)}) VALUES {', '.join(rows)}"
                )
        session.query("COMMIT")


@pytest.mark.parametrize("seed", [1, 2])
def test_random_tables_agree_in_both_phases(server: MySqlServer, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    wide = [
        i for i, (_, kind, values) in enumerate(COLUMNS) if not any("REPEAT" in v for v in values)
    ]
    chosen = sorted(rng.sample(wide, 24))
    session = MySqlConnection.open(server.endpoint)
    session.query("SET sql_mode = 'ALLOW_INVALID_DATES'")
    session.query("DROP TABLE IF EXISTS shop.random_rows")
    made = ", ".join(f"{COLUMNS[i][0]} {COLUMNS[i][1]}" for i in chosen)
    session.query(f"CREATE TABLE shop.random_rows (id BIGINT PRIMARY KEY, {made}) CHARSET utf8mb4")
    columns = [Column(COLUMNS[i][0], declared(COLUMNS[i][1])) for i in chosen]
    schema = Schema((Column("id", BIGINT.with_nullable(nullable=False)), *columns), ("id",))
    follower = Run(
        server, tmp_path / "a", "random_rows", schema=schema, scan_startup_mode="latest-offset"
    )
    follower.step()
    write(session, rng, chosen, 60)
    reader = Run(server, tmp_path / "b", "random_rows", schema=schema, scan_startup_mode="snapshot")
    reader.until(lambda: reader.reader.finished("t"))
    reader.close()
    follower.until(lambda: follower.rows == reader.rows)
    follower.close()
    session.close()
    assert len(reader.rows) > 50
