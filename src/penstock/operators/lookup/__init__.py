"""Look-up join: rows joined with what a table outside holds for their keys when they pass.

Owns the operator, and the matching of rows with them. What it asks is
a `KeyedTable` of a connector, through the calls of its context. Called by the planner.
"""

from penstock.operators.lookup.join import LookupJoinSpec, LookupRetry
from penstock.operators.lookup.keyed import KeyedRows, KeyedTable

__all__ = ["KeyedRows", "KeyedTable", "LookupJoinSpec", "LookupRetry"]
