"""Scripts and statements: splitting, spans, messages, forms of other systems."""

from __future__ import annotations

import pytest

from penstock import types
from penstock.errors import ParseError
from penstock.sql import parse_expression, parse_script, parse_statement, split_script, tree
from penstock.sql.reserved import RESERVED


def test_script_keeps_text_and_place_of_every_statement() -> None:
    text = "-- first;\nSET 'a' = 'x;y';\n\n  SELECT 1 /* ; */ AS b;SELECT 2"
    script = parse_script(text)
    assert [s.text for s in script.statements] == [
        "SET 'a' = 'x;y'",
        "SELECT 1 /* ; */ AS b",
        "SELECT 2",
    ]
    assert [(s.span.line, s.span.column) for s in script.statements] == [(2, 1), (4, 3), (4, 25)]
    assert [text[s.start : s.end] for s in split_script(text)] == [
        s.text for s in script.statements
    ]


def test_statement_set_is_one_statement() -> None:
    text = (
        "EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; INSERT INTO b SELECT 2; END; SELECT 3;"
    )
    first, second = parse_script(text).statements
    assert isinstance(first, tree.StatementSet)
    assert [i.table for i in first.inserts] == [("a",), ("b",)]
    assert isinstance(second, tree.QueryStatement)
    assert len(split_script(text)) == 2


def test_begin_and_end_fold_into_a_set() -> None:
    script = parse_script("BEGIN STATEMENT SET; INSERT INTO a SELECT 1; END; SELECT 2")
    assert len(script.statements) == 4
    folded = script.with_sets_folded()
    assert [type(s) for s in folded] == [tree.StatementSet, tree.QueryStatement]
    with pytest.raises(ParseError, match="not closed"):
        parse_script("BEGIN STATEMENT SET; INSERT INTO a SELECT 1").with_sets_folded()
    with pytest.raises(ParseError, match="empty"):
        parse_script("BEGIN STATEMENT SET; END").with_sets_folded()


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("SET execution.checkpointing.interval = 3s", "execution.checkpointing.interval", "3s"),
        ("SET 'a.b' = 'c''d'", "a.b", "c'd"),
        ("SET a.b = 'c';", "a.b", "c"),
        ("set state.dir = file:///tmp/x;", "state.dir", "file:///tmp/x"),
        ("SET a-b = 10 min -- note", "a-b", "10 min"),
        ("SET", None, None),
    ],
)
def test_set_with_and_without_quotes(text: str, key: str | None, value: str | None) -> None:
    assert parse_statement(text) == tree.Set(key, value)


def test_create_table_in_full() -> None:
    table = parse_statement(
        """CREATE TABLE c.d.t (
          id BIGINT PRIMARY KEY NOT ENFORCED COMMENT 'k',
          ts TIMESTAMP, `from` STRING NOT NULL,
          m STRING METADATA FROM 'op_ts' VIRTUAL,
          x AS id + 1,
          WATERMARK FOR ts AS ts - INTERVAL '5' SECOND
        ) COMMENT 'all' PARTITIONED BY (id) WITH ('connector' = 'mysql-cdc')"""
    )
    assert isinstance(table, tree.CreateTable)
    assert table.name == ("c", "d", "t")
    assert table.primary_key == tree.KeyConstraint(("id",), enforced=False)
    assert table.options == (("connector", "mysql-cdc"),)
    _, ts, name, metadata, computed = table.columns
    assert isinstance(ts, tree.PhysicalColumn)
    assert ts.type.type == types.TIMESTAMP(6)
    assert isinstance(name, tree.PhysicalColumn)
    assert name.type.type == types.STRING.with_nullable(nullable=False)
    assert isinstance(metadata, tree.MetadataColumn)
    assert (metadata.key, metadata.virtual) == ("op_ts", True)
    assert isinstance(computed, tree.ComputedColumn)
    assert computed.text == "id + 1"
    assert table.watermarks[0].column == ("ts",)


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("SELECT a\nFROM", 2, 5, 'encountered "<EOF>"'),
        ("SELECT a FROM b c d", 1, 19, 'encountered "d"'),
        ("SELECT select FROM t", 1, 8, 'encountered "select"'),
        ("SELECT 'a", 1, 8, "encountered <EOF> inside a string"),
        ("SELECT /* a", 1, 8, "encountered <EOF> inside a comment"),
        ("SHOW TABLES NOT LIKES", 1, 17, 'encountered "LIKES"'),
        ("SELECT 99999999999999999999", 1, 8, "out of range"),
    ],
)
def test_errors_point_at_the_place(text: str, line: int, column: int, message: str) -> None:
    with pytest.raises(ParseError, match=message) as caught:
        parse_statement(text)
    span = caught.value.span
    assert span is not None
    assert (span.line, span.column) == (line, column)
    assert caught.value.at_end == ("<EOF>" in message)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("EXECUTE CDCSOURCE demo WITH ('a' = 'b')", "mysql-cdc"),
        ("CREATE DATABASE d AS DATABASE mysql.d INCLUDING ALL TABLES", "INSERT INTO"),
        ("CREATE TABLE t AS TABLE m.d.t /*+ OPTIONS('server-id'='1') */", "INSERT INTO"),
        ("BEGIN;", "STATEMENT SET"),
        ('SELECT "a" FROM t', "back-ticks"),
        ("CREATE TABLE t (a DATETIME)", "TIMESTAMP"),
        ("CREATE TABLE t (a INT UNSIGNED)", "BIGINT"),
        ("CREATE TABLE t (a INT AUTO_INCREMENT)", "AUTO_INCREMENT"),
        ("CREATE TABLE t (a INT) ENGINE = InnoDB", "WITH"),
        ("REPLACE INTO t VALUES (1)", "PRIMARY KEY"),
        ("INSERT INTO t VALUES (1) ON DUPLICATE KEY UPDATE a = 1", "PRIMARY KEY"),
        ("DELIMITER //", "semicolon"),
        ("SELECT user_id AS value FROM t", "reserved"),
    ],
)
def test_forms_of_other_systems_get_a_hint(text: str, hint: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_statement(text)
    assert hint in caught.value.hint


def test_reserved_words_need_quotes() -> None:
    assert len(RESERVED) == 430
    parse_statement("SELECT `value`, `user`.`date` FROM `order`")
    with pytest.raises(ParseError) as caught:
        parse_statement("CREATE TABLE t (value INT)")
    assert "`value`" in caught.value.hint


def test_precedence() -> None:
    def column(name: str) -> tree.Identifier:
        return tree.Identifier((name,))

    a, b, c = column("a"), column("b"), column("c")
    binary = tree.Binary
    assert parse_expression("a + b * c") == binary("+", a, binary("*", b, c))
    assert parse_expression("a - b - c") == binary("-", binary("-", a, b), c)
    assert parse_expression("NOT a = b AND c") == binary(
        "AND", tree.Unary("NOT", binary("=", a, b)), c
    )
    assert parse_expression("a BETWEEN b AND c OR a") == binary("OR", tree.Between(a, b, c), a)
    assert parse_expression("a != b") == binary("<>", a, b)


def test_special_syntax_becomes_arguments() -> None:
    found = parse_expression("COUNT(DISTINCT a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d)")
    assert isinstance(found, tree.FunctionCall)
    assert found.distinct
    assert found.filter == tree.Identifier(("b",))
    assert found.over is not None
    assert found.over.partition_by == (tree.Identifier(("c",)),)
    assert parse_expression("SUBSTRING(a FROM 2 FOR 3)") == parse_expression("SUBSTRING(a, 2, 3)")
    assert parse_expression("TRIM(a)") == parse_expression("TRIM(BOTH ' ' FROM a)")


def test_unknown_type_keeps_its_text() -> None:
    found = parse_expression("CAST(a AS my.type)")
    assert isinstance(found, tree.Cast)
    assert found.type == tree.TypeSpec("my.type", None)


def test_deep_nesting_is_an_error_of_the_script() -> None:
    with pytest.raises(ParseError, match="nested too deeply"):
        parse_expression("(" * 5000 + "1" + ")" * 5000)


def test_names_may_begin_with_a_dollar() -> None:
    assert parse_expression("$a.b") == tree.Identifier(("$a", "b"))
