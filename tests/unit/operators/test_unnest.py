"""UNNEST: collections in rows as rows. The expected rows are those of Flink 2.2.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.conformance.streams import Table, run

from penstock.errors import UnsupportedFeatureError, ValidationError

if TYPE_CHECKING:
    from tests.conformance.streams import Change

COLUMNS = "id INT, ys ARRAY<STRING>, m MAP<STRING, INT>, r ARRAY<ROW<a INT, b STRING>>"
ROWS: tuple[Change, ...] = (
    ("+I", (1, ["a", "b"], [("x", 1), ("y", 2)], [{"a": 1, "b": "p"}, {"a": 2, "b": "q"}])),
    ("+I", (2, None, None, None)),
    ("+I", (3, [], [], [])),
    ("+I", (4, ["c", None], [("z", None)], [None])),
)


def _run(sql: str, rows: tuple[Change, ...] = ROWS) -> list[Change]:
    results = [
        run([Table("t", COLUMNS, (rows,))], sql, rows_each=count)[1][0] for count in (1, 1000)
    ]
    assert results[0] == results[1]
    return results[0]


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        (
            "SELECT id, y FROM t CROSS JOIN UNNEST(ys) AS u(y)",
            [(1, "a"), (1, "b"), (4, "c"), (4, None)],
        ),
        (
            "SELECT id, y FROM t LEFT JOIN UNNEST(ys) AS u(y) ON TRUE",
            [(1, "a"), (1, "b"), (2, None), (3, None), (4, "c"), (4, None)],
        ),
        ("SELECT id, y FROM t, UNNEST(t.ys) AS u(y) WHERE y <> 'a'", [(1, "b"), (4, "c")]),
        (
            "SELECT id, k, v FROM t CROSS JOIN UNNEST(m) AS u(k, v)",
            [(1, "x", 1), (1, "y", 2), (4, "z", None)],
        ),
        (
            "SELECT id, a, b FROM t CROSS JOIN UNNEST(r) AS u",
            [(1, 1, "p"), (1, 2, "q"), (4, None, None)],
        ),
        (
            "SELECT id, y, o FROM t CROSS JOIN UNNEST(ys) WITH ORDINALITY AS u(y, o)",
            [(1, "a", 1), (1, "b", 2), (4, "c", 1), (4, None, 2)],
        ),
        ("SELECT id FROM t JOIN UNNEST(ys) AS u(y) ON y = 'a'", [(1,)]),
        (
            "SELECT id, x FROM t CROSS JOIN UNNEST(ys) AS u(y) CROSS JOIN UNNEST(m) AS w(x, v)"
            " WHERE y = 'b'",
            [(1, "x"), (1, "y")],
        ),
    ],
)
def test_elements_stand_beside_their_row(sql: str, rows: list[tuple[object, ...]]) -> None:
    assert _run(sql) == [("+I", row) for row in rows]


def test_changes_of_a_row_are_changes_of_its_elements() -> None:
    rows: tuple[Change, ...] = (
        ("+I", (1, ["a"], None, None)),
        ("-U", (1, ["a"], None, None)),
        ("+U", (1, ["b", "c"], None, None)),
        ("-D", (1, ["b", "c"], None, None)),
    )
    found = _run("SELECT y FROM t CROSS JOIN UNNEST(ys) AS u(y)", rows)
    assert found == [
        ("+I", ("a",)),
        ("-U", ("a",)),
        ("+U", ("b",)),
        ("+U", ("c",)),
        ("-D", ("b",)),
        ("-D", ("c",)),
    ]


def test_a_collection_of_an_aggregate_repeats_its_elements() -> None:
    sql = "SELECT w FROM (SELECT COLLECT(id) AS ws FROM t) CROSS JOIN UNNEST(ws) AS u(w)"
    rows = tuple(("+I", (i, None, None, None)) for i in (1, 1, 2))
    _, found = run([Table("t", COLUMNS, (rows,))], sql, rows_each=1000)
    assert sorted(row[0] for _, row in found[0]) == [1, 1, 2]


def test_what_is_no_collection_is_refused() -> None:
    with pytest.raises(ValidationError, match="Cannot apply 'UNNEST' to arguments of type"):
        _run("SELECT id FROM t CROSS JOIN UNNEST(id) AS u(y)")
    with pytest.raises(UnsupportedFeatureError, match="LEFT JOIN UNNEST with a condition"):
        _run("SELECT id FROM t LEFT JOIN UNNEST(ys) AS u(y) ON y = 'a'")
