from typing import Any

import pytest

from penstock.errors import DataError, ValidationError
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
    assert run("JSON_VALUE", "lax $.zz", ON_EMPTY=("DEFAULT", text("d"))) == "d"
    assert run("JSON_VALUE", "$.a", ON_ERROR=("DEFAULT", text("e"))) == "e"
    with pytest.raises(DataError, match="no value at the path"):
        run("JSON_VALUE", "$.zz", ON_ERROR=("ERROR", None))
    with pytest.raises(ValidationError, match="Unsupported type 'DATE' for RETURNING"):
        run("JSON_VALUE", "$.n", DATE)


def test_a_path_without_mode_is_strict() -> None:
    assert run("JSON_VALUE", "$.zz", ON_EMPTY=("DEFAULT", text("d"))) is None
    assert run("JSON_VALUE", "$.zz", ON_ERROR=("DEFAULT", text("d"))) == "d"


def test_returning_does_not_convert() -> None:
    with pytest.raises(DataError, match="no INT"):
        run("JSON_VALUE", "$.s", INT)


def test_json_query_clauses() -> None:
    assert run("JSON_QUERY", "$.n", WRAPPER=("WITH CONDITIONAL ARRAY", None)) == "[7]"
    assert run("JSON_QUERY", "$.a.b", WRAPPER=("WITH CONDITIONAL ARRAY", None)) == '[1,"x",null]'
    assert run("JSON_QUERY", "lax $.zz", ON_EMPTY=("EMPTY OBJECT", None)) == "{}"
    assert run("JSON_QUERY", "$.a.b", ARRAY(STRING)) == ["1", "x", None]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$.a.b[0]", "1"),
        ("$['a']['b'][-2]", "x"),
        ("a.b[1]", "x"),
        ("$.a.b[2]", None),
        ("$.a", None),
        ("$", None),
        ("", None),
        ("LAX  $.n", "7"),
    ],
)
def test_paths(path: str, expected: str | None) -> None:
    assert run("JSON_VALUE", path) == expected


def test_paths_that_give_lists() -> None:
    assert run("JSON_QUERY", "$.a.b[*]") == '[1,"x",null]'
    assert run("JSON_QUERY", "$.a.b[0:2]") == '[1,"x"]'
    assert run("JSON_QUERY", "$.a.b[0,2]") == "[1,null]"
    assert run("JSON_QUERY", "$..b") == '[[1,"x",null]]'
    with pytest.raises(DataError, match="filter in a JSON path is unsupported"):
        run("JSON_QUERY", "$.a[?(@.b > 1)]")


def test_json_of_null_is_null() -> None:
    expr = resolve_json("JSON_VALUE", [text(None), text("$")], {"ON ERROR": ("ERROR", None)})
    assert evaluate_constant(expr) is None


def test_nulls_in_constructors() -> None:
    absent = {"ON NULL": ("ABSENT", None)}
    expr = resolve_json("JSON_OBJECT", [text("a"), text(None), text("b"), text("x")], absent)
    assert evaluate_constant(expr) == '{"b":"x"}'
    expr = resolve_json("JSON_ARRAY", [text(None), text("x")], {"ON NULL": ("NULL", None)})
    assert evaluate_constant(expr) == '[null,"x"]'
