"""JSON functions with clauses: RETURNING, ON EMPTY, ON ERROR, ON NULL, WRAPPER.

The clauses become trailing literal arguments of operators of the same name, whose kernels are in
`scalar/json_clauses.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.errors import Span, ValidationError
from penstock.expressions import Call, Expr, Literal
from penstock.functions.resolve import resolve_cast, resolve_function, resolve_operator
from penstock.types import ARRAY, BOOLEAN, CHAR, STRING, DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RETURNED = {TypeRoot.VARCHAR, TypeRoot.BOOLEAN, TypeRoot.INT, TypeRoot.DOUBLE}


def _word(text: str) -> Literal:
    return Literal(text, CHAR(len(text)).with_nullable(nullable=False))


def resolve_json(
    name: str,
    args: Sequence[Expr],
    clauses: Mapping[str, tuple[str, Expr | None]],
    returning: DataType | None = None,
    span: Span | None = None,
) -> Expr:
    """The call of a JSON function with its clauses.

    Args:
        name: JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_OBJECT or JSON_ARRAY.
        args: Arguments in written order.
        clauses: By kind (`ON EMPTY`, `ON ERROR`, `ON NULL`, `WRAPPER`): the behavior (`NULL`,
            `ERROR`, `DEFAULT`, `EMPTY ARRAY`, `ABSENT`, `WITH CONDITIONAL ARRAY`), and for DEFAULT
            its expression.
        returning: The type after RETURNING.
        span: Where the call is written.

    Raises:
        ValidationError: The arguments do not fit, or RETURNING names a type Flink does not return.
    """
    name = name.upper()
    if name in {"JSON_OBJECT", "JSON_ARRAY"}:
        absent = "ABSENT" if name == "JSON_ARRAY" else "NULL"
        behavior = clauses.get("ON NULL", (absent, None))[0]
        if behavior == absent:
            return resolve_function(name, args, span)
        return resolve_operator(name, [_word(behavior), *args], span)
    wanted = returning or (BOOLEAN if name == "JSON_EXISTS" else STRING)
    allowed = wanted.root in _RETURNED or (
        name == "JSON_QUERY" and wanted.same_but_nullability(ARRAY(STRING))
    )
    if not allowed:
        raise ValidationError(
            f"Unsupported type '{wanted.sql()}' for RETURNING in {name}()", span, code="returning"
        )
    default = {"JSON_EXISTS": "FALSE"}.get(name, "NULL")
    full = list(args)
    for kind in ("ON EMPTY", "ON ERROR"):
        behavior, value = clauses.get(kind, (default, None))
        if wanted.root is TypeRoot.ARRAY and behavior == "EMPTY OBJECT":
            raise ValidationError(f"{behavior} {kind} does not go with {wanted.sql()}", span)
        value = value or Literal(None, wanted)
        full += [_word(behavior), resolve_cast(value, wanted, span=span)]
    wrapper = clauses.get("WRAPPER", ("WITHOUT", None))[0]
    found = resolve_operator(name, [*full, _word(wrapper)], span)
    assert isinstance(found, Call)
    return Call(found.function, found.args, wanted.with_nullable(nullable=True))
