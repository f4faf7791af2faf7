"""What aggregate functions keep per group, by the slots of a keyed table.

Called by operators that aggregate: `accumulator_for` makes the running form of a call. An
accumulator is fed rows without the NULLs its function skips.
"""

from penstock.operators.accumulators.base import Accumulator, AggregateCall, Rows
from penstock.operators.accumulators.choice import accumulator_for
from penstock.operators.accumulators.groups import GroupState

__all__ = ["Accumulator", "AggregateCall", "GroupState", "Rows", "accumulator_for"]
