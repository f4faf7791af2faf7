"""Aggregate functions: what they are called, what they take, which type they have.

How they run is the business of `operators.accumulators`; STDDEV and its kin are rewritten by the
planner into SUM and COUNT, as Flink does.
"""

from penstock.functions.aggregate.signatures import (
    AGGREGATES,
    AggregateFunction,
    aggregate_function,
)

__all__ = ["AGGREGATES", "AggregateFunction", "aggregate_function"]
