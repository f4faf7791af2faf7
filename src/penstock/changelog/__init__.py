"""Room `changelog`: the four stream elements every operator, source and sink speaks.

Owns row kinds, changelog modes, batches, watermarks, barriers and schema changes. May touch Arrow
and NumPy. Called by everything on the data path.
"""

from penstock.changelog.batch import ChangelogBatch
from penstock.changelog.elements import (
    MAX_WATERMARK,
    Barrier,
    LeastWatermark,
    SchemaChange,
    Watermark,
)
from penstock.changelog.mode import ChangelogMode
from penstock.changelog.row_kind import RowKind

__all__ = [
    "MAX_WATERMARK",
    "Barrier",
    "ChangelogBatch",
    "ChangelogMode",
    "LeastWatermark",
    "RowKind",
    "SchemaChange",
    "Watermark",
]
