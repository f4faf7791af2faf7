"""INSERT and SELECT statements to physical plans."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from penstock.catalog import CatalogStore, CatalogTable, CatalogView, TablePath
from penstock.changelog import ChangelogMode, RowKind
from penstock.clock import Clock, SystemClock
from penstock.config import parse_duration_ms
from penstock.connectors.base import Sink, TableDescriptor
from penstock.errors import PenstockError, ValidationError, nearest
from penstock.expressions import Call, Expr, InputRef, Literal
from penstock.functions.resolve import implicit_cast, resolve_cast, resolve_function
from penstock.operators.not_null import NotNullSpec
from penstock.operators.upsert_materialize import UpsertMaterializeSpec
from penstock.plan import PhysicalPlan, SinkNode, TransformNode, node_changes
from penstock.planner.bind.expressions import bind, unsupported
from penstock.planner.bind.queries import QueryBinder
from penstock.planner.bind.ranking import check_bounded
from penstock.planner.bind.scope import Scope, ScopeColumn, refused_column
from penstock.planner.bind.tables import TTL, connector_of, hinted, option_notes, place_of
from penstock.planner.changelog import check_accepted, settled
from penstock.planner.relation import Relation
from penstock.planner.rules.look_up_less import look_up_less
from penstock.planner.rules.narrow_joins import narrow_joins
from penstock.planner.rules.read_less import read_less
from penstock.types import INT, STRING, TIMESTAMP, Column, Schema, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.plan.physical import PlanNode
    from penstock.sql import tree as ast
    from penstock.types import DataType

_TEXTS = {TypeRoot.CHAR, TypeRoot.VARCHAR}
_BINARIES = {TypeRoot.BINARY, TypeRoot.VARBINARY}


@dataclass(slots=True)
class Planner:
    """Plans statements against a catalog.

    Args:
        catalog: Tables and views.
        settings: Session settings in force.
        clock: For the time constants are evaluated at.
    """

    catalog: CatalogStore
    settings: Mapping[str, str]
    clock: Clock = field(default_factory=SystemClock)

    def query(self, query: ast.Query) -> Relation:
        """The relation of a query: its columns and types.

        Raises:
            SqlError, OptionError: The query is wrong or not supported.
        """
        return QueryBinder(self.catalog, self.settings, self.clock).query(query)

    def column_types(self, path: TablePath, table: CatalogTable) -> dict[str, DataType]:
        """The types of all columns of a table, computed ones from their expressions.

        Raises:
            SqlError: A computed column is wrong.
        """
        declared = [(c.name, c.type) for c in table.columns if c.type is not None]
        scope = Scope(tuple(ScopeColumn(name, kind, tuple(path)) for name, kind in declared))
        types = dict(declared)
        for column in table.columns:
            if column.expression is not None:
                types[column.name] = bind(column.expression, scope).type
        return types

    def inserts(self, statements: Sequence[ast.Insert]) -> PhysicalPlan:
        """One job of one or more INSERTs.

        Raises:
            SqlError, OptionError: A statement is wrong or not supported.
        """
        binder = QueryBinder(self.catalog, self.settings, self.clock)
        sinks: list[SinkNode] = []
        used: dict[str, int] = {}
        for statement in statements:
            node = self._insert(binder, statement)
            check_bounded(node.input)
            count = used[node.sink_id] = used.get(node.sink_id, 0) + 1
            if count > 1:
                sink_id = f"{node.sink_id}_{count - 1}"
                node = replace(node, sink_id=sink_id)
            sinks.append(node)
        return self._job(sinks, binder)

    def fill(self, statement: ast.Insert, path: TablePath, table: CatalogTable) -> PhysicalPlan:
        """The job that fills a table which may not be there yet, for CREATE TABLE AS.

        Args:
            statement: The INSERT it stands for.
            path: The table's.
            table: The table; a TIME for which it has a text becomes one, fraction and all.

        Raises:
            SqlError, OptionError: The query is wrong or not supported.
        """
        binder = QueryBinder(self.catalog, self.settings, self.clock)
        relation = binder.query(statement.query)
        exprs: list[Expr] = []
        for index, column in enumerate(relation.columns):
            ref = InputRef(index=index, name=column.name, type=column.type)
            target = table.column(statement.columns[index])
            as_text = target is not None and target.type is not None and target.type.root in _TEXTS
            exprs.append(_time_text(ref) if as_text and ref.type.root is TypeRoot.TIME else ref)
        relation = relation.project(exprs, [column.name for column in relation.columns])
        return self._job([self._write(binder, statement, path, table, relation)], binder)

    def _job(self, sinks: Sequence[SinkNode], binder: QueryBinder) -> PhysicalPlan:
        default = "insert-into_" + ",".join(sink.table for sink in sinks)
        return PhysicalPlan(
            self.settings.get("pipeline.name") or default,
            read_less(look_up_less(narrow_joins(sinks))),
            dict(self.settings),
            tuple(binder.notes),
        )

    def collect(
        self, query: ast.Query, sink: Sink | None, *, explained: bool = False
    ) -> PhysicalPlan:
        """A query whose rows go to a sink of the caller's.

        Args:
            query: The query.
            sink: Where its rows go.
            explained: Only to be printed: without -U where that can be, as Flink prints it.
        """
        binder = QueryBinder(self.catalog, self.settings, self.clock)
        relation = binder.query(query)
        node = settled(relation.place(), (False, True) if explained else (True,), query.span)
        check_bounded(node)
        schema = Schema(tuple(Column(c.name, c.type) for c in relation.columns))
        assert sink is not None
        root = SinkNode("collect", "collect", sink, schema, node)
        name = self.settings.get("pipeline.name") or "collect"
        roots = read_less(look_up_less(narrow_joins([root])))
        return PhysicalPlan(name, roots, dict(self.settings), tuple(binder.notes))

    def _insert(self, binder: QueryBinder, statement: ast.Insert) -> SinkNode:
        if statement.overwrite:
            raise unsupported("INSERT OVERWRITE", statement)
        path, entry = self.catalog.get(statement.table, statement.span)
        if isinstance(entry, CatalogView):
            raise ValidationError(f"cannot insert into view '{path}'", statement.span)
        return self._write(binder, statement, path, entry, binder.query(statement.query))

    def _write(
        self,
        binder: QueryBinder,
        statement: ast.Insert,
        path: TablePath,
        entry: CatalogTable,
        relation: Relation,
    ) -> SinkNode:
        options = hinted(entry.options, statement.hints, self.settings)
        connector = connector_of(path, entry, options, statement.span)
        if connector.sink is None:
            raise ValidationError(
                f"connector '{connector.name}' of table '{path}' can only be used as a source",
                statement.span,
                code="no-sink",
            )
        relation = self._targeted(relation, statement, path, entry)
        schema = entry.sink_schema()
        descriptor = TableDescriptor(
            str(path),
            schema,
            options,
            {c.name: c.metadata_key for c in entry.columns if c.written and c.metadata_key},
            dict(self.settings),
        )
        try:
            sink = connector.sink(descriptor)
        except PenstockError as error:
            error.at(place_of(entry, error))
            raise
        binder.notes += option_notes(path, connector, options)
        accepted = connector.sink_mode(descriptor), connector.sink_mode_hint
        node = self._sink_input(relation, schema, path, accepted, statement)
        return SinkNode(
            str(path), str(path), sink, schema, node, connector.name, entry.span, entry.design
        )

    def _targeted(
        self, relation: Relation, statement: ast.Insert, path: TablePath, table: CatalogTable
    ) -> Relation:
        """The query's columns in the sink's order, with its names and types."""
        schema = table.sink_schema()
        refs: list[Expr] = [
            InputRef(index=i, name=c.name, type=c.type) for i, c in enumerate(relation.columns)
        ]
        static = {
            name: bind(value, Scope()) for name, value in statement.partition if value is not None
        }
        for name, reason in () if statement.columns else table.refused():
            raise refused_column(name, reason, statement.span)
        targets = list(statement.columns) or [n for n in schema.names if n not in static]
        for name in (*targets, *static):
            if schema.index_of(name) is None:
                near = nearest(name, schema.names)
                raise ValidationError(
                    f"Unknown target column '{name}'",
                    statement.span,
                    code="unknown-column",
                    detail=f"Columns of '{path}' that can be written: {', '.join(schema.names)}.",
                    hint=f"Did you mean '{near}'?" if near else "",
                )
        if len(targets) != len(refs):
            raise self._mismatch("Different number of columns.", relation, schema, path, statement)
        given = dict(zip(targets, refs, strict=True)) | static
        exprs: list[Expr] = []
        for position, column in enumerate(schema.columns):
            found = given.get(column.name)
            if found is None:
                if not column.type.nullable:
                    raise ValidationError(
                        f"Column '{column.name}' has no default value and does not allow NULLs",
                        statement.span,
                        code="missing-column",
                    )
                found = Literal(value=None, type=column.type)
            exprs.append(self._fitted(found, column, position, (relation, schema, path, statement)))
        return relation.project(exprs, schema.names)

    def _fitted(
        self,
        expr: Expr,
        column: Column,
        position: int,
        context: tuple[Relation, Schema, TablePath, ast.Insert],
    ) -> Expr:
        """The expression as the column's type; lengths of texts stay as they are."""
        for family in (_TEXTS, _BINARIES):
            if expr.type.root in family and column.type.root in family:
                return expr
        try:
            return implicit_cast(expr, column.type, context[3].span)
        except ValidationError as error:
            cause = f"Incompatible types for sink column '{column.name}' at position {position}."
            raise self._mismatch(cause, *context) from error

    def _mismatch(
        self,
        cause: str,
        relation: Relation,
        schema: Schema,
        path: TablePath,
        statement: ast.Insert,
    ) -> ValidationError:
        query = ", ".join(f"{c.name}: {c.type.sql()}" for c in relation.columns)
        sink = ", ".join(f"{c.name}: {c.type.sql()}" for c in schema.columns)
        return ValidationError(
            f"Column types of query result and sink for '{path}' do not match.",
            statement.query.span,
            code="sink-types",
            detail=f"Cause: {cause}\n\nQuery schema: [{query}]\nSink schema:  [{sink}]",
            hint="CAST the columns that differ, or name the target columns."
            if "types" in cause
            else "Name the target columns: INSERT INTO t (a, b) SELECT ...",
        )

    def _sink_input(
        self,
        relation: Relation,
        schema: Schema,
        path: TablePath,
        accepts: tuple[ChangelogMode, str],
        statement: ast.Insert,
    ) -> PlanNode:
        accepted, hint = accepts
        key = frozenset(schema.names.index(name) for name in schema.primary_key)
        node = relation.place()
        check_accepted(node, accepted, f"Table sink '{path}'", statement.span, hint)
        wants = self._wants_before(relation, key, accepted)
        if self._materializes(relation, node, key):
            ttl_ms = parse_duration_ms(self.settings.get(TTL, "0"))
            node, wants = TransformNode(UpsertMaterializeSpec(schema, ttl_ms), node), (False,)
        node = settled(node, wants, statement.span)
        # A computed value may be NULL whatever its type says: a decimal that overflows.
        nullable = tuple(
            index
            for index, (expr, want) in enumerate(
                zip(relation.projections, schema.columns, strict=True)
            )
            if not want.type.nullable and (expr.type.nullable or isinstance(expr, Call))
        )
        if nullable:
            mode = self.settings.get("table.exec.sink.not-null-enforcer", "ERROR").upper()
            node = TransformNode(NotNullSpec(schema, nullable, str(path), mode == "DROP"), node)
        return node

    def _materializes(self, relation: Relation, node: PlanNode, key: frozenset[int]) -> bool:
        """Whether rows of several keys of the query may share a key of the sink.

        Source: Flink 2.2, `table.exec.sink.upsert-materialize`.
        """
        choice = self.settings.get("table.exec.sink.upsert-materialize", "AUTO").upper()
        if not key or choice == "NONE" or node_changes(node).is_insert_only:
            return bool(key) and choice == "FORCE"
        return choice == "FORCE" or not any(found <= key for found in relation.row_keys)

    def _wants_before(
        self, relation: Relation, key: frozenset[int], accepted: ChangelogMode
    ) -> tuple[bool, ...]:
        """Whether the sink is to get -U, the better way first.

        A sink that upserts does without where its key is a key of the changes; else it gets -U
        and applies them by its key.
        """
        if RowKind.UPDATE_BEFORE in accepted.kinds:
            return (True,)
        return (False, True) if key and key in relation.row_keys else (True,)


def _time_text(time: Expr) -> Expr:
    """A TIME with its fraction; a cast of Flink's would cut that off."""
    precision = time.type.precision
    if not precision:
        return resolve_cast(time, STRING)
    text = resolve_cast(resolve_cast(time, TIMESTAMP(precision)), STRING)
    after_date = Literal(value=len("1970-01-01 ") + 1, type=INT.with_nullable(nullable=False))
    return resolve_function("SUBSTRING", [text, after_date])
