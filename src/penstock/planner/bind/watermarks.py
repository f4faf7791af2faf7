"""WATERMARK FOR of a table that is read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.config import parse_duration_ms
from penstock.errors import ValidationError
from penstock.operators.watermark import WatermarkSpec
from penstock.plan import TransformNode
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.relation import Relation, is_proctime, node_schema
from penstock.types import TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from penstock.catalog import CatalogTable

R = TypeRoot
_TIMES = {R.TIMESTAMP, R.TIMESTAMP_LTZ}
IDLE = "table.exec.source.idle-timeout"


def marked(relation: Relation, table: CatalogTable, settings: Mapping[str, str]) -> Relation:
    """The rows of a table with the watermarks it declares.

    Raises:
        SqlError: A watermark is declared wrongly.
    """
    found = relation
    for watermark in table.watermarks:
        if len(watermark.column) > 1:
            raise unsupported("watermark of a nested column", watermark)
        name = watermark.column[0]
        names = [column.name for column in relation.columns]
        if name not in names:
            raise ValidationError(
                f"The rowtime attribute field '{name}' is not defined in the table schema",
                watermark.span,
                code="unknown-column",
                detail=f"Available fields: {names}.",
            )
        column = names.index(name)
        kind = relation.columns[column].type
        if kind.root not in _TIMES or kind.precision > 3:
            raise ValidationError(
                "Invalid data type of time field for watermark definition. The field must be of"
                " type TIMESTAMP(p) or TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to"
                f" 3, but the time field type is {kind.sql()}",
                watermark.span,
            )
        expression = bind(watermark.expression, found.scope)
        if expression.type.root not in _TIMES:
            raise ValidationError(
                "Invalid data type of expression for watermark definition. The field must be of"
                " type TIMESTAMP(p) or TIMESTAMP_LTZ(p), the supported precision 'p' is from 0 to"
                f" 3, but the watermark expression type is {expression.type.sql()}",
                watermark.expression.span,
            )
        node = found.place()
        idle_ms = parse_duration_ms(settings.get(IDLE, "0"))
        spec = WatermarkSpec(node_schema(node), column, expression, idle_ms)
        placed = Relation.over(TransformNode(spec, node), names, found.row_keys)
        # The processing time stays what is read where it is used.
        pairs = zip(found.projections, placed.projections, strict=True)
        found = replace(placed, projections=tuple(a if is_proctime(a) else b for a, b in pairs))
    return found
