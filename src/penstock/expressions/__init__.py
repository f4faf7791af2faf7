"""Room `expressions`: typed expression tree and its vectorised evaluation.

Owns the nodes (`Literal`, `InputRef`, `Call`) and how they are evaluated over record batches. May
touch pyarrow. Called by functions, planner and operators.
"""

from penstock.expressions.evaluate import (
    EvalContext,
    Frame,
    broadcast,
    compile_expressions,
    evaluate,
    evaluate_constant,
    filter_mask,
    true_mask,
)
from penstock.expressions.tree import (
    Call,
    Expr,
    InputRef,
    Literal,
    ScalarFunction,
    Value,
    arrow_type,
)

__all__ = [
    "Call",
    "EvalContext",
    "Expr",
    "Frame",
    "InputRef",
    "Literal",
    "ScalarFunction",
    "Value",
    "arrow_type",
    "broadcast",
    "compile_expressions",
    "evaluate",
    "evaluate_constant",
    "filter_mask",
    "true_mask",
]
