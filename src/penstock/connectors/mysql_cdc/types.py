"""Metadata columns of the source; values are cast as all MySQL values are."""

from __future__ import annotations

from penstock.connectors.base.mysql_values import Shown, to_declared
from penstock.types import STRING, TIMESTAMP_LTZ

__all__ = ["METADATA", "Shown", "to_declared"]

METADATA = {
    "table_name": STRING.with_nullable(nullable=False),
    "database_name": STRING.with_nullable(nullable=False),
    "op_ts": TIMESTAMP_LTZ(3).with_nullable(nullable=False),
    "row_kind": STRING.with_nullable(nullable=False),
}
