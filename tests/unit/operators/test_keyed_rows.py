"""Rows by key: sources that send only what is, sinks whose key is not the query's."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from tests.conformance.streams import Change, Table, folded, planned, run, scripted

from penstock.planner import physical_text

SOURCE = "id INT, name STRING, v DOUBLE, PRIMARY KEY (id) NOT ENFORCED"
SINK = "id INT, name STRING, PRIMARY KEY (name) NOT ENFORCED"


def upserts(seed: random.Random, count: int) -> list[Change]:
    found: list[Change] = []
    there: set[int] = set()
    for _ in range(count):
        key = seed.randrange(12)
        if key in there and seed.random() < 0.3:
            there.discard(key)
            found.append(("-D", (key, None, None)))
        else:
            row = (key, seed.choice(["a", "b", None]), seed.choice([1.5, None]))
            found.append(("+U" if key in there or seed.random() < 0.5 else "+I", row))
            there.add(key)
    return found


@pytest.mark.parametrize(("rows_each", "restore"), [(1, True), (9, True), (500, False)])
def test_a_source_without_update_before_is_made_whole(rows_each: int, restore: bool) -> None:
    part = upserts(random.Random(rows_each), 200)
    given = [
        Table("t", SOURCE, (tuple(part[:90]), tuple(part[90:])), "I,UA,D"),
        Table("s", "name STRING, n BIGINT, sv DOUBLE"),
        Table("all_rows", "id INT, name STRING, v DOUBLE"),
    ]
    script = """INSERT INTO s SELECT name, COUNT(*), SUM(v) FROM t GROUP BY name;
    INSERT INTO all_rows SELECT * FROM t"""
    plan, found = run(given, script, rows_each=rows_each, restore=restore)
    rows: dict[int, tuple[Any, ...]] = {}
    for kind, row in part:
        if kind == "-D":
            rows.pop(row[0], None)
        else:
            rows[row[0]] = row
    counts = Counter(row[1] for row in rows.values())
    sums = {n: [r[2] for r in rows.values() if r[1] == n and r[2]] for n in counts}
    wanted = [(n, c, sum(sums[n]) if sums[n] else None) for n, c in counts.items()]
    assert folded(found[0]) == Counter(map(repr, wanted))
    assert folded(found[1]) == Counter(map(repr, rows.values()))
    text = physical_text(plan, changes=True)
    assert "ChangelogNormalize(key=[id], changelogMode=[I,UB,UA,D])" in text
    assert "changelogMode=[I,UA,D])" in text


@pytest.mark.parametrize(("rows_each", "restore"), [(1, True), (7, False)])
def test_a_key_of_the_sink_falls_back_to_the_row_before(rows_each: int, restore: bool) -> None:
    part: list[Change] = [
        ("+I", (1, "a", 1.0)),
        ("+I", (2, "a", 1.0)),
        ("+I", (3, "b", 1.0)),
        ("-D", (2, "a", 1.0)),
        ("-U", (3, "b", 1.0)),
        ("+U", (3, "c", 1.0)),
    ]
    given = [
        Table("t", SOURCE, (tuple(part[:3]), tuple(part[3:])), "I,UB,UA,D"),
        Table("s", SINK),
    ]
    insert = "INSERT INTO s SELECT id, name FROM t"
    plan, found = run(given, insert, rows_each=rows_each, restore=restore)
    assert "SinkUpsertMaterializer(key=[name])" in physical_text(plan)
    assert folded(found[0], [1]) == Counter(["(1, 'a')", "(3, 'c')"])
    if rows_each == 1:
        assert [kind for kind, _ in found[0]] == ["+I", "+U", "+I", "+U", "-D", "+I"]


@pytest.mark.parametrize("restore", [False, True])
def test_a_row_with_nan_is_taken_back_from_a_key_of_the_sink(restore: bool) -> None:
    row = (1, "a", float("nan"))
    given = [
        Table("t", SOURCE, ((("+I", row),), (("-D", row),)), "I,UB,UA,D"),
        Table("s", "id INT, name STRING, v DOUBLE, PRIMARY KEY (name) NOT ENFORCED"),
    ]
    _, found = run(given, "INSERT INTO s SELECT id, name, v FROM t", restore=restore)
    assert [kind for kind, _ in found[0]] == ["+I", "-D"]


def explained(insert: str, sink: str, source: str = SOURCE, choice: str = "AUTO") -> str:
    given = [Table("t", source, mode="I,UB,UA,D"), Table("s", sink)]
    with scripted(given):
        named = {"table.exec.sink.upsert-materialize": choice}
        return physical_text(planned(given, insert, named))


def test_where_a_materializer_stands() -> None:
    """As observed on Flink 2.2.1."""
    same = "id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED"
    insert = "INSERT INTO s SELECT id, name FROM t"
    keyless = "id INT, name STRING"
    assert "Materializer" in explained(insert, SINK)
    assert "Materializer" in explained(insert, same, keyless)
    assert "Materializer" not in explained(insert, same)
    wider = "id INT, name STRING, PRIMARY KEY (id, name) NOT ENFORCED"
    assert "Materializer" not in explained(insert, wider)
    grouped = "INSERT INTO s SELECT COUNT(*), name FROM t GROUP BY name"
    counts = "id BIGINT, name STRING, PRIMARY KEY (name) NOT ENFORCED"
    assert "Materializer" not in explained(grouped, counts)
    assert "Materializer" not in explained(insert, SINK, choice="NONE")
    assert "Materializer" in explained(insert, same, choice="FORCE")
