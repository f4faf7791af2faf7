"""Top-N where changes apply by a key: a row that moves is not lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.streams import Change, Table, folded, run

from penstock.operators.upsert_materialize import UpsertMaterializeSpec
from penstock.plan import TransformNode

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = "id INT PRIMARY KEY NOT ENFORCED, p INT, v INT"
ROWS = (("+I", (1, 1, 1)), ("+I", (2, 1, 2)), ("+I", (3, 1, 3)), ("+I", (4, 2, 9)))
FIRST_GOES: tuple[Change, ...] = (("-D", (1, 1, 1)),)
CHANGES_PART: tuple[Change, ...] = (
    ("+I", (9, 2, 0)),
    ("-U", (1, 1, 1)),
    ("+U", (1, 2, 1)),
)


def by_key(
    query: str, columns: str, *parts: Sequence[Change], key: tuple[int, ...] = (0,), **ways: Any
) -> tuple[Counter[str], bool]:
    """What a sink with a key holds in the end, and whether rows are materialized before it."""
    given = Table("t", SOURCE, (tuple(ROWS), *map(tuple, parts)), mode="I,UB,UA,D")
    plan, found = run([given, Table("k", columns)], f"INSERT INTO k {query}", **ways)
    top = plan.sinks[0].input
    while isinstance(top, TransformNode) and not isinstance(top.spec, UpsertMaterializeSpec):
        top = top.input
    return folded(found[0], key), isinstance(top, TransformNode)


def table(*rows: tuple[Any, ...]) -> Counter[str]:
    return Counter(map(repr, rows))


NUMBERED = "(SELECT *, ROW_NUMBER() OVER (ORDER BY v) AS rn FROM t) WHERE rn <= 3"
PER_PART = "(SELECT *, ROW_NUMBER() OVER (PARTITION BY p ORDER BY v) AS rn FROM t) WHERE rn <= 2"
each = pytest.mark.parametrize("rows_each", [1, 100])


@each
def test_numbers_that_move_up_do_not_lose_rows(rows_each: int) -> None:
    columns = "id INT PRIMARY KEY NOT ENFORCED, rn BIGINT"
    query = f"SELECT id, rn FROM {NUMBERED}"
    found, materialized = by_key(query, columns, FIRST_GOES, rows_each=rows_each)
    assert found == table((2, 1), (3, 2), (4, 3))
    assert materialized


@each
def test_a_sink_by_number_needs_nothing_kept(rows_each: int) -> None:
    columns = "rn BIGINT PRIMARY KEY NOT ENFORCED, id INT"
    query = f"SELECT rn, id FROM {NUMBERED}"
    found, materialized = by_key(query, columns, FIRST_GOES, rows_each=rows_each)
    assert found == table((1, 2), (2, 3), (3, 4))
    assert not materialized


@each
def test_numbers_that_move_up_below_a_join(rows_each: int) -> None:
    columns = "id INT PRIMARY KEY NOT ENFORCED, v INT, rn BIGINT"
    query = f"""SELECT r.id, t.v, r.rn FROM (SELECT id, rn FROM {NUMBERED}) AS r
      JOIN t ON r.id = t.id"""
    found, _ = by_key(query, columns, FIRST_GOES, rows_each=rows_each)
    assert found == table((2, 2, 1), (3, 3, 2), (4, 9, 3))


@each
def test_rows_that_go_from_part_to_part_are_not_lost(rows_each: int) -> None:
    columns = "id INT PRIMARY KEY NOT ENFORCED, p INT"
    query = f"SELECT id, p FROM {PER_PART}"
    found, materialized = by_key(query, columns, CHANGES_PART, rows_each=rows_each)
    assert found == table((1, 2), (2, 1), (3, 1), (9, 2))
    assert materialized
    joined = f"SELECT r.id, r.p FROM (SELECT id, p FROM {PER_PART}) AS r JOIN t ON r.id = t.id"
    found, _ = by_key(joined, columns, CHANGES_PART, rows_each=rows_each)
    assert found == table((1, 2), (2, 1), (3, 1), (9, 2))


@each
def test_a_key_with_the_part_in_it_needs_nothing_kept(rows_each: int) -> None:
    columns = "id INT, p INT, PRIMARY KEY (id, p) NOT ENFORCED"
    given = "(SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v) AS rn FROM t) WHERE rn <= 2"
    query = f"SELECT id, p FROM {given}"
    found, materialized = by_key(query, columns, CHANGES_PART, key=(0, 1), rows_each=rows_each)
    assert found == table((1, 2), (2, 1), (3, 1), (4, 2), (9, 2))
    assert not materialized


@each
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("SELECT id, v FROM t ORDER BY v LIMIT 1", table((2, 2))),
        ("SELECT id, v FROM t ORDER BY v LIMIT 1 OFFSET 1", table((3, 3))),
        ("SELECT id, v FROM t ORDER BY v LIMIT 2 OFFSET 1", table((3, 3), (4, 9))),
        (
            "SELECT id, v FROM t QUALIFY ROW_NUMBER() OVER (PARTITION BY p ORDER BY v) = 1",
            table((2, 2), (4, 9)),
        ),
    ],
)
def test_what_takes_the_place_of_a_row_removes_it(
    query: str, wanted: Counter[str], rows_each: int
) -> None:
    columns = "id INT PRIMARY KEY NOT ENFORCED, v INT"
    assert by_key(query, columns, FIRST_GOES, rows_each=rows_each)[0] == wanted
