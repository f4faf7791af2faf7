"""Top-N over random changes: the folded result is that of the folded input, however it is fed."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from typing import Any

import pytest
from tests.conformance.streams import Change, Table, folded, run

from penstock.errors import PenstockError

COLUMNS = "id INT NOT NULL, p STRING, v INT, w DOUBLE"
NUMBERED = """INSERT INTO s SELECT id, p, v, rn FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY p ORDER BY v DESC, id) AS rn FROM t)
WHERE rn >= 2 AND rn <= 4 AND id <> 3"""
PLAIN = """INSERT INTO s SELECT id, p, v FROM (
  SELECT *, ROW_NUMBER() OVER (PARTITION BY p ORDER BY v DESC, id) AS rn FROM t)
WHERE rn < 4"""
FIRST = "INSERT INTO s SELECT id, p, v FROM t ORDER BY v NULLS LAST, id LIMIT 5"


def changes(seed: random.Random, count: int, *, retract: bool) -> list[Change]:
    there: list[tuple[Any, ...]] = []
    found: list[Change] = []
    for number in range(count):
        row = (number, seed.choice("xyz"), seed.choice([None, *range(20)]), 0.5)
        what = seed.random() if retract else 1.0
        if there and what < 0.3:
            found.append(("-D", there.pop(seed.randrange(len(there)))))
        elif there and what < 0.6:
            place = seed.randrange(len(there))
            found += [("-U", there[place]), ("+U", row)]
            there[place] = row
        else:
            there.append(row)
            found.append(("+I", row))
    return found


def table_of(part: list[Change]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for kind, row in part:
        if kind in {"+I", "+U"}:
            rows.append(row)
        else:
            rows.remove(row)
    return rows


def ranked(part: list[Change]) -> dict[str, list[tuple[Any, ...]]]:
    parts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
    for row in table_of(part):
        parts[row[1]].append(row)
    for rows in parts.values():
        rows.sort(key=lambda r: (r[2] is None, -(r[2] or 0), r[0]))
    return parts


@pytest.mark.parametrize("retract", [False, True])
@pytest.mark.parametrize(("rows_each", "restore"), [(1, True), (50, False)])
def test_random_changes(rows_each: int, restore: bool, retract: bool) -> None:
    for number in range(3):
        part = changes(random.Random(number), 150, retract=retract)
        half = next(i for i in range(70, 150) if part[i - 1][0] != "-U")
        given = Table("t", COLUMNS, (tuple(part[:half]), tuple(part[half:])))

        def result(query: str, columns: str, given: Table = given) -> Counter[str]:
            tables = [given, Table("s", columns)]
            _, found = run(tables, query, rows_each=rows_each, restore=restore)
            return folded(found[0])

        parts = ranked(part)
        wanted = [
            (*row[:3], place)
            for rows in parts.values()
            for place, row in enumerate(rows[1:4], 2)
            if row[0] != 3
        ]
        assert result(NUMBERED, "id INT, p STRING, v INT, rn BIGINT") == Counter(map(repr, wanted))
        best = [row[:3] for rows in parts.values() for row in rows[:3]]
        assert result(PLAIN, "id INT, p STRING, v INT") == Counter(map(repr, best))
        rows = sorted(table_of(part), key=lambda r: (r[2] is None, r[2] or 0, r[0]))
        assert result(FIRST, "id INT, p STRING, v INT") == Counter(repr(r[:3]) for r in rows[:5])


def texts(query: str, *keys: int, columns: str = "v INT", **options: Any) -> list[str]:
    part = tuple(("+I", (key,)) for key in keys)
    _, found = run([Table("t", "v INT", (part,)), Table("s", columns)], query, **options)
    return [f"{kind}{list(row)}" for kind, row in found[0]]


def test_changes_are_flinks() -> None:
    first = "INSERT INTO s SELECT v FROM t ORDER BY v DESC LIMIT 1"
    assert texts(first, 1, 2) == ["+I[1]", "-U[1]", "+U[2]"]
    two = "INSERT INTO s SELECT v FROM t ORDER BY v LIMIT 2"
    assert texts(two, 5, 6, 4, 9) == ["+I[5]", "+I[6]", "-D[6]", "+I[4]"]
    numbered = """INSERT INTO s SELECT v, rn FROM (
      SELECT v, ROW_NUMBER() OVER (ORDER BY v DESC) AS rn FROM t) WHERE rn <= 2"""
    found = texts(numbered, 1, 2, columns="v INT, rn BIGINT")
    assert found == ["+I[1, 1]", "-U[1, 1]", "+U[2, 1]", "+I[1, 2]"]
    assert texts("INSERT INTO s SELECT v FROM t LIMIT 2", 5, 6, 4) == ["+I[5]", "+I[6]"]
    assert texts("INSERT INTO s SELECT v FROM t LIMIT 2 OFFSET 1", 5, 6, 4) == ["+I[6]", "+I[4]"]


def test_qualify_and_hidden_sort_keys() -> None:
    qualify = "INSERT INTO s SELECT v FROM t QUALIFY ROW_NUMBER() OVER (ORDER BY v DESC) <= 1"
    assert texts(qualify, 3, 7)[-1] == "+U[7]"
    hidden = "INSERT INTO s SELECT v + 1 AS x FROM t ORDER BY v DESC LIMIT 1"
    assert texts(hidden, 3, 7)[-1] == "+U[8]"
    assert texts("INSERT INTO s SELECT v FROM t ORDER BY 1 DESC LIMIT 1", 3, 7)[-1] == "+U[7]"


def test_batch_mode_sorts() -> None:
    batch = {"execution.runtime-mode": "batch"}
    query = "INSERT INTO s SELECT v FROM t ORDER BY v"
    assert texts(query, 3, 1, 2, settings=batch) == ["+I[1]", "+I[2]", "+I[3]"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT v FROM t ORDER BY v", "Sort on a non-time-attribute field is not supported."),
        ("SELECT v FROM t OFFSET 2 ROWS", "FETCH is missed"),
        ("SELECT ROW_NUMBER() OVER (ORDER BY v) FROM t", "OVER without an upper bound"),
        (
            "SELECT v FROM (SELECT v, RANK() OVER (ORDER BY v) AS r FROM t) WHERE r < 3",
            "RANK\\(\\) on streaming table is not supported currently",
        ),
        (
            "SELECT v FROM (SELECT v, ROW_NUMBER() OVER (ORDER BY v) AS r FROM t) WHERE r > 3",
            "Rank end is not specified",
        ),
    ],
)
def test_what_has_no_end_is_refused(query: str, message: str) -> None:
    with pytest.raises(PenstockError, match=message):
        texts(f"INSERT INTO s {query}", 1)


def test_union_keeps_each_row_once() -> None:
    query = "INSERT INTO s SELECT v FROM t UNION SELECT v + 1 FROM t"
    assert sorted(texts(query, 1, 2)) == ["+I[1]", "+I[2]", "+I[3]"]


@pytest.mark.parametrize("restore", [False, True])
@pytest.mark.parametrize("order", ["id", "w, id", "w DESC, id"])
def test_rows_with_nan_are_found_again(order: str, restore: bool) -> None:
    nan = float("nan")
    there = [(1, "p", 1, nan), (2, "p", 1, 0.5), (3, "p", 1, nan), (4, "p", 1, -1.0)]
    come: list[Change] = [("+I", row) for row in there]
    gone: list[Change] = [("-D", there[0]), ("-D", there[3])]
    given = [Table("t", COLUMNS, (tuple(come), tuple(gone))), Table("s", "id INT, n BIGINT")]
    query = f"""INSERT INTO s SELECT id, n FROM (
      SELECT *, ROW_NUMBER() OVER (ORDER BY {order}) AS n FROM t) WHERE n <= 2"""
    _, found = run(given, query, restore=restore)
    wanted = [(3, 1), (2, 2)] if "DESC" in order else [(2, 1), (3, 2)]
    assert folded(found[0]) == Counter(map(repr, wanted))
