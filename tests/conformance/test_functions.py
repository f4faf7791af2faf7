"""Flink's own scalar expression tests, as data, against the binder and the kernels."""

import json
from pathlib import Path
from typing import Any

import pytest

from penstock.errors import PenstockError
from penstock.expressions import EvalContext, evaluate_constant
from penstock.functions import resolve_cast
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope
from penstock.sql import parse_expression
from penstock.types import STRING

CASES = Path(__file__).parents[2] / "../shared/conformance/flink-tests/scalar_cases.jsonl"
SHARE = 0.95  # of Flink's cases agree today; raise it with the surface


def rows() -> list[dict[str, Any]]:
    if not CASES.exists():
        return []
    found = [json.loads(line) for line in CASES.read_text().splitlines()]
    return [row for row in found if row["verified_2_2_1"] and "error" not in row]


def actual(row: dict[str, Any]) -> str:
    text = row["sql"]
    for name, value in sorted((row["fields"] or {}).items(), key=lambda kv: -len(kv[0])):
        text = substitute(text, name, value)
    expr = resolve_cast(bind(parse_expression(text), Scope()), STRING)
    zone = row["timezone"] or "UTC"
    found = evaluate_constant(expr, EvalContext(zone, 1_700_000_000_000))
    return "NULL" if found is None else found


def substitute(text: str, name: str, value: str | None) -> str:
    import re

    return re.sub(rf"\b{name}\b", lambda _: f"({value or 'NULL'})", text)


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_scalar_cases_of_flink() -> None:
    cases = rows()
    wrong = []
    for row in cases:
        try:
            found = actual(row)
        except PenstockError as error:
            found = f"{type(error).__name__}: {error}"
        if found != row["expected"]:
            wrong.append((row["id"], row["sql"], row["expected"], found))
    share = 1 - len(wrong) / len(cases)
    assert share >= SHARE, f"{share:.3f} {wrong[:20]}"
