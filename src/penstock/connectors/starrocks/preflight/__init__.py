"""What `check` finds out about a StarRocks cluster and a target table; a file per subject."""

from penstock.connectors.starrocks.preflight.inspection import StarRocksInspection

__all__ = ["StarRocksInspection"]
