"""Months added to and counted between days, over NumPy arrays.

Source: Calcite's DateTimeUtils.addMonths and subtractMonths, observed on Flink 2.2.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

DAY_US = 86_400_000_000


def add_months(days: Any, months: Any) -> Any:
    """Days since the epoch some months on, at most at the month's end.

    Examples:
        >>> days = np.array(["2020-01-31", "2020-02-29"], "M8[D]").astype(np.int64)
        >>> add_months(days, np.array([1, 12])).astype("M8[D]").astype(str).tolist()
        ['2020-02-29', '2021-02-28']
    """
    dates = days.astype("M8[D]")
    month = dates.astype("M8[M]")
    inside = (dates - month.astype("M8[D]")).astype(np.int64)
    target = month + np.asarray(months).astype("m8[M]")
    first = target.astype("M8[D]").astype(np.int64)
    last = (target + np.timedelta64(1, "M")).astype("M8[D]").astype(np.int64) - 1
    return np.minimum(first + inside, last)


def shift_micros(micros: Any, months: Any) -> Any:
    """Microseconds since the epoch some months on, the time of day kept."""
    days = np.floor_divide(micros, DAY_US)
    return add_months(days, months) * DAY_US + (micros - days * DAY_US)


def _forward(start: Any, end: Any) -> Any:
    """Whole months between days where start is not after end."""
    count = (end.astype("M8[D]").astype("M8[M]") - start.astype("M8[D]").astype("M8[M]")).astype(
        np.int64
    )
    return count - (add_months(start, count) > end)


def months_between(start: Any, end: Any) -> Any:
    """Whole months from one microsecond since the epoch to another.

    A month is whole when the day is reached that adding it gives: from 31 January to 29 February
    it is one.
    """
    start_day, end_day = np.floor_divide(start, DAY_US), np.floor_divide(end, DAY_US)
    later = end_day >= start_day
    low, high = np.where(later, start_day, end_day), np.where(later, end_day, start_day)
    count = np.where(later, 1, -1) * _forward(low, high)
    reached = add_months(start_day, count) == end_day
    short = (end - end_day * DAY_US) < (start - start_day * DAY_US)
    return count - (reached & short)
