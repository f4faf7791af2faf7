"""Room `functions`: SQL functions, one file per function or tight family.

Owns names, signatures, result types and kernels. May touch pyarrow. Called by the planner, which
binds syntax trees to calls with `resolve_*`.
"""

from penstock.functions.json_call import resolve_json
from penstock.functions.registry import function_names
from penstock.functions.resolve import (
    common_type,
    implicit_cast,
    resolve_case,
    resolve_cast,
    resolve_field,
    resolve_function,
    resolve_operator,
)
from penstock.types.coercion import is_castable, is_implicitly_castable

__all__ = [
    "common_type",
    "function_names",
    "implicit_cast",
    "is_castable",
    "is_implicitly_castable",
    "resolve_case",
    "resolve_cast",
    "resolve_field",
    "resolve_function",
    "resolve_json",
    "resolve_operator",
]
