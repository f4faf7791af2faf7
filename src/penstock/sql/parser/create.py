"""CREATE statements and the definitions inside them."""

from __future__ import annotations

from penstock.errors import ParseError
from penstock.sql import tree
from penstock.sql.lexer import Token
from penstock.sql.parser.queries import QueryParser

TableElement = tree.ColumnDefinition | tree.Watermark | tree.KeyConstraint
_LIKE_FEATURES = (
    "ALL", "CONSTRAINTS", "DISTRIBUTION", "GENERATED", "METADATA", "OPTIONS", "PARTITIONS",
    "WATERMARKS",
)  # fmt: skip
_VENDOR_HINT = (
    "Create one table per source table WITH ('connector' = ..) and one per target, then write "
    "INSERT INTO target SELECT .. FROM source; several in one EXECUTE STATEMENT SET."
)


class CreateParser(QueryParser):
    """Parses CREATE."""

    def create(self, start: Token) -> tree.Statement:
        """What follows CREATE."""
        or_replace = False
        if self.accept("OR"):
            if self.need_one_of("REPLACE", "ALTER") == "REPLACE":
                or_replace = True
            elif not self.at("MATERIALIZED"):
                self.fail("MATERIALIZED TABLE")
        return self.create_object(start, or_replace=or_replace)

    def create_object(self, start: Token, *, or_replace: bool) -> tree.Statement:
        """What follows CREATE [OR REPLACE]."""
        temporary = self.accept("TEMPORARY")
        system = temporary and self.accept("SYSTEM")
        if system and not self.at("FUNCTION"):
            self.fail("FUNCTION")
        if self.accept("TABLE"):
            return self._create_table(start, or_replace=or_replace, temporary=temporary)
        if not temporary and not or_replace and self.accept("MATERIALIZED", "TABLE"):
            return self._create_materialized(start)
        if self.accept("VIEW"):
            return self._create_view(start, temporary=temporary)
        if self.accept("FUNCTION"):
            return self._create_function(start, temporary=temporary, system=system)
        if self.accept("MODEL"):
            return self._create_model(start)
        if temporary:
            self.fail("TABLE", "VIEW", "FUNCTION")
        if self.accept("CATALOG"):
            exists = self.if_not_exists()
            name = self.name()
            comment = self.comment()
            options = self.with_options()
            return tree.CreateCatalog(name, options, comment, exists, span=self.span_from(start))
        if self.accept("DATABASE"):
            return self._create_database(start)
        return self.fail(
            "TABLE", "VIEW", "CATALOG", "DATABASE", "FUNCTION", hint=self._create_hint()
        )

    def _create_hint(self) -> str:
        return {
            "EXTERNAL": "Write CREATE TABLE .. WITH ('connector' = ..).",
            "SCHEMA": "Write CREATE DATABASE.",
            "ROUTINE": "Write CREATE TABLE .. WITH ('connector' = ..) and INSERT INTO ..",
            "PIPE": "Write CREATE TABLE .. WITH ('connector' = ..) and INSERT INTO ..",
            "SOURCE": "Write CREATE TABLE .. WITH ('connector' = ..).",
            "SINK": "Write CREATE TABLE .. WITH ('connector' = ..) and INSERT INTO ..",
            "MATERIALIZED": "Write INSERT INTO .. SELECT ..; its results are kept up to date.",
            "INDEX": "Indexes belong to the database behind a table, create them there.",
        }.get(self.current.upper, "")

    def _create_database(self, start: Token) -> tree.Statement:
        exists = self.if_not_exists()
        name = self.path()
        comment = self.comment()
        options = self.with_options()
        if self.at("AS", "DATABASE"):
            self.fail(hint=_VENDOR_HINT)
        return tree.CreateDatabase(name, options, comment, exists, span=self.span_from(start))

    def _create_view(self, start: Token, *, temporary: bool) -> tree.Statement:
        exists = self.if_not_exists()
        name = self.path()
        columns = self.in_parentheses(self._view_column) if self.at("(") else ()
        comment = self.comment()
        self.need("AS")
        first = self.current
        query = self.query()
        text = self.text_from(first)
        return tree.CreateView(
            name, query, text, columns, comment, temporary, exists, span=self.span_from(start)
        )

    def _view_column(self) -> tuple[str, str | None]:
        return self.name(), self.comment()

    def _create_function(self, start: Token, *, temporary: bool, system: bool) -> tree.Statement:
        exists = self.if_not_exists()
        name = self.path()
        self.need("AS")
        class_name = self.string()
        language = None
        if self.accept("LANGUAGE"):
            language = self.need_one_of("JAVA", "SCALA", "PYTHON", "SQL")
        resources = self.list_of(self._resource) if self.accept("USING") else ()
        options = self.with_options()
        return tree.CreateFunction(
            name,
            class_name,
            language,
            resources,
            options,
            temporary,
            system,
            exists,
            span=self.span_from(start),
        )

    def _resource(self) -> str:
        self.need_one_of("JAR", "ARTIFACT")
        return self.string()

    def _create_model(self, start: Token) -> tree.Statement:
        self.if_not_exists()
        self.path()
        for word in ("INPUT", "OUTPUT"):
            if self.accept(word):
                self.in_parentheses(self.table_element)
        self.comment()
        self.with_options()
        if self.accept("AS"):
            self.query()
        return tree.UnsupportedStatement("CREATE MODEL", span=self.span_from(start))

    def _create_materialized(self, start: Token) -> tree.Statement:
        self.if_not_exists()
        self.path()
        if self.at("("):
            self.in_parentheses(self.table_element)
        self.comment()
        self._distribution_clause()
        if self.accept("PARTITIONED", "BY"):
            self.in_parentheses(self.name)
        self.with_options()
        if self.accept("FRESHNESS"):
            self.need("=")
            self.interval()
        if self.accept("REFRESH_MODE"):
            self.need("=")
            self.need_one_of("FULL", "CONTINUOUS")
        self.need("AS")
        self.query()
        return tree.UnsupportedStatement("CREATE MATERIALIZED TABLE", span=self.span_from(start))

    def _create_table(self, start: Token, *, or_replace: bool, temporary: bool) -> tree.Statement:
        exists = self.if_not_exists()
        name = self.path()
        elements = self.in_parentheses(self.table_element, empty=True) if self.at("(") else ()
        self._refuse_foreign_clause()
        comment = self.comment()
        distribution = self._distribution_clause()
        partitioned: tuple[str, ...] = ()
        if self.accept("PARTITIONED", "BY"):
            partitioned = self.in_parentheses(self.name)
        options = self.with_options()
        like, query = None, None
        if self.at("LIKE"):
            like = self._like()
        elif self.accept("AS"):
            query = self._table_query()
        elif or_replace:
            self.fail("AS")
        self._refuse_foreign_clause()
        keys = [item for item in elements if isinstance(item, tree.KeyConstraint)]
        columns = tuple(item for item in elements if isinstance(item, tree.ColumnDefinition))
        keys += _column_keys(columns)
        primary = [key for key in keys if not key.unique]
        if query is None:
            _refuse_bare_names(columns)
        refuse_second_watermark(elements)
        return tree.CreateTable(
            name,
            columns,
            primary[0] if primary else None,
            tuple(key for key in keys if key.unique),
            tuple(item for item in elements if isinstance(item, tree.Watermark)),
            comment,
            distribution,
            partitioned,
            options,
            like,
            query,
            temporary,
            exists,
            or_replace,
            tuple(primary[1:]),
            span=self.span_from(start),
        )

    def _refuse_foreign_clause(self) -> None:
        hint = {
            "ENGINE": "Engine, charset and properties belong to the target database; "
            "here a table is described by WITH ('connector' = ..).",
            "DUPLICATE": "Write PRIMARY KEY (..) NOT ENFORCED inside the parentheses.",
            "STORED": "Write WITH ('connector' = 'filesystem', 'format' = ..).",
            "ROW": "Write WITH ('connector' = 'filesystem', 'format' = ..).",
            "LOCATION": "Write WITH ('connector' = 'filesystem', 'path' = ..).",
            "TBLPROPERTIES": "Write WITH ('key' = 'value').",
            "PROPERTIES": "Write WITH ('key' = 'value').",
            "AUTO_INCREMENT": "Leave AUTO_INCREMENT out.",
            "PRIMARY": "Write PRIMARY KEY (..) NOT ENFORCED inside the parentheses.",
        }.get(self.current.upper)
        if hint:
            self.fail(hint=hint)

    def _table_query(self) -> tree.Query:
        vendor = self.at("TABLE")
        query = self.query()
        if vendor and (self.current.kind == "hint" or self.at("ADD")):
            self.fail(hint=_VENDOR_HINT)
        return query

    def _like(self) -> tree.LikeClause:
        start = self.advance()
        source = self.path()
        options: list[tuple[str, str]] = []
        if self.accept("("):
            while not self.accept(")"):
                strategy = self.need_one_of("INCLUDING", "EXCLUDING", "OVERWRITING")
                options.append((strategy, self.need_one_of(*_LIKE_FEATURES)))
        return tree.LikeClause(source, tuple(options), span=self.span_from(start))

    def _distribution_clause(self) -> tree.Distribution | None:
        start = self.current
        if not self.accept("DISTRIBUTED"):
            return None
        if self.accept("INTO"):
            buckets = self.integer()
            self.need("BUCKETS")
            return tree.Distribution(buckets=buckets, span=self.span_from(start))
        self.need("BY")
        return self.distribution(start)

    def distribution(self, start: Token) -> tree.Distribution:
        """`[HASH | RANGE] (columns) [INTO n BUCKETS]`."""
        kind = self.one_of("HASH", "RANGE")
        columns = self.in_parentheses(self.name)
        buckets = None
        if self.accept("INTO"):
            buckets = self.integer()
            self.need("BUCKETS")
        return tree.Distribution(kind, columns, buckets, span=self.span_from(start))

    def _enforced(self) -> bool | None:
        if self.accept("NOT", "ENFORCED"):
            return False
        return True if self.accept("ENFORCED") else None

    def table_element(self) -> TableElement:
        """One line between the parentheses of CREATE TABLE."""
        start = self.current
        if self.accept("WATERMARK", "FOR"):
            column = self.path()
            self.need("AS")
            value = self.expression_without_query()
            return tree.Watermark(column, value, span=self.span_from(start))
        if start.upper in ("CONSTRAINT", "PRIMARY", "UNIQUE"):
            return self._constraint()
        if start.upper in ("KEY", "INDEX") and self.peek().kind in ("word", "quoted"):
            following = self.peek(2).upper
            if following == "(":
                self.fail(hint="Leave indexes out, they belong to the database behind the table.")
        return self._column()

    def _constraint(self) -> tree.KeyConstraint:
        start = self.current
        name = self.name() if self.accept("CONSTRAINT") else None
        unique = self.need_one_of("PRIMARY", "UNIQUE") == "UNIQUE"
        if not unique:
            self.need("KEY")
        columns = self.in_parentheses(self.name)
        enforced = self._enforced()
        return tree.KeyConstraint(columns, unique, name, enforced, span=self.span_from(start))

    def _column_place(self) -> str | None:
        if self.accept("FIRST"):
            return "FIRST"
        return "AFTER " + ".".join(self.path()) if self.accept("AFTER") else None

    def _column(self) -> tree.ColumnDefinition:
        start = self.current
        name = ".".join(self.path())
        if self.at(",") or self.at(")"):
            return tree.ColumnName(name, span=self.span_from(start))
        if self.accept("AS"):
            first = self.current
            value = self.expression_without_query()
            text = self.text_from(first)
            comment, position = self.comment(), self._column_place()
            return tree.ComputedColumn(
                name,
                value,
                text,
                comment=comment,
                position=position,
                span=self.span_from(start),
            )
        type_ = self.type_spec()
        if self.accept("METADATA"):
            key = self.string() if self.accept("FROM") else None
            virtual = self.accept("VIRTUAL")
            comment, position = self.comment(), self._column_place()
            return tree.MetadataColumn(
                name,
                type_,
                key,
                virtual,
                comment=comment,
                position=position,
                span=self.span_from(start),
            )
        return self._physical(start, name, type_)

    def _physical(self, start: Token, name: str, type_: tree.TypeSpec) -> tree.PhysicalColumn:
        constraint = self.name() if self.accept("CONSTRAINT") else None
        primary = self.accept("PRIMARY", "KEY")
        unique = not primary and self.accept("UNIQUE")
        enforced = self._enforced() if primary or unique else None
        self._refuse_foreign_column()
        comment, position = self.comment(), self._column_place()
        return tree.PhysicalColumn(
            name,
            type_,
            primary,
            unique,
            enforced,
            constraint,
            comment=comment,
            position=position,
            span=self.span_from(start),
        )

    def _refuse_foreign_column(self) -> None:
        hint = {
            "AUTO_INCREMENT": "Leave AUTO_INCREMENT out; the target database numbers rows.",
            "DEFAULT": "Leave DEFAULT out; use COALESCE(x, value) in the query.",
            "COLLATE": "Leave COLLATE out.",
            "UNSIGNED": "Use the next wider signed type.",
            "CHARACTER": "Leave CHARACTER SET out.",
        }.get(self.current.upper)
        if hint:
            self.fail(hint=hint)


def _column_keys(columns: tuple[tree.ColumnDefinition, ...]) -> list[tree.KeyConstraint]:
    return [
        tree.KeyConstraint(
            (column.name,), column.unique, column.constraint, column.enforced, span=column.span
        )
        for column in columns
        if isinstance(column, tree.PhysicalColumn) and (column.primary_key or column.unique)
    ]


def _refuse_bare_names(columns: tuple[tree.ColumnDefinition, ...]) -> None:
    for column in columns:
        if isinstance(column, tree.ColumnName):
            raise ParseError(
                f"column '{column.name}' has no type",
                column.span,
                detail="Names without types are for CREATE TABLE .. AS only.",
            )


def refuse_second_watermark(elements: tuple[TableElement, ...]) -> None:
    """Refuses a second WATERMARK among the elements of a table."""
    marks = [element for element in elements if isinstance(element, tree.Watermark)]
    if len(marks) > 1:
        raise ParseError("a table can have one WATERMARK only", marks[1].span)
