"""EXPLAIN CHANGELOG_MODE against plans of Flink's own tests (exchanges apart, which are none here)."""

from __future__ import annotations

import pytest
from tests.conformance.streams import Table, scripted

from penstock.errors import ValidationError
from penstock.session import Session

TABLES = (
    Table("rows_of", "a INT, b STRING, c BIGINT", mode="I"),
    Table("src", "ts TIMESTAMP(3), a INT, b DOUBLE", mode="I,UB,UA,D"),
    Table("upsert_src", "ts TIMESTAMP(3), a INT PRIMARY KEY NOT ENFORCED, b DOUBLE", mode="I,UA,D"),
)


def plan(query: str) -> list[str]:
    """Names of nodes, indented, with the kinds of changes they emit."""
    session = Session()
    with scripted(TABLES):
        for table in TABLES:
            declared = f"CREATE TABLE {table.name} ({table.columns})"
            list(session.execute_script(f"{declared} WITH ('connector' = 'scripted')"))
        result = list(session.execute_script(f"EXPLAIN CHANGELOG_MODE {query}"))[-1]
    text = next(iter(result.rows))[0]
    section = text.split("== Optimized Physical Plan ==\n")[1].split("\n\n")[0]
    found = []
    for line in section.splitlines():
        head, _, kinds = line.partition("changelogMode=")
        found.append(f"{head.partition('(')[0]} {kinds.rstrip(')')}")
    return found


def test_a_count_of_counts() -> None:
    query = (
        """SELECT n, COUNT(*) FROM (SELECT b, COUNT(a) AS n FROM rows_of GROUP BY b) GROUP BY n"""
    )
    assert plan(query) == [
        "GroupAggregate [I,UA,D]",
        "+- Calc [I,UB,UA]",
        "   +- GroupAggregate [I,UB,UA]",
        "      +- Calc [I]",
        "         +- TableSourceScan [I]",
    ]


def test_a_filter_keeps_update_before() -> None:
    assert plan("SELECT * FROM src WHERE a > 1") == [
        "Calc [I,UB,UA,D]",
        "+- TableSourceScan [I,UB,UA,D]",
    ]


def test_a_source_of_upserts_is_made_whole_for_an_aggregation() -> None:
    found = plan("SELECT a, COUNT(*), MAX(ts), MIN(ts) FROM upsert_src GROUP BY a")
    assert found[0] == "GroupAggregate [I,UA,D]"
    assert found[-2:] == [
        "   +- ChangelogNormalize [I,UB,UA,D]",
        "      +- TableSourceScan [I,UA,D]",
    ]


def test_both_sides_of_a_union_agree() -> None:
    query = """SELECT b, ts, a FROM (SELECT * FROM src UNION ALL
      SELECT MAX(ts) AS t, a, MAX(b) AS b FROM src GROUP BY a)"""
    found = plan(query)
    assert found[0].startswith(("Union", "Calc"))
    assert any("DropUpdateBefore [I,UA,D]" in line for line in found)
    assert any("GroupAggregate [I,UA,D]" in line for line in found)


def test_top_n() -> None:
    numbered = """SELECT * FROM (SELECT a, b, s, ROW_NUMBER() OVER (PARTITION BY b ORDER BY s DESC)
      AS n FROM (SELECT a, LAST_VALUE(b) AS b, SUM(c) AS s FROM rows_of GROUP BY a)) WHERE n <= 10"""
    found = plan(numbered)
    assert [line.strip(" +-") for line in found if "Calc" not in line] == [
        "Rank [I,UA,D]",
        "GroupAggregate [I,UB,UA]",
        "TableSourceScan [I]",
    ]
    assert plan("SELECT * FROM rows_of ORDER BY a, b DESC LIMIT 10")[0] == "SortLimit [I,UA,D]"
    assert plan("SELECT * FROM rows_of LIMIT 3")[0] == "Limit [I]"


def test_an_insert_only_sink_names_the_node_that_updates() -> None:
    given = (*TABLES, Table("s", "b STRING, n BIGINT"))
    session = Session()
    with scripted(given):
        for table in given:
            kind = "scripted" if table.name != "s" else "scripted-appends"
            declared = f"CREATE TABLE {table.name} ({table.columns})"
            list(session.execute_script(f"{declared} WITH ('connector' = '{kind}')"))
        insert = "EXPLAIN INSERT INTO s SELECT b, COUNT(*) FROM rows_of GROUP BY b"
        with pytest.raises(ValidationError) as caught:
            list(session.execute_script(insert))
    assert caught.value.message == (
        "Table sink 'default_catalog.default_database.s' doesn't support consuming update changes"
        " which is produced by node GroupAggregate(groupBy=[b], select=[b, COUNT(*) AS EXPR$1])"
    )
