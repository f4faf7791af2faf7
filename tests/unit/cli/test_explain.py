"""`penstock explain` on scripts whose servers do not exist: it touches none."""

import json
from pathlib import Path

from click.testing import CliRunner

from penstock.cli.explain import command

SCRIPT = """CREATE TABLE s (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'mysql-cdc', 'hostname' = 'nowhere', 'username' = 'u', 'password' = 'geheim',
 'database-name' = 'd', 'table-name' = 't', 'server-id' = '5400', 'server-time-zone' = 'UTC');
CREATE TABLE t (id INT, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH (
 'connector' = 'starrocks', 'jdbc-url' = 'jdbc:mysql://nowhere:9030', 'load-url' = 'nowhere:8030',
 'database-name' = 'd', 'table-name' = 't', 'username' = 'u', 'password' = 'geheim'{more});
INSERT INTO t SELECT * FROM s WHERE name <> 'x';
"""


def explain(tmp_path: Path, *arguments: str, more: str = "") -> str:
    script = tmp_path / "a.sql"
    script.write_text(SCRIPT.replace("{more}", more))
    result = CliRunner().invoke(command, [str(script), *arguments])
    assert result.exit_code == 0, result.output
    assert "geheim" not in result.output
    return result.output


def test_each_node_shows_the_changes_it_emits(tmp_path: Path) -> None:
    output = explain(tmp_path)
    assert "Calc(select=[id, name], where=[(name <> 'x')], changelogMode=[I,UB,UA,D])" in output
    assert "changelogMode=[NONE]" in output


def test_what_is_sent_where_is_data(tmp_path: Path) -> None:
    source, sink = json.loads(explain(tmp_path, "--json"))["jobs"][0]["ends"]
    assert (source["role"], source["connector"], source["facts"]["tables"]) == (
        "source",
        "mysql-cdc",
        "d.t",
    )
    assert sink["primary_key"] == ["id"]
    assert sink["facts"]["target"] == "d.t"
    assert sink["facts"]["transactions"].startswith("two-phase, exactly once")


def test_the_options_decide_what_is_said(tmp_path: Path) -> None:
    more = ", 'sink.semantic' = 'at-least-once', 'sink.version' = 'V1'"
    more += ", 'sink.properties.format' = 'json', 'sink.buffer-flush.interval-ms' = '2000'"
    facts = json.loads(explain(tmp_path, "--json", more=more))["jobs"][0]["ends"][1]["facts"]
    assert facts["transactions"].startswith("none: plain Stream Loads")
    assert facts["format"] == "json, set by the user"
    assert facts["commit interval"] == "2000 ms, set by the user"
