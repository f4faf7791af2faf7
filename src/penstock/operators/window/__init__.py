"""Windows over a time attribute: rows get their windows, groups are sent once theirs has passed."""

from penstock.operators.window.aggregate import WindowAggregateSpec
from penstock.operators.window.assign import Windows, WindowSpec

__all__ = ["WindowAggregateSpec", "WindowSpec", "Windows"]
