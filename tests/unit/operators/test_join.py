"""Regular joins: changes in, changes out, against joins of whole tables."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.conformance.streams import Change, Table, folded, planned, run, scripted

from penstock.errors import ValidationError
from penstock.planner.explain import physical_text
from penstock.testing import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LEFT = "id INT, k INT, a STRING, PRIMARY KEY (id) NOT ENFORCED"
RIGHT = "id INT, k INT, b STRING, PRIMARY KEY (id) NOT ENFORCED"


def _changes(seed: int, count: int) -> tuple[Change, ...]:
    """Inserts, updates and deletes of rows with few keys, some NULL."""
    rng = random.Random(seed)
    rows: dict[int, tuple[int, int | None, str]] = {}
    found: list[Change] = []
    for step in range(count):
        row = (rng.randrange(12), rng.choice([1, 2, 3, None]), rng.choice("abc") + str(step % 3))
        old = rows.get(row[0])
        if old is None:
            rows[row[0]] = row
            found.append(("+I", row))
        elif rng.random() < 0.5:
            rows[row[0]] = row
            found += [("-U", old), ("+U", row)]
        else:
            del rows[row[0]]
            found.append(("-D", old))
    return tuple(found)


def _tables(seed: int) -> list[Table]:
    one, other = _changes(seed, 40), _changes(seed + 1000, 40)
    return [
        Table("l", LEFT, _halves(one)),
        Table("r", RIGHT, _halves(other)),
    ]


def _halves(changes: tuple[Change, ...]) -> tuple[tuple[Change, ...], ...]:
    cut = len(changes) // 2
    cut += changes[cut - 1][0] == "-U"
    return changes[:cut], changes[cut:]


Row = tuple[int, int | None, str]


def _whole(tables: Sequence[Table]) -> list[list[Row]]:
    found = []
    for table in tables:
        rows: dict[int, Row] = {}
        for kind, row in (change for part in table.changes for change in part):
            if kind in {"+I", "+U"}:
                rows[row[0]] = (row[0], row[1], row[2])
            elif kind == "-D":
                del rows[row[0]]
        found.append(list(rows.values()))
    return found


def _joined(tables: list[list[Row]], kind: str, match: Callable[[Row, Row], bool]) -> Counter[str]:
    left, right = tables
    found: list[tuple[object, ...]] = []
    hit: set[Row] = set()
    for one in left:
        matches = [other for other in right if match(one, other)]
        hit.update(matches)
        if kind in {"SEMI", "ANTI"}:
            found += [one] * (bool(matches) == (kind == "SEMI"))
            continue
        found += [(*one, *other) for other in matches]
        if not matches and kind in {"LEFT", "FULL"}:
            found.append((*one, None, None, None))
    if kind in {"RIGHT", "FULL"}:
        found += [(None, None, None, *other) for other in right if other not in hit]
    return Counter(repr(row) for row in found)


CONDITIONS = {
    "l.k = r.k": lambda one, other: one[1] is not None and one[1] == other[1],
    "l.k = r.k AND l.a < r.b": lambda one, other: (
        one[1] is not None and one[1] == other[1] and one[2] < other[2]
    ),
    "l.id = r.id": lambda one, other: one[0] == other[0],
    "l.id = r.id AND l.k IS NOT DISTINCT FROM r.k": lambda one, other: one[:2] == other[:2],
    "l.id < r.k": lambda one, other: other[1] is not None and one[0] < other[1],
}
WAYS = ((1, False), (7, True), (1000, False))


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("kind", ["INNER", "LEFT", "RIGHT", "FULL", "SEMI", "ANTI"])
def test_the_changes_of_a_join_make_the_join_of_the_tables(kind: str, condition: str) -> None:
    if kind in {"SEMI", "ANTI"}:
        word = "EXISTS" if kind == "SEMI" else "NOT EXISTS"
        sql = f"SELECT * FROM l WHERE {word} (SELECT 1 FROM r WHERE {condition})"
    else:
        sql = f"SELECT * FROM l {kind} JOIN r ON {condition}"
    tables = _tables(len(sql))
    wanted = _joined(_whole(tables), kind, CONDITIONS[condition])
    for rows_each, restore in WAYS:
        _, found = run(tables, sql, rows_each=rows_each, restore=restore)
        assert folded(found[0]) == wanted, (rows_each, restore)


@pytest.mark.parametrize("kind", ["INNER", "LEFT"])
def test_updates_without_what_they_replace_join_by_their_key(kind: str) -> None:
    tables = _tables(5)
    upserts = [
        Table(
            t.name,
            t.columns,
            tuple(tuple(c for c in p if c[0] != "-U") for p in t.changes),
            "I,UA,D",
        )
        for t in tables
    ]
    sink = Table(
        "s", "x INT, a STRING, y INT, b STRING, PRIMARY KEY (x) NOT ENFORCED", mode="I,UA,D"
    )
    sql = f"INSERT INTO s SELECT l.id, l.a, r.id, r.b FROM l {kind} JOIN r ON l.id = r.id"
    rows = _joined(_whole(tables), kind, CONDITIONS["l.id = r.id"])
    for rows_each, restore in WAYS:
        _, found = run([*upserts, sink], sql, rows_each=rows_each, restore=restore)
        assert all(change[0] != "-U" for change in found[0])
        assert folded(found[0], [0]).total() == rows.total()


def test_rows_that_are_there_twice_match_twice() -> None:
    left = Table("l", "k INT", ((("+I", (1,)), ("+I", (1,))), (("-D", (1,)),)))
    right = Table("r", "k INT, b STRING", ((("+I", (1, "x")), ("+I", (1, "x"))), ()))
    for rows_each, restore in WAYS:
        _, found = run(
            [left, right],
            "SELECT b FROM l LEFT JOIN r ON l.k = r.k",
            rows_each=rows_each,
            restore=restore,
        )
        assert folded(found[0]) == {"('x',)": 2}


def test_kinds_of_changes_are_those_of_flink() -> None:
    # source: Flink 2.2.1 run (canal-json files, one row after the other)
    left = Table("l", LEFT, ((("+I", (1, 10, "l1")),), (("-D", (1, 10, "l1")),)))
    right = Table(
        "r",
        RIGHT,
        ((("+I", (10, 10, "r1")), ("-U", (10, 10, "r1")), ("+U", (10, 10, "r1b"))), ()),
    )
    sql = "SELECT l.id, r.b FROM l LEFT JOIN r ON l.k = r.k"
    _, found = run([left, right], sql)
    assert found[0] == [
        ("+I", (1, None)),
        ("-D", (1, None)),
        ("+I", (1, "r1")),
        ("-U", (1, "r1")),
        ("+I", (1, None)),
        ("-D", (1, None)),
        ("+I", (1, "r1b")),
        ("-D", (1, "r1b")),
    ]


def test_rows_whose_time_is_up_match_no_more() -> None:
    clock = ManualClock()
    left = Table("l", "k INT, a STRING", ((("+I", (1, "a")),), ()))
    right = Table("r", "k INT, b STRING", ((), (("+I", (1, "b")),)))
    sql = "SELECT /*+ STATE_TTL('l' = '{}', 'r' = '1h') */ a, b FROM l JOIN r ON l.k = r.k"

    class Later(ManualClock):
        def now_ms(self) -> int:
            clock.advance(10)
            return clock.now_ms()

    for ttl, rows in (("1h", 1), ("1s", 0)):
        _, found = run([left, right], sql.format(ttl), clock=Later())
        assert len(found[0]) == rows


def test_batch_mode_sends_rows_without_a_match_once_at_the_end() -> None:
    left = Table(
        "l", "k INT, a STRING", ((("+I", (1, "a")), ("+I", (None, "n")), ("+I", (2, "c"))),)
    )
    right = Table("r", "k INT, b STRING", ((("+I", (1, "b")), ("+I", (3, "d"))),))
    for kind, rows in (("LEFT", 3), ("FULL", 4), ("RIGHT", 2), ("INNER", 1)):
        plan, found = run(
            [left, right],
            f"SELECT a, b FROM l {kind} JOIN r ON l.k = r.k",
            settings={"execution.runtime-mode": "batch"},
        )
        assert [k for k, _ in found[0]] == ["+I"] * rows, plan
    sql = "SELECT a FROM l WHERE {} EXISTS (SELECT 1 FROM r WHERE r.k = l.k)"
    for word, names in (("NOT", {"n", "c"}), ("", {"a"})):
        _, found = run(
            [left, right], sql.format(word), settings={"execution.runtime-mode": "batch"}
        )
        assert {row[0] for _, row in found[0]} == names


def test_a_key_with_many_matches_is_joined_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penstock.operators.join.operator.PAIRS_MAX", 50)
    many = tuple(("+I", (i, 1, "x")) for i in range(40))
    tables = [Table("l", LEFT, (many,)), Table("r", RIGHT, (many,))]
    _, found = run(tables, "SELECT l.id, r.id FROM l JOIN r ON l.k = r.k", rows_each=1000)
    assert len(set(found[0])) == 1600


def test_three_tables_and_a_group_follow_their_changes() -> None:
    tables = _tables(9)
    third = Table("z", "k INT, c STRING", ((("+I", (1, "one")), ("+I", (2, "two"))),))
    sql = (
        "SELECT c, COUNT(*) FROM l, r, z WHERE l.id = r.id AND l.k = z.k AND r.b <> 'a0' GROUP BY c"
    )
    left, right = _whole(tables)
    names = {1: "one", 2: "two"}
    wanted = Counter(
        names[a[1]] for a in left for b in right if a[0] == b[0] and a[1] in names and b[2] != "a0"
    )
    for rows_each, restore in WAYS:
        plan, found = run([*tables, third], sql, rows_each=rows_each, restore=restore)
        assert folded(found[0]) == Counter(repr(pair) for pair in wanted.items()), plan


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * FROM l JOIN r", "INNER, LEFT, RIGHT or FULL join requires a condition"),
        ("SELECT * FROM l JOIN l ON l.id = l.k", "Duplicate relation name 'l' in FROM clause"),
        ("SELECT * FROM l JOIN r ON k = 1", "Column 'k' is ambiguous"),
        ("SELECT id FROM l NATURAL JOIN r", "Column 'id' is ambiguous"),
        ("SELECT * FROM l JOIN r USING (z)", "Column 'z' not found in any table"),
        ("SELECT * FROM l JOIN r ON l.k + r.k", "ON clause must be a condition"),
        (
            "SELECT * FROM l JOIN r ON l.k = r.b",
            "implicit type conversion between INTEGER and VARCHAR(2147483647) is not supported on"
            " join's condition now",
        ),
    ],
)
def test_what_flink_refuses_is_refused_in_its_words(sql: str, message: str) -> None:
    with pytest.raises(ValidationError) as failed:
        run(_tables(0), sql)
    assert failed.value.message.startswith(message)


def test_not_in_is_aware_of_nulls() -> None:
    left = Table("l", LEFT, ((("+I", (1, 10, "a")), ("+I", (2, None, "b"))),))
    right = Table("r", RIGHT, ((), (("+I", (1, 20, "c")), ("+I", (2, None, "d")))))
    sql = "SELECT id FROM l WHERE k NOT IN (SELECT k FROM r)"
    _, found = run([left, right], sql)
    assert found[0] == [
        ("+I", (1,)),
        ("+I", (2,)),
        ("-D", (2,)),
        ("-D", (1,)),
    ]


def test_explain_shows_both_inputs_of_a_join_under_it() -> None:
    tables = _tables(0)
    sql = "SELECT l.id FROM l LEFT JOIN r ON l.k = r.k AND l.a < r.b WHERE l.id > 1"
    with scripted(tables):
        text = physical_text(planned(tables, sql, {}))
    lines = [line.partition("(")[0] for line in text.splitlines()]
    assert lines == [
        "Calc",
        "+- Join",
        "   :- Calc",
        "   :  +- TableSourceScan",
        "   +- TableSourceScan",
    ]
    assert "where=[((k = k0) AND (a < b))], select=[id, k, a, id0, k0, b]" in text
    assert "leftInputSpec=[HasUniqueKey], rightInputSpec=[HasUniqueKey]" in text
