"""What a check says about a script by itself, without any server."""

from penstock.connectors.base import Finding, Severity
from penstock.preflight import Report, check_script

SOURCE = (
    "CREATE TABLE s (id INT, name STRING) WITH ('connector' = 'datagen', 'number-of-rows' = '1');\n"
)
SINK = "CREATE TABLE t (id INT, name STRING) WITH ('connector' = 'print');\n"


def found(report: Report, code: str) -> list[Finding]:
    return [finding for finding in report.findings if finding.code == code]


def test_a_sound_script_has_no_errors_and_its_columns_are_followed() -> None:
    report = check_script(SOURCE + SINK + "INSERT INTO t SELECT id + 1, name FROM s", {})
    assert report.ok
    assert report.jobs == 1
    paths = [(c.source, c.name) for c in report.tables[0].columns]
    assert paths == [("(expression)", "id"), ("name", "name")]


def test_every_wrong_statement_is_found_with_its_place() -> None:
    text = (
        SOURCE
        + SINK
        + "SELEC 1;\nINSERT INTO t SELECT idd, name FROM s;\nINSERT INTO t SELECT id FROM s"
    )
    report = check_script(text, {})
    places = [(f.code, f.span.line, f.span.column) for f in report.findings if f.span]
    assert places == [("syntax", 3, 1), ("unknown-column", 4, 22), ("sink-types", 5, 15)]


def test_unsupported_statements_are_found_by_position() -> None:
    text = (
        SOURCE
        + SINK
        + "INSERT INTO t\nSELECT id, MAX(name) FROM s MATCH_RECOGNIZE (PATTERN (a) DEFINE a AS a.id > 0)"
    )
    report = check_script(text, {})
    assert [f.span.line for f in report.findings if f.span] == [4]
    assert not report.ok


def test_a_table_that_failed_is_not_reported_again_where_it_is_used() -> None:
    text = "CREATE TABLE s (id INT,, name STRING);\n" + SINK + "INSERT INTO t SELECT * FROM s"
    assert [f.code for f in check_script(text, {}).findings] == ["syntax"]


def test_an_option_error_points_at_the_option() -> None:
    text = "CREATE TABLE s (id INT)\nWITH ('connector' = 'datagen', 'rows-per-secnd' = '1');\n"
    text += "CREATE TABLE t (id INT) WITH ('connector' = 'print');\nINSERT INTO t SELECT * FROM s"
    (finding,) = check_script(text, {}).findings
    assert finding.span is not None
    assert (finding.code, finding.span.line, finding.span.column) == ("unknown-option", 2, 32)
    assert finding.remedy == "Did you mean 'rows-per-second'?"


def test_an_unknown_connector_points_at_its_option() -> None:
    text = "CREATE TABLE t (id INT)\nWITH ('connector' = 'starrock');\nINSERT INTO t VALUES (1)"
    (finding,) = check_script(text, {}).findings
    assert finding.span is not None
    assert (finding.code, finding.span.line, finding.span.column) == ("unknown-connector", 2, 7)
    assert "starrocks" in finding.remedy


def test_settings_have_their_outcome() -> None:
    text = (
        "SET 'pipeline.name' = 'x';\nSET 'taskmanager.numberOfTaskSlots' = '2';\n"
        "SET 'pipelin.name' = 'y';\nSET 'table.sql-dialect' = 'hive';\n"
    )
    report = check_script(
        text + SOURCE + SINK + "INSERT INTO t SELECT * FROM s", {"rest.port": "1"}
    )
    settings = [(f.severity, f.code, f.span.line if f.span else 0) for f in report.findings]
    assert settings == [
        (Severity.ERROR, "setting-refused", 4),
        (Severity.WARNING, "unknown-setting", 3),
        (Severity.NOTE, "no-effect", 2),
        (Severity.NOTE, "no-effect", 0),
        (Severity.NOTE, "honoured", 0),
    ]
    assert found(report, "unknown-setting")[0].remedy == "Did you mean 'pipeline.name'?"
    assert found(report, "setting-refused")[0].cause


def test_a_script_without_jobs_has_nothing_to_run() -> None:
    assert [f.code for f in check_script(SOURCE, {}).findings] == ["nothing-to-run"]


def test_one_reader_id_on_two_accounts_is_an_error() -> None:
    table = (
        "CREATE TABLE {0} (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'mysql-cdc', "
        "'hostname' = '127.0.0.1', 'port' = '1', 'username' = '{0}', 'password' = 'geheim', "
        "'server-id' = '5400', 'database-name' = 'd', 'table-name' = 't');\n"
    )
    sink = (
        "CREATE TABLE t (id INT, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'blackhole');\n"
    )
    text = table.format("a") + table.format("b") + sink
    text += "INSERT INTO t SELECT * FROM a UNION ALL SELECT * FROM b"
    report = check_script(text, {})
    assert found(report, "used-twice")
    assert len(found(report, "mysql-2003")) == 2
    assert "geheim" not in str(report)


def test_a_catalog_that_does_not_answer_is_told_once() -> None:
    catalog = (
        "CREATE CATALOG {} WITH ('type'='mysql', 'hostname'='127.0.0.1', 'port'='1',"
        " 'username'='u', 'password'='geheim'{});\n"
    )
    text = catalog.format("my", "") + SINK
    text += "INSERT INTO t SELECT id FROM my.d.a;\nINSERT INTO t SELECT id FROM my.d.b;\n"
    report = check_script(text, {})
    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == ["mysql-2003"]
    assert "geheim" not in str(report)

    text = catalog.format("my", ", 'hostnam'='x'") + SINK + "INSERT INTO t SELECT id FROM my.d.a;"
    report = check_script(text, {})
    assert [f.code for f in report.findings if f.severity is Severity.ERROR] == ["unknown-option"]


def test_options_that_change_nothing_are_noted_with_the_reason() -> None:
    sink = SINK.replace("'print'", "'print', 'sink.parallelism' = '4'")
    report = check_script(SOURCE + sink + "INSERT INTO t SELECT * FROM s", {})
    (note,) = found(report, "option-note")
    assert note.severity is Severity.NOTE
    assert "'sink.parallelism' has no effect here: one writer keeps the order" in note.message
    assert report.ok
