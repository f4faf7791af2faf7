"""Look-up joins as plans, and what is refused, in Flink's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from penstock.errors import SqlError
from penstock.planner import physical_text
from penstock.session import Session
from penstock.sql import parse_script

if TYPE_CHECKING:
    from penstock.plan import PhysicalPlan

DDL = """CREATE TABLE o (id BIGINT, k INT, s STRING, ts TIMESTAMP(3), p AS PROCTIME(),
 PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'datagen');
CREATE TABLE dim (id INT, s STRING, x DOUBLE, n STRING, up AS UPPER(n),
 PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://fe:9030', 'database-name' = 'x',
 'table-name' = 't', 'username' = 'u', 'password' = '');
CREATE VIEW v AS SELECT * FROM dim;
CREATE VIEW lifted AS SELECT id, k, p AS q FROM o WHERE k > 0;
CREATE TABLE two (a DOUBLE, b STRING) WITH ('connector' = 'blackhole');
CREATE TABLE target (a BIGINT, b STRING) WITH ('connector' = 'blackhole');"""
JOIN = "JOIN dim FOR SYSTEM_TIME AS OF o.p AS d ON"


@pytest.fixture
def session() -> Session:
    made = Session()
    for statement in parse_script(DDL).statements:
        made.execute(statement)
    return made


def plan(session: Session, query: str) -> PhysicalPlan:
    found = session.plan(parse_script(f"INSERT INTO target {query};").statements[0])
    assert found is not None
    return found


def lines(session: Session, query: str) -> list[str]:
    return [line.strip(" +-") for line in physical_text(plan(session, query)).splitlines()[1:]]


def test_keys_conditions_and_the_rest_are_told_apart(session: Session) -> None:
    text = lines(
        session,
        f"SELECT o.id, d.n FROM o LEFT {JOIN} o.k = d.id AND d.s = 'x' AND o.id > 5 AND d.x > o.id",
    )
    assert text[1] == (
        "LookupJoin(table=[default_catalog.default_database.dim], joinType=[LeftOuterJoin],"
        " lookup=[id=k], joinCondition=[(id > CAST(5 AS BIGINT)) AND"
        " ((x > CAST(id AS DOUBLE)) AND (s0 = 'x'))], select=[id, k, s, ts, s0, x, n])"
    )


def test_a_wider_integer_is_compared_as_it_is(session: Session) -> None:
    (line,) = [
        t for t in lines(session, f"SELECT o.id, d.n FROM o {JOIN} o.id = d.id") if "Lookup" in t
    ]
    assert "lookup=[id=CASE WHEN" in line


def test_several_joins_share_the_time_of_the_left_table(session: Session) -> None:
    query = (
        f"SELECT o.id, d.n FROM o {JOIN} o.k = d.id"
        " LEFT JOIN dim FOR SYSTEM_TIME AS OF o.p AS e ON e.s = d.s AND e.id = 7"
    )
    found = [t for t in lines(session, query) if t.startswith("LookupJoin")]
    assert len(found) == 2
    assert "lookup=[s=s0], joinCondition=[(id1 = 7)]" in found[0]


def test_the_time_passes_through_a_view(session: Session) -> None:
    query = (
        "SELECT l.id, d.n FROM lifted AS l JOIN dim FOR SYSTEM_TIME AS OF l.q AS d ON l.k = d.id"
    )
    assert any(t.startswith("LookupJoin") for t in lines(session, query))


def test_using_joins_by_the_columns_both_have(session: Session) -> None:
    query = "SELECT o.id, d.n FROM o JOIN dim FOR SYSTEM_TIME AS OF o.p AS d USING (s)"
    assert "lookup=[s=s]" in " ".join(lines(session, query))


EQUALITY = (
    "Temporal table join requires an equality condition on fields of table"
    " [default_catalog.default_database.dim]."
)
TIME = (
    "Temporal table join currently only supports 'FOR SYSTEM_TIME AS OF' left table's time"
    " attribute field"
)
NO_LOOKUP = "Processing-time temporal join is not supported yet."


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (f"FROM o {JOIN} o.k > d.id", EQUALITY),
        (f"FROM o {JOIN} o.k + 1 = d.id + 1", EQUALITY),
        (f"FROM o {JOIN} o.s = d.up", EQUALITY),
        (f"FROM o {JOIN} o.id = d.x", EQUALITY),
        (f"FROM o {JOIN} o.k = CAST(d.s AS INT)", EQUALITY),
        ("FROM o JOIN dim FOR SYSTEM_TIME AS OF o.ts AS d ON o.k = d.id", TIME),
        ("FROM o JOIN dim FOR SYSTEM_TIME AS OF PROCTIME() AS d ON o.k = d.id", TIME),
        (
            "FROM o JOIN dim FOR SYSTEM_TIME AS OF TIMESTAMP '2024-01-01 00:00:00' AS d"
            " ON o.k = d.id",
            TIME,
        ),
        ("FROM o JOIN v FOR SYSTEM_TIME AS OF o.p AS d ON o.k = d.id", NO_LOOKUP),
        ("FROM o JOIN o FOR SYSTEM_TIME AS OF o.p AS d ON o.k = d.k", NO_LOOKUP),
        (
            f"FROM o RIGHT {JOIN} o.k = d.id",
            "Temporal table join currently only support INNER JOIN and LEFT JOIN, but was RIGHT"
            " JOIN.",
        ),
        (
            f"FROM o {JOIN} o.k = d.id AND o.s IS NOT DISTINCT FROM d.s",
            "LookupJoin doesn't support join condition contains 'a IS NOT DISTINCT FROM b' (or"
            " alternative '(a = b) or (a IS NULL AND b IS NULL)')",
        ),
    ],
)
def test_what_flink_refuses_is_refused_in_its_words(
    session: Session, query: str, message: str
) -> None:
    with pytest.raises(SqlError) as failure:
        plan(session, f"SELECT o.id, 'x' {query}")
    assert failure.value.message == message
    assert failure.value.span is not None


def test_updates_are_handed_on_and_keys_stay_where_a_row_has_one_match(session: Session) -> None:
    ddl = """CREATE TABLE up (a BIGINT, b STRING, PRIMARY KEY (a) NOT ENFORCED) WITH (
     'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://fe:9030', 'load-url' = 'fe:8030',
     'database-name' = 'x', 'table-name' = 'u', 'username' = 'u', 'password' = '');
    CREATE TABLE cdc (id BIGINT, k INT, p AS PROCTIME(), PRIMARY KEY (id) NOT ENFORCED) WITH (
     'connector' = 'mysql-cdc', 'hostname' = 'h', 'username' = 'u', 'password' = 'p',
     'database-name' = 'd', 'table-name' = 't');"""
    for statement in parse_script(ddl).statements:
        session.execute(statement)
    join = "FROM cdc AS c LEFT JOIN dim FOR SYSTEM_TIME AS OF c.p AS d ON"
    query = f"INSERT INTO up SELECT c.id, d.n {join} c.k = d.id;"
    found = session.plan(parse_script(query).statements[0])
    assert found is not None
    text = physical_text(found, changes=True)
    assert "LookupJoin" in text
    assert "changelogMode=[I,UB,UA,D]" in text


HINT = "SELECT /*+ LOOKUP({}) */ o.id, d.n FROM o " + JOIN + " o.k = d.id"


def test_a_lookup_hint_sets_retry_and_timeout_and_tells_what_changes_nothing(
    session: Session,
) -> None:
    hint = (
        "'table'='d', 'async'='true', 'output-mode'='allow_unordered', 'capacity'='500',"
        " 'timeout'='20 s', 'retry-predicate'='lookup_miss', 'retry-strategy'='fixed_delay',"
        " 'fixed-delay'='2 s', 'max-attempts'='3', 'shuffle'='true'"
    )
    found = plan(session, HINT.format(hint))
    calc: Any = found.sinks[0].input
    spec = calc.input.spec
    assert (spec.retry.delay_ms, spec.retry.attempts, spec.timeout_ms) == (2000, 3, 20_000)
    for key in ("async", "output-mode", "capacity", "shuffle"):
        assert any(f"'{key}' of hint LOOKUP has no effect" in note for note in found.notes)


@pytest.mark.parametrize(
    ("hint", "message"),
    [
        (
            "'table'='zz'",
            "The options of following hints cannot match the name of input tables or views:"
            " \n`zz` in `LOOKUP`",
        ),
        ("'async'='true'", "Invalid LOOKUP hint: incomplete required option(s)"),
        ("'table'='d', 'asinc'='true'", "unknown option 'asinc' of hint LOOKUP"),
        ("'table'='d', 'timeout'='soon'", "Invalid LOOKUP hint: invalid value 'soon'"),
        ("'table'='d', 'output-mode'='best'", "Invalid LOOKUP hint: invalid value 'best'"),
        ("'table'='d', 'capacity'='0'", "Invalid LOOKUP hint: invalid value '0'"),
        (
            "'table'='d', 'max-attempts'='3'",
            "Invalid LOOKUP hint: retry options can be both null or all not null",
        ),
    ],
)
def test_a_bad_lookup_hint_is_refused(session: Session, hint: str, message: str) -> None:
    with pytest.raises(SqlError) as failure:
        plan(session, HINT.format(hint))
    assert failure.value.message.startswith(message)
    assert failure.value.span is not None


def test_only_columns_that_are_used_are_asked_for(session: Session) -> None:
    query = (
        f"SELECT e.x, d.n FROM o {JOIN} o.k = d.id"
        " LEFT JOIN dim FOR SYSTEM_TIME AS OF o.p AS e ON e.s = d.s AND e.id > 7"
    )
    found = session.plan(parse_script(f"INSERT INTO two {query};").statements[0])
    assert found is not None
    calc: Any = found.sinks[0].input
    upper, lower = calc.input.spec, calc.input.input.spec
    names = ["id", "s", "x", "n"]
    assert [names[i] for i in lower.columns] == ["s", "n"]
    assert [names[i] for i in upper.columns] == ["id", "x"]
    assert upper.schema.names == ["id", "k", "s", "ts", "s0", "n", "id1", "x0"]


def test_a_join_nothing_is_used_of_still_counts_rows(session: Session) -> None:
    query = f"INSERT INTO target SELECT o.id, o.s FROM o {JOIN} o.k = d.id;"
    found = session.plan(parse_script(query).statements[0])
    assert found is not None
    calc: Any = found.sinks[0].input
    assert len(calc.input.spec.right) == 1


def test_the_time_passes_a_watermark(session: Session) -> None:
    ddl = """CREATE TABLE w (k INT, ts TIMESTAMP(3), p AS PROCTIME(),
     WATERMARK FOR ts AS ts - INTERVAL '1' SECOND) WITH ('connector' = 'datagen');"""
    session.execute(parse_script(ddl).statements[0])
    query = (
        "SELECT CAST(w.k AS BIGINT), d.n FROM w JOIN dim FOR SYSTEM_TIME AS OF w.p AS d"
        " ON w.k = d.id"
    )
    assert any(t.startswith("LookupJoin") for t in lines(session, query))
