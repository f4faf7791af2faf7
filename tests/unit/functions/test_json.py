from typing import Any

import pytest

from penstock.errors import DataError, UnsupportedFeatureError
from penstock.expressions import Expr, Literal, evaluate_constant
from penstock.functions import resolve_json
from penstock.types import ARRAY, DATE, INT, STRING, DataType

DOC = '{"a": {"b": [1, "x", null]}, "n": 7, "s": "t"}'


def text(value: str | None) -> Expr:
    return Literal(value, STRING)


def run(name: str, path: str, returning: DataType | None = None, **clauses: Any) -> Any:
    found = {key.replace("_", " "): value for key, value in clauses.items()}
    expr = resolve_json(name, [text(DOC), text(path)], found, returning)
    return evaluate_constant(expr)


def test_json_value_clauses() -> None:
    assert run("JSON_VALUE", "$.n", INT) == 7
    assert run("JSON_VALUE", "$.s", INT) is None
    assert run("JSON_VALUE", "$.zz", ON_EMPTY=("DEFAULT", text("d"))) == "d"
    assert run("JSON_VALUE", "$.a", ON_ERROR=("DEFAULT", text("e"))) == "e"
    with pytest.raises(DataError, match="no value at the path"):
        run("JSON_VALUE", "$.zz", ON_EMPTY=("ERROR", None))
    with pytest.raises(UnsupportedFeatureError, match="RETURNING DATE"):
        run("JSON_VALUE", "$.n", DATE)


def test_json_query_clauses() -> None:
    assert run("JSON_QUERY", "$.n", WRAPPER=("WITH CONDITIONAL ARRAY", None)) == "[7]"
    assert run("JSON_QUERY", "$.a.b", WRAPPER=("WITH CONDITIONAL ARRAY", None)) == '[1,"x",null]'
    assert run("JSON_QUERY", "$.zz", ON_EMPTY=("EMPTY OBJECT", None)) == "{}"
    assert run("JSON_QUERY", "$.a.b", ARRAY(STRING)) == ["1", "x", None]


def test_json_of_null_is_null() -> None:
    expr = resolve_json("JSON_VALUE", [text(None), text("$")], {"ON ERROR": ("ERROR", None)})
    assert evaluate_constant(expr) is None


def test_nulls_in_constructors() -> None:
    absent = {"ON NULL": ("ABSENT", None)}
    expr = resolve_json("JSON_OBJECT", [text("a"), text(None), text("b"), text("x")], absent)
    assert evaluate_constant(expr) == '{"b":"x"}'
    expr = resolve_json("JSON_ARRAY", [text(None), text("x")], {"ON NULL": ("NULL", None)})
    assert evaluate_constant(expr) == '[null,"x"]'
