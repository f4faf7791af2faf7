"""Rows written in the statement as relations: VALUES, and the one row of a missing FROM."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pyarrow as pa

from penstock.clock import session_zone
from penstock.errors import ValidationError
from penstock.expressions import EvalContext, Expr, evaluate
from penstock.functions.resolve import common_type, implicit_cast
from penstock.plan import SourceNode
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.physical.values import ValuesSource
from penstock.planner.relation import Relation
from penstock.types import INT, STRING, Column, DataType, Schema, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from penstock.clock import Clock
    from penstock.sql import tree as ast


@dataclass(frozen=True, slots=True)
class WrittenRows:
    """Constants of one plan.

    Args:
        new_id: Gives each of them its source id.
        settings: Session settings.
        clock: For the time they are evaluated at.
    """

    new_id: Callable[[str], str]
    settings: Mapping[str, str]
    clock: Clock

    def nothing(self) -> Relation:
        """One row for SELECT without FROM."""
        schema = Schema((Column("ZERO", INT.with_nullable(nullable=False)),))
        rows = pa.record_batch([pa.array([0], pa.int32())], schema=schema.arrow())
        return replace(self._source(schema, rows), columns=(ScopeColumn("", INT),))

    def values(self, node: ast.ValuesQuery, session: Scope) -> Relation:
        """The rows of VALUES.

        Raises:
            SqlError: They do not fit together.
        """
        bound = [[bind(item, session) for item in row.items] for row in node.rows]
        width = len(bound[0])
        for row, syntax in zip(bound, node.rows, strict=True):
            if len(row) != width:
                raise ValidationError(
                    "Values passed to VALUES operator must have compatible types",
                    syntax.span,
                    detail=f"The first row has {width} values, this one {len(row)}.",
                )
        types = [
            _known(common_type([row[i].type for row in bound], node.span)) for i in range(width)
        ]
        schema = Schema(tuple(Column(f"EXPR${i}", t) for i, t in enumerate(types)))
        return self._source(schema, self._rows(bound, schema))

    def _rows(self, bound: list[list[Expr]], schema: Schema) -> pa.RecordBatch:
        zone = session_zone(self.settings.get("table.local-time-zone", ""))
        context = EvalContext(zone, self.clock.now_ms())
        dummy = pa.record_batch({"zero": pa.array([0], pa.int32())})
        parts: list[list[object]] = [[] for _ in schema.columns]
        for row in bound:
            exprs = [implicit_cast(e, c.type) for e, c in zip(row, schema.columns, strict=True)]
            for part, array in zip(parts, evaluate(exprs, dummy, context), strict=True):
                part.append(array)
        arrays = [
            pa.concat_arrays([a.cast(c.type.arrow()) for a in part])  # type: ignore[attr-defined]
            for part, c in zip(parts, schema.columns, strict=True)
        ]
        fields = [pa.field(c.name, c.type.arrow()) for c in schema.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))

    def _source(self, columns: Schema, rows: pa.RecordBatch) -> Relation:
        source = ValuesSource(columns, rows)
        node = SourceNode(self.new_id("VALUES"), "VALUES", source, columns)
        return Relation.over(node, columns.names)


def _known(data_type: DataType) -> DataType:
    return STRING if data_type.root is TypeRoot.NULL else data_type
