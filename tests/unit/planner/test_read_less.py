"""Sources read the columns and rows that are used; results stay the plan's business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from penstock.planner import physical_text
from penstock.session import Session
from penstock.sql import parse_script

if TYPE_CHECKING:
    from penstock.plan import PhysicalPlan

READ = """CREATE TABLE {name} (a INT, b STRING, c INT, d AS a + c) WITH (
 'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://fe:9030', 'scan-url' = 'fe:8030',
 'database-name' = 'x', 'table-name' = 't', 'username' = 'u', 'password' = '');
"""
SINKS = """CREATE TABLE o (a INT) WITH ('connector' = 'blackhole');
CREATE TABLE p (a INT, b STRING) WITH ('connector' = 'blackhole');"""


@pytest.fixture
def session() -> Session:
    made = Session()
    for statement in parse_script(READ.format(name="t") + SINKS).statements:
        made.execute(statement)
    return made


def plan(session: Session, text: str) -> PhysicalPlan:
    (statement,) = list(parse_script(text).with_sets_folded())
    found = session.plan(statement)
    assert found is not None
    return found


def sources(found: PhysicalPlan) -> list[Any]:
    nodes = []
    for sink in found.sinks:
        node: Any = sink.input
        while hasattr(node, "input"):
            node = node.input
        nodes.append(node)
    return nodes


def test_columns_and_conditions_go_into_the_source(session: Session) -> None:
    found = plan(session, "INSERT INTO o SELECT c FROM t WHERE a > 1 AND CHAR_LENGTH(b) = 2;")
    (node,) = sources(found)
    assert node.schema.names == ["a", "b", "c"]
    assert node.source.described_where() == "(`a` > 1)"
    assert physical_text(found).splitlines()[1:] == [
        "+- Calc(select=[c AS a], where=[((a > 1) AND (CHAR_LENGTH(b) = 2))])",
        "   +- TableSourceScan(table=[[default_catalog, default_database, t]], fields=[a, b, c])",
    ]


def test_a_computed_column_reads_what_it_is_computed_from(session: Session) -> None:
    (node,) = sources(plan(session, "INSERT INTO o SELECT d FROM t;"))
    assert node.schema.names == ["a", "c"]


def test_no_column_still_counts_rows(session: Session) -> None:
    (node,) = sources(plan(session, "INSERT INTO o SELECT 1 FROM t;"))
    assert node.schema.names == ["a"]


def test_a_source_two_sinks_read_serves_both(session: Session) -> None:
    text = """EXECUTE STATEMENT SET BEGIN
    INSERT INTO o SELECT a FROM t WHERE a > 1 AND c = 3;
    INSERT INTO p SELECT c, b FROM t WHERE c = 3; END;"""
    first, second = sources(plan(session, text))
    assert first == second
    assert first.schema.names == ["a", "b", "c"]
    assert first.source.described_where() == "(`c` = 3)"


def test_other_sources_are_left_as_they_are(session: Session) -> None:
    ddl = "CREATE TABLE g (a INT, b STRING) WITH ('connector' = 'datagen');"
    session.execute(parse_script(ddl).statements[0])
    (node,) = sources(plan(session, "INSERT INTO o SELECT a FROM g WHERE a > 1;"))
    assert node.schema.names == ["a", "b"]


@pytest.mark.parametrize(
    ("query", "limit"),
    [
        ("SELECT a, b FROM t LIMIT 5", 5),
        ("SELECT c, b FROM t WHERE a > 1 LIMIT 5", 5),
        ("SELECT a, b FROM t LIMIT 5 OFFSET 3", 8),
        ("SELECT a, b FROM t WHERE b = 'x' LIMIT 5", None),  # the server may count 'X'
        ("SELECT a, b FROM t WHERE CHAR_LENGTH(b) = 2 LIMIT 5", None),
        ("SELECT a, b FROM t ORDER BY a LIMIT 5", None),
        ("SELECT a, b FROM (SELECT * FROM t LIMIT 5) WHERE a > 1", 5),
    ],
)
def test_a_limit_is_sent_where_the_server_counts_as_flink_does(
    session: Session, query: str, limit: int | None
) -> None:
    if "OFFSET" in query:
        query = query.replace("LIMIT 5 OFFSET 3", "OFFSET 3 ROWS FETCH NEXT 5 ROWS ONLY")
    ddl = """CREATE TABLE k (a INT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH (
     'connector' = 'print');"""
    session.execute(parse_script(ddl).statements[0])
    (node,) = sources(plan(session, f"INSERT INTO k {query};"))
    assert node.source.limit == limit
    if "(SELECT" in query:
        assert node.source.described_where() == ""
