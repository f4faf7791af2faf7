"""CAST and TRY_CAST between all types, with Flink's wrapping, rounding, trimming and failures.

One file per subject: `parse` (texts to values), `render` (values to texts), `number`, `temporal`,
`nested`. Source: spec "Cast rules", observed on Flink 2.2.1.
"""

from penstock.functions.cast.casts import CAST, TRY_CAST, cast_array
from penstock.functions.cast.number import fit_decimal, round_decimal, scaled_half_up, wrap
from penstock.functions.cast.parse import parse_date, parse_time, parse_timestamp
from penstock.functions.cast.render import fit_string
from penstock.functions.cast.temporal import (
    instant_to_local,
    local_to_instant,
    truncate_timestamp,
)

__all__ = [
    "CAST",
    "TRY_CAST",
    "cast_array",
    "fit_decimal",
    "fit_string",
    "instant_to_local",
    "local_to_instant",
    "parse_date",
    "parse_time",
    "parse_timestamp",
    "round_decimal",
    "scaled_half_up",
    "truncate_timestamp",
    "wrap",
]
