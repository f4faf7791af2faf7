"""Room `operators`: one file per operator, its spec (plan form) and its operator (running form).

An operator touches batches, keyed state and timers through its context; it leaves alone threads,
sockets, the clock and other operators. Specs are built by the planner, run by the runtime.
"""

from penstock.operators.base import (
    Operator,
    OperatorContext,
    OperatorSpec,
    Output,
    PairOperator,
    PairSpec,
)

__all__ = ["Operator", "OperatorContext", "OperatorSpec", "Output", "PairOperator", "PairSpec"]
