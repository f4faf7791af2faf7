"""The parser against statements real Flink 2.2.1 accepted or refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.conformance.cases import SHARED as CASES

from penstock.errors import ParseError
from penstock.sql import parse_expression, parse_script, tree
from penstock.sql.unparse import unparse

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="no conformance cases here")


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text().splitlines()]


def _error(sql: str) -> str | None:
    try:
        parse_script(sql)
    except ParseError as error:
        return f"{error.message} at {error.span}"
    return None


def test_representative_statements_are_accepted() -> None:
    rows = _rows("statements.jsonl")
    refused = {row["sql"]: error for row in rows if (error := _error(row["sql"]))}
    print(f"{len(rows) - len(refused)} of {len(rows)} statements accepted")  # noqa: T201
    assert not refused


def test_cases_of_the_parser_tests_agree() -> None:
    rows = [row for row in _rows("flink-tests/parser_cases.jsonl") if row["verified_2_2_1"]]
    wrong = {
        row["id"]: row["sql"]
        for row in rows
        if (_error(row["sql"]) is None) != (row["expect"] == "ok")
    }
    print(f"{len(rows) - len(wrong)} of {len(rows)} parser cases agree")  # noqa: T201
    assert not wrong


def test_scalar_expressions_survive_unparse() -> None:
    rows = _rows("flink-tests/scalar_cases.jsonl")
    parsed = changed = 0
    for row in rows:
        try:
            expression = parse_expression(row["sql"])
        except ParseError:
            continue
        parsed += 1
        changed += parse_expression(unparse(expression)) != expression
    print(f"{parsed} of {len(rows)} expressions parsed, {changed} changed")  # noqa: T201
    assert changed == 0


def test_queries_survive_unparse() -> None:
    rows = _rows("statements.jsonl")
    rows += [row for row in _rows("flink-tests/parser_cases.jsonl") if row["expect"] == "ok"]
    seen = 0
    for row in rows:
        if _error(row["sql"]) is not None:
            continue
        for statement in parse_script(row["sql"]).statements:
            if isinstance(statement, tree.QueryStatement | tree.Insert | tree.CreateView):
                seen += 1
                again = parse_script(unparse(statement.query)).statements[0]
                assert isinstance(again, tree.QueryStatement)
                assert again.query == statement.query, row["sql"]
    print(f"{seen} queries survive")  # noqa: T201
    assert seen > 50
