"""The stream elements beside batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class Watermark:
    """No row with a smaller rowtime follows. Milliseconds since the epoch."""

    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class Barrier:
    """The end of an epoch: what came before belongs to it, what follows to the next."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """Rows of `table` had schema `before` until here and have `after` from here; ends an epoch."""

    table: str
    before: Schema
    after: Schema
