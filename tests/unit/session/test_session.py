from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

import pytest

from penstock.changelog import ChangelogBatch, Watermark
from penstock.clock import SystemClock
from penstock.connectors.base import RecoveredSink, SharedResources, SinkContext, SourceContext
from penstock.errors import OptionError, SqlError, UnsupportedFeatureError, ValidationError
from penstock.operators import OperatorContext
from penstock.plan import PhysicalPlan, SinkNode, SourceNode, TransformNode
from penstock.plan.physical import PlanNode
from penstock.session import ResultKind, Session, StatementResult


class FakeJob:
    job_id = "0" * 32
    error = None

    def wait(self, timeout_s: float | None = None) -> str:
        return "FINISHED"

    def status(self) -> str:
        return "FINISHED"


class Collector:
    def __init__(self) -> None:
        self.batches: list[ChangelogBatch] = []

    def watermark(self, watermark: Watermark) -> None:
        raise NotImplementedError

    def emit(self, batch: ChangelogBatch) -> None:
        self.batches.append(batch)


class FakeRunner:
    """Runs bounded plans to their end, in the caller."""

    def __init__(self) -> None:
        self.plans: list[PhysicalPlan] = []

    def submit(self, plan: PhysicalPlan) -> FakeJob:
        self.plans.append(plan)
        for sink in plan.sinks:
            self._run(plan, sink)
        return FakeJob()

    def _run(self, plan: PhysicalPlan, node: SinkNode) -> None:
        folder = Path(mkdtemp())
        with ThreadPoolExecutor(1) as pool:
            context = SinkContext(
                node.sink_id,
                plan.name,
                "id",
                1,
                folder,
                pool,
                pool,
                pool,
                SystemClock(),
                lambda: None,
                lambda *_: None,
                None,
                RecoveredSink(),
                pool,
                SharedResources(),
            )
            writer = node.sink.writer_for(node.table, node.schema, context)
            writer.open().result()
            writer.start(1)
            for batch in self._batches(plan, node.input, folder, pool):
                assert batch.rows.schema.types == node.schema.arrow().types
                writer.write(batch)
            writer.barrier(1, final=True)
            writer.close(abort=False)

    def _batches(
        self, plan: PhysicalPlan, node: PlanNode, folder: Path, pool: ThreadPoolExecutor
    ) -> list[ChangelogBatch]:
        if isinstance(node, SourceNode):
            reader = node.source.create_reader(
                SourceContext(folder, pool, SystemClock(), lambda: None)
            )
            reader.attach(node.source_id, node.source, None)
            found: list[ChangelogBatch] = []
            while not reader.finished(node.source_id):
                reader.poll(lambda _, batch: found.append(batch), 10)
            return found
        if isinstance(node, TransformNode):
            out = Collector()
            operator = node.spec.create(OperatorContext(plan.settings))
            for batch in self._batches(plan, node.input, folder, pool):
                operator.process(batch, out)
            return out.batches
        return [b for child in node.inputs for b in self._batches(plan, child, folder, pool)]


def run(text: str, session: Session | None = None) -> list[StatementResult]:
    session = session or Session(submitter=FakeRunner())
    return list(session.execute_script(text))


def rows(text: str) -> list[tuple[object, ...]]:
    return list(run(text)[-1].rows)


SEQUENCE = """
CREATE TABLE g (id BIGINT, name STRING, twice AS id * 2) WITH (
  'connector' = 'datagen', 'fields.id.kind' = 'sequence', 'fields.id.start' = '1',
  'fields.id.end' = '5', 'fields.name.length' = '3');
"""


def test_select_without_from_and_values() -> None:
    assert rows("SELECT 1 + 1, 'a' AS b") == [("+I", 2, "a")]
    assert rows("SELECT x + 1 FROM (VALUES (1, 'a'), (2, NULL)) AS t (x, y) WHERE x > 1") == [
        ("+I", 3)
    ]
    assert rows("VALUES (1), (2)") == [("+I", 1), ("+I", 2)]


def test_a_table_with_a_computed_column_is_projected_and_filtered() -> None:
    assert rows(SEQUENCE + "SELECT twice FROM g WHERE twice > 6") == [("+I", 8), ("+I", 10)]
    assert rows(SEQUENCE + "SELECT t.id FROM g AS t WHERE t.id = 2") == [("+I", 2)]


def test_union_with_and_views() -> None:
    text = (
        SEQUENCE
        + """
    CREATE VIEW v (a) AS SELECT id FROM g WHERE id < 3;
    WITH w AS (SELECT a + 10 AS a FROM v) SELECT a FROM v UNION ALL SELECT a FROM w"""
    )
    assert sorted(rows(text)) == [("+I", 1), ("+I", 2), ("+I", 11), ("+I", 12)]


def test_insert_prints_rows_with_column_list_and_case(capsys: pytest.CaptureFixture[str]) -> None:
    found = run("""
    CREATE TABLE p (id INT, name STRING, note STRING) WITH ('connector' = 'print');
    INSERT INTO p (name, id) SELECT CASE WHEN x > 1 THEN 'big' ELSE 'small' END, x
      FROM (VALUES (1), (2)) AS t (x);
    """)
    assert capsys.readouterr().out.splitlines() == ["+I[1, small, null]", "+I[2, big, null]"]
    assert found[-1].kind is ResultKind.JOB
    assert list(found[-1].rows) == [("0" * 32,)]
    assert found[-1].columns[0].name == "job id"


def test_options_hints_reach_the_connector(capsys: pytest.CaptureFixture[str]) -> None:
    run("""CREATE TABLE p (id INT) WITH ('connector' = 'print');
    INSERT INTO p /*+ OPTIONS('print-identifier' = 'P') */ SELECT 1;""")
    assert capsys.readouterr().out == "P> +I[1]\n"


def test_both_forms_of_statement_sets_are_one_job_that_shares_its_scan() -> None:
    runner = FakeRunner()
    session = Session(submitter=runner)
    tables = (
        SEQUENCE
        + """
    CREATE TABLE a (id BIGINT) WITH ('connector' = 'blackhole');
    CREATE TABLE b (id BIGINT) WITH ('connector' = 'blackhole');"""
    )
    run(
        tables
        + "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT id FROM g; INSERT INTO b SELECT id FROM g; END;",
        session,
    )
    run(
        "BEGIN STATEMENT SET; INSERT INTO a SELECT id FROM g; INSERT INTO a SELECT id FROM g; END;",
        session,
    )
    first, second = runner.plans
    assert (
        first.name
        == "insert-into_default_catalog.default_database.a,default_catalog.default_database.b"
    )
    assert [sink.sink_id.rpartition(".")[2] for sink in second.sinks] == ["a", "a_1"]
    leaves = [sink.input.input for sink in first.sinks if isinstance(sink.input, TransformNode)]
    assert leaves[0] is leaves[1]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id FROM g MATCH_RECOGNIZE (PATTERN (A) DEFINE A AS TRUE)",
        "SELECT id FROM g WHERE id > ALL (SELECT id FROM g)",
    ],
)
def test_what_is_not_run_is_refused_with_a_place(query: str) -> None:
    with pytest.raises(UnsupportedFeatureError, match="unsupported") as caught:
        run(SEQUENCE + query)
    assert caught.value.span is not None
    assert caught.value.span.line == 5


def test_unknown_names_get_the_nearest_one() -> None:
    with pytest.raises(ValidationError, match="Column 'nme' not found in any table") as caught:
        run(SEQUENCE + "SELECT nme FROM g")
    assert "name" in caught.value.hint
    with pytest.raises(ValidationError, match="Object 'h' not found"):
        run("SELECT * FROM h")
    with pytest.raises(OptionError, match="unknown connector 'prnt'"):
        run("CREATE TABLE t (a INT) WITH ('connector' = 'prnt'); INSERT INTO t SELECT 1")


def test_sink_types_are_checked_with_flinks_text() -> None:
    table = "CREATE TABLE p (id INT, name STRING) WITH ('connector' = 'blackhole');"
    with pytest.raises(ValidationError, match="do not match") as caught:
        run(table + "INSERT INTO p SELECT 1")
    assert "Cause: Different number of columns." in caught.value.detail
    with pytest.raises(ValidationError) as caught:
        run(table + "INSERT INTO p SELECT 'x', 'y'")
    assert "Incompatible types for sink column 'id' at position 0." in caught.value.detail
    assert "Sink schema:  [id: INT, name: STRING]" in caught.value.detail


def test_not_null_is_enforced_or_dropped() -> None:
    table = "CREATE TABLE p (id INT NOT NULL) WITH ('connector' = 'print');"
    insert = "INSERT INTO p SELECT x FROM (VALUES (1), (CAST(NULL AS INT))) AS t (x);"
    with pytest.raises(Exception, match="Column 'id' is NOT NULL"):
        run(table + insert)
    run("SET 'table.exec.sink.not-null-enforcer' = 'DROP';" + table + insert)


def test_settings_tell_their_outcome() -> None:
    found = run(
        "SET 'taskmanager.numberOfTaskSlots' = '4'; SET 'pipelin.name' = 'x'; SET 'pipeline.name' = 'y'; SET;"
    )
    assert "no effect" in found[0].messages[0]
    assert "did you mean 'pipeline.name'" in found[1].messages[0]
    assert not found[2].messages
    assert ("pipeline.name", "y") in list(found[3].rows)
    with pytest.raises(OptionError, match="unsupported") as refused:
        run("SET 'table.sql-dialect' = 'hive'")
    assert refused.value.span is not None


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("execution.checkpointing.interval", "soon", "a duration"),
        ("execution.checkpointing.interval", "0", "at least 10 ms"),
        ("parallelism.default", "0", "at least 1"),
        ("parallelism.default", "many", "whole number"),
        ("table.local-time-zone", "Nowhere/City", "a name like"),
        ("table.dml-sync", "maybe", "true or false"),
        ("table.exec.sink.not-null-enforcer", "ignore", "one of error, drop"),
        ("restart-strategy.fixed-delay.attempts", "x", "whole number"),
        ("restart-strategy.exponential-delay.backoff-multiplier", "x", "a number"),
    ],
)
def test_a_setting_cannot_have_any_value(key: str, value: str, expected: str) -> None:
    with pytest.raises(OptionError) as in_script:
        run(f"SET 'pipeline.name' = 'x';\nSET '{key}' = '{value}'")
    assert in_script.value.span is not None
    assert in_script.value.span.line == 2
    with pytest.raises(OptionError) as beside:
        Session(settings={key: value})
    for error in (in_script.value, beside.value):
        assert (error.code, error.key) == ("invalid-setting", key)
        assert expected in error.detail


def test_settings_beside_the_script_tell_their_outcome_too() -> None:
    session = Session(settings={"pipelin.name": "x", "rest.port": "1", "pipeline.time-zone": "UTC"})
    assert [note.split(":")[0] for note in session.notes] == [
        "warning",
        "'rest.port' has no effect here",
    ]
    assert session.settings["table.local-time-zone"] == "UTC"
    with pytest.raises(OptionError, match="refused"):
        Session(settings={"table.sql-dialect": "hive"})


@pytest.mark.parametrize("zone", ["GMT+08:00", "+8", "Etc/GMT-8", "Asia/Shanghai"])
def test_time_zones_may_be_written_as_offsets(zone: str) -> None:
    query = "SELECT CAST(CAST(TIMESTAMP '2024-01-01 08:00:00' AS TIMESTAMP_LTZ(0)) AS STRING)"
    results = run(f"SET 'table.local-time-zone' = '{zone}'; {query}")
    assert list(results[1].rows) == [("+I", "2024-01-01 08:00:00")]


def test_the_catalog_is_shown() -> None:
    session = Session()
    run(
        SEQUENCE
        + "CREATE DATABASE d2; CREATE TABLE d2.t (a INT PRIMARY KEY NOT ENFORCED) WITH ('connector' = 'print', 'password' = 'geheim');",
        session,
    )

    def shown(text: str) -> list[tuple[object, ...]]:
        return list(run(text, session)[-1].rows)

    assert shown("SHOW TABLES") == [("g",)]
    assert shown("SHOW DATABASES LIKE 'd%'") == [("d2",), ("default_database",)]
    assert shown("DESCRIBE d2.t") == [("a", "INT", False, "PRI(a)", None, None)]
    text = str(shown("SHOW CREATE TABLE d2.t")[0][0])
    assert text.startswith(
        "CREATE TABLE `default_catalog`.`d2`.`t` (\n  `a` INT NOT NULL,\n  CONSTRAINT `PK_a`"
    )
    assert "geheim" not in text
    run("USE d2", session)
    assert shown("SHOW CURRENT DATABASE") == [("d2",)]
    run("DROP TABLE t; DROP TABLE IF EXISTS t", session)
    with pytest.raises(SqlError):
        run("DROP TABLE t", session)


def test_like_takes_columns_and_overwrites_options() -> None:
    session = Session()
    run(SEQUENCE + "CREATE TABLE h (extra INT) WITH ('rows-per-second' = '7') LIKE g;", session)
    table = session.catalog.get(("h",))[1]
    assert [c.name for c in table.columns] == ["id", "name", "twice", "extra"]  # type: ignore[union-attr]
    assert table.options["connector"] == "datagen"  # type: ignore[union-attr]


def test_explain_shows_the_calc() -> None:
    text = str(rows(SEQUENCE + "EXPLAIN SELECT id FROM g WHERE id > 1")[0][0])
    assert "== Optimized Physical Plan ==" in text
    assert "Calc(select=[id], where=[(id > CAST(1 AS BIGINT))])" in text
    assert (
        "TableSourceScan(table=[[default_catalog, default_database, g]], fields=[id, name])" in text
    )


def test_options_that_change_nothing_are_told_once() -> None:
    ddl = "CREATE TABLE {} (a INT) WITH ('connector'='{}', '{}.parallelism'='4', {});"
    script = (
        ddl.format("s", "datagen", "scan", "'number-of-rows'='1'")
        + ddl.format("t", "blackhole", "sink", "'property-version'='1'")
        + "INSERT INTO t SELECT a FROM s;" * 2
    )
    *_, first, second = Session(submitter=FakeRunner()).execute_script(script)
    assert [message.partition(": ")[2] for message in first.messages] == [
        "option 'scan.parallelism' has no effect here: one generator keeps sequences in order",
        "option 'sink.parallelism' has no effect here: one writer keeps the order of rows",
    ]
    assert second.messages == ()


def test_explain_changelog_mode_shows_it_and_other_details_are_refused() -> None:
    session = Session()
    ddl = "CREATE TABLE g (id INT) WITH ('connector' = 'datagen')"
    sink = "CREATE TABLE p (id INT) WITH ('connector' = 'print')"
    text = f"{ddl};{sink};EXPLAIN CHANGELOG_MODE INSERT INTO p SELECT id + 1 FROM g"
    *_, result = session.execute_script(text)
    assert "changelogMode=[I]" in str(list(result.rows))
    with pytest.raises(UnsupportedFeatureError, match="EXPLAIN ESTIMATED_COST"):
        list(session.execute_script("EXPLAIN ESTIMATED_COST INSERT INTO p SELECT id FROM g"))


@pytest.mark.parametrize(
    ("sql", "hint"),
    [
        ("UPDATE t SET id = 1", "at the source"),
        ("DELETE FROM t", "at the source"),
        ("TRUNCATE TABLE t", "in the database itself"),
        ("ANALYZE TABLE t COMPUTE STATISTICS", "not built"),
        ("SELECT SUM(id) OVER (PARTITION BY id) FROM t", "ROW_NUMBER"),
        ("SELECT LAG(id) OVER (ORDER BY id) FROM t", "ROW_NUMBER"),
        (
            "SELECT * FROM t MATCH_RECOGNIZE (ORDER BY id MEASURES A.id AS i PATTERN (A)"
            " DEFINE A AS A.id > 1)",
            "not built",
        ),
        ("SELECT * FROM TABLE(SESSION(TABLE t, DESCRIPTOR(ts), INTERVAL '1' MINUTE))", "TUMBLE"),
        ("SELECT COUNT(*) FROM t GROUP BY SESSION(ts, INTERVAL '1' MINUTE)", "TUMBLE"),
    ],
)
def test_what_is_not_run_says_what_to_do_or_that_it_is_not_built(sql: str, hint: str) -> None:
    session = Session()
    table = "CREATE TABLE t (id INT, ts TIMESTAMP(3)) WITH ('connector' = 'datagen');"
    with pytest.raises(UnsupportedFeatureError) as caught:
        list(session.execute_script(f"{table} {sql};"))
    assert hint in caught.value.hint
