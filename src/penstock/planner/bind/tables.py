"""Tables of the catalog as relations: connector, hints, metadata and computed columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.catalog import CatalogTable, ColumnKind, TablePath
from penstock.changelog import ChangelogMode
from penstock.config import parse_duration_ms
from penstock.connectors.base import Connector, TableDescriptor, find_connector
from penstock.errors import OptionError, PenstockError, Span, ValidationError, nearest
from penstock.expressions import Expr, InputRef
from penstock.functions.resolve import resolve_cast
from penstock.operators.changelog_normalize import ChangelogNormalizeSpec
from penstock.plan import SourceNode, TransformNode
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.lookup_join import Dimension
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.bind.watermarks import marked
from penstock.planner.relation import Relation, substitute
from penstock.sql import tree as ast
from penstock.types import Column, Schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.plan.physical import PlanNode


TTL = "table.exec.state.ttl"


def connector_of(
    path: TablePath, table: CatalogTable, options: Mapping[str, str], span: Span
) -> Connector:
    """The connector a table names.

    Raises:
        ValidationError: It names none.
        OptionError: There is none of that name.
    """
    name = options.get("connector")
    if name is None:
        raise ValidationError(
            f"table '{path}' has no option 'connector'",
            span,
            code="missing-connector",
            hint="Add WITH ('connector' = '...').",
        )
    try:
        return find_connector(name)
    except OptionError as error:
        error.at(table.option_span("connector") or span)
        raise


def place_of(table: CatalogTable, error: PenstockError) -> Span | None:
    """Where a declaration is wrong: at the option, where the error names one."""
    return table.option_span(error.key) if isinstance(error, OptionError) else table.span


def hinted(
    options: Mapping[str, str], hints: Sequence[ast.Hint], settings: Mapping[str, str]
) -> dict[str, str]:
    """The options of a table after its OPTIONS hints; other hints are refused."""
    merged = dict(options)
    for hint in hints:
        if hint.name.upper() != "OPTIONS":
            raise unsupported(f"hint {hint.name}", hint)
        if settings.get("table.dynamic-table-options.enabled", "true").lower() == "false":
            raise ValidationError(
                "The 'OPTIONS' hint is allowed only when the config option"
                " 'table.dynamic-table-options.enabled' is set to true.",
                hint.span,
            )
        merged.update(hint.options)
    return merged


def option_notes(
    path: TablePath, connector: Connector, options: Mapping[str, str], *, read: bool = False
) -> list[str]:
    """What the user must know about options of a table that are not simply honoured."""
    declared = connector.read_options if read and connector.read_options else connector.options
    return [f"table '{path}': {note}" for note in declared(options).notes]


@dataclass(slots=True)
class Scans:
    """The sources of one plan; those that occur twice are read once.

    Args:
        settings: Session settings.
        notes: What the user must know about options of the tables read.
    """

    settings: Mapping[str, str]
    notes: list[str]
    _scans: dict[tuple[str, tuple[tuple[str, str], ...]], SourceNode] = field(default_factory=dict)
    _ids: dict[str, int] = field(default_factory=dict)

    def new_id(self, name: str) -> str:
        """An id for a source, stable over plans of the same statements."""
        count = self._ids[name] = self._ids.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

    def table(self, path: TablePath, table: CatalogTable, node: ast.TableRef) -> Relation:
        """The declared columns of a table.

        Raises:
            ValidationError, OptionError: It cannot be read, or is declared wrongly.
        """
        options = hinted(table.options, node.hints, self.settings)
        connector = connector_of(path, table, options, node.span)
        if connector.source is None:
            raise ValidationError(
                f"connector '{connector.name}' of table '{path}' can only be used as a sink",
                node.span,
                code="no-source",
            )
        descriptor = self._descriptor(path, table, options, connector, node.span)
        key = (str(path), tuple(sorted(options.items())))
        scan = self._scans.get(key)
        if scan is None:
            try:
                source = connector.source(descriptor)
            except PenstockError as error:
                error.at(place_of(table, error))
                raise
            if self.settings.get("execution.runtime-mode", "").upper() == "BATCH":
                _check_bounded(path, source.bounded, node.span)
            self.notes += option_notes(path, connector, options, read=True)
            scan = SourceNode(
                self.new_id(str(path)),
                str(path),
                source,
                descriptor.schema,
                connector.source_mode(descriptor),
                connector.name,
                table.span,
            )
            self._scans[key] = scan
        found = _table_relation(table, scan, parse_duration_ms(self.settings.get(TTL, "0")))
        return marked(found, table, self.settings)

    def dimension(self, path: TablePath, table: CatalogTable, node: ast.TableRef) -> Dimension:
        """A table as a look-up join asks it.

        Raises:
            ValidationError, OptionError: It cannot be looked up, or is declared wrongly.
        """
        options = hinted(table.options, node.hints, self.settings)
        connector = connector_of(path, table, options, node.span)
        if connector.lookup is None:
            raise ValidationError(
                "Processing-time temporal join is not supported yet.",
                node.span,
                code="no-lookup",
                detail=f"Connector '{connector.name}' of table '{path}' cannot be looked up.",
                hint="Look up tables of the connectors 'starrocks' and 'jdbc'.",
            )
        descriptor = self._descriptor(path, table, options, connector, node.span)
        try:
            looked_up = connector.lookup(descriptor)
        except PenstockError as error:
            error.at(place_of(table, error))
            raise
        self.notes += option_notes(path, connector, options, read=True)
        names, exprs = declared_columns(table, descriptor.schema)
        qualifier = (node.alias,) if node.alias else tuple(path)
        given = node.columns or names
        if len(given) != len(names):
            raise ValidationError(
                f"List of column aliases must have same degree as table; table has {len(names)}"
                f" columns, whereas alias list has {len(given)}",
                node.span,
            )
        columns = tuple(
            ScopeColumn(name, expr.type, qualifier) for name, expr in zip(given, exprs, strict=True)
        )
        return Dimension(str(path), looked_up, descriptor.schema, columns, tuple(exprs))

    def _descriptor(
        self,
        path: TablePath,
        table: CatalogTable,
        options: Mapping[str, str],
        connector: Connector,
        span: Span,
    ) -> TableDescriptor:
        physical = table.physical_schema()
        columns = list(physical.columns)
        metadata: dict[str, str] = {}
        for column in table.columns:
            if column.kind is not ColumnKind.METADATA:
                continue
            kind = connector.metadata.get(column.metadata_key)
            if kind is None:
                near = nearest(column.metadata_key, connector.metadata)
                known = ", ".join(connector.metadata) or "none"
                raise ValidationError(
                    f"Invalid metadata key '{column.metadata_key}' in column '{column.name}'"
                    f" of table '{path}'",
                    span,
                    code="unknown-metadata",
                    detail=f"Metadata of connector '{connector.name}': {known}.",
                    hint=f"Did you mean '{near}'?" if near else "",
                )
            columns.append(Column(column.name, kind))
            metadata[column.name] = column.metadata_key
        schema = Schema(tuple(columns), physical.primary_key)
        return TableDescriptor(str(path), schema, options, metadata, dict(self.settings))


def _check_bounded(path: TablePath, bounded: bool, span: Span) -> None:  # noqa: FBT001
    if not bounded:
        raise ValidationError(
            f"Querying an unbounded table '{path}' in batch mode is not allowed."
            " The table source is unbounded.",
            span,
            code="unbounded",
            hint="SET 'execution.runtime-mode' = 'streaming', or bound the source.",
        )


def declared_columns(table: CatalogTable, schema: Schema) -> tuple[list[str], list[Expr]]:
    """The declared columns a query can read: names, and expressions over delivered columns."""
    refs: dict[str, Expr] = {}
    for index, delivered in enumerate(schema.columns):
        ref = InputRef(index=index, name=delivered.name, type=delivered.type)
        declared = table.column(delivered.name)
        assert declared is not None
        refs[delivered.name] = ref
        if declared.kind is ColumnKind.METADATA and declared.type is not None:
            refs[delivered.name] = resolve_cast(ref, declared.type)
    inner = Scope(tuple(ScopeColumn(name, ref.type) for name, ref in refs.items()))
    exprs: list[Expr] = []
    readable = [column for column in table.columns if not column.refusal]
    for column in readable:
        if column.kind is ColumnKind.COMPUTED:
            assert column.expression is not None
            exprs.append(bind(column.expression, inner))
        else:
            exprs.append(inner.resolve((column.name,), ast.NO_SPAN))
    names = [column.name for column in readable]
    return names, [substitute(expr, list(refs.values())) for expr in exprs]


def _table_relation(table: CatalogTable, scan: SourceNode, ttl_ms: int) -> Relation:
    """The declared columns over what the source delivers."""
    schema = scan.schema
    columns = tuple(ScopeColumn(column.name, column.type) for column in schema.columns)
    refs = tuple(InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(schema.columns))
    node: PlanNode = scan
    if schema.primary_key and scan.mode == ChangelogMode.upsert():
        node = TransformNode(ChangelogNormalizeSpec(schema, ttl_ms=ttl_ms), scan)
    base = Relation(node, columns, refs)
    if schema.primary_key:
        key = frozenset(schema.names.index(name) for name in schema.primary_key)
        base = replace(base, keys=(key,))
    names, exprs = declared_columns(table, schema)
    return replace(base.project(exprs, names), refused=table.refused())
