"""Windows over a time attribute: rows get their windows, groups are sent once theirs has passed."""

from penstock.operators.window.aggregate import WindowAggregateSpec
from penstock.operators.window.assign import Windows, WindowSpec
from penstock.operators.window.join import WindowJoinSpec

__all__ = ["WindowAggregateSpec", "WindowJoinSpec", "WindowSpec", "Windows"]
