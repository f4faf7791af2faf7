"""Regular joins: every row of both inputs is kept, changes of either are joined as they come."""

from penstock.operators.join.spec import JoinKind, JoinSpec

__all__ = ["JoinKind", "JoinSpec"]
