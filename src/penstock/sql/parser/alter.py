"""ALTER and DROP statements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.sql import tree
from penstock.sql.parser.create import CreateParser, TableElement, refuse_second_watermark
from penstock.sql.tree import Expression

if TYPE_CHECKING:
    from penstock.sql.lexer import Token


class AlterParser(CreateParser):
    """Parses ALTER and DROP."""

    def partition(self) -> tuple[tuple[str, Expression | None], ...]:
        """`[PARTITION (k = v, ..)]`."""
        if not self.accept("PARTITION"):
            return ()
        return self.in_parentheses(self._partition_value)

    def _partition_value(self) -> tuple[str, Expression | None]:
        name = ".".join(self.path())
        return name, self.primary() if self.accept("=") else None

    def drop(self, start: Token) -> tree.Statement:
        """What follows DROP."""
        temporary = self.accept("TEMPORARY")
        system = temporary and self.accept("SYSTEM")
        if system and not self.at("FUNCTION"):
            self.fail("FUNCTION")
        if not temporary and self.accept("MATERIALIZED", "TABLE"):
            kind = "MATERIALIZED TABLE"
        else:
            kind = self.need_one_of("CATALOG", "DATABASE", "TABLE", "VIEW", "FUNCTION", "MODEL")
        exists = self.if_exists()
        name = self.path()
        mode = self.one_of("CASCADE", "RESTRICT") if kind == "DATABASE" else None
        span = self.span_from(start)
        if kind == "DATABASE":
            return tree.DropDatabase(name, exists, temporary, mode == "CASCADE", span=span)
        if kind == "FUNCTION":
            return tree.DropFunction(name, exists, temporary, system, span=span)
        simple = {"CATALOG": tree.DropCatalog, "TABLE": tree.DropTable, "VIEW": tree.DropView}
        if kind in simple:
            return simple[kind](name, exists, temporary, span=span)
        return tree.UnsupportedStatement(f"DROP {kind}", span=span)

    def alter(self, start: Token) -> tree.Statement:
        """What follows ALTER."""
        if self.accept("MATERIALIZED", "TABLE"):
            return self._alter_materialized(start)
        temporary = self.accept("TEMPORARY")
        system = self.accept("SYSTEM")
        if self.accept("FUNCTION"):
            exists = self.if_exists()
            name = self.path()
            self.need("AS")
            class_name = self.string()
            language = None
            if self.accept("LANGUAGE"):
                language = self.need_one_of("JAVA", "SCALA", "PYTHON")
            return tree.AlterFunction(
                name, class_name, language, temporary, system, exists, span=self.span_from(start)
            )
        kind = self.need_one_of("TABLE", "VIEW", "DATABASE", "CATALOG", "MODEL")
        if kind == "TABLE":
            return self._alter_table(start)
        if kind == "VIEW":
            return self._alter_view(start)
        if kind == "DATABASE":
            name = self.path()
            self.need("SET")
            return tree.AlterDatabase(name, self.options(), span=self.span_from(start))
        if kind == "CATALOG":
            return self._alter_catalog(start)
        self.if_exists()
        self.path()
        action = self.need_one_of("SET", "RESET", "RENAME")
        if action == "SET":
            self.options()
        elif action == "RESET":
            self.in_parentheses(self.string, empty=True)
        else:
            self.need("TO")
            self.path()
        return tree.UnsupportedStatement("ALTER MODEL", span=self.span_from(start))

    def _alter_catalog(self, start: Token) -> tree.Statement:
        name = self.name()
        if self.accept("COMMENT"):
            return tree.AlterCatalog(name, comment=self.string(), span=self.span_from(start))
        if self.accept("RESET"):
            keys = self.in_parentheses(self.string, empty=True)
            return tree.AlterCatalog(name, keys=keys, span=self.span_from(start))
        self.need("SET")
        return tree.AlterCatalog(name, self.options(), span=self.span_from(start))

    def _alter_view(self, start: Token) -> tree.Statement:
        exists = self.if_exists()
        name = self.path()
        if self.accept("RENAME"):
            self.need("TO")
            new_name = self.path()
            return tree.AlterView(name, new_name, if_exists=exists, span=self.span_from(start))
        self.need("AS")
        first = self.current
        query = self.query()
        text = self.text_from(first)
        return tree.AlterView(name, (), query, text, exists, span=self.span_from(start))

    def _alter_materialized(self, start: Token) -> tree.Statement:
        self.path()
        if self.one_of("SUSPEND"):
            pass
        elif self.accept("RESUME"):
            self.with_options()
        elif self.accept("REFRESH"):
            self.partition()
        elif self.accept("RESET"):
            self.in_parentheses(self.string, empty=True)
        elif self.accept("AS"):
            self.query()
        else:
            self.need("SET")
            word = self.one_of("FRESHNESS", "REFRESH_MODE")
            if word is None:
                self.options()
            else:
                self.need("=")
                if word == "FRESHNESS":
                    self.interval()
                else:
                    self.need_one_of("FULL", "CONTINUOUS")
        return tree.UnsupportedStatement("ALTER MATERIALIZED TABLE", span=self.span_from(start))

    def _alter_table(self, start: Token) -> tree.Statement:
        exists = self.if_exists()
        name = self.path()
        if self.accept("SET"):
            options = self.options()
            span = self.span_from(start)
            return tree.AlterTable(name, "SET", options, if_exists=exists, span=span)
        if self.accept("RESET"):
            keys = self.in_parentheses(self.string, empty=True)
            span = self.span_from(start)
            return tree.AlterTable(name, "RESET", keys=keys, if_exists=exists, span=span)
        if self.accept("RENAME"):
            return self._rename(start, name, if_exists=exists)
        if action := self.one_of("ADD", "MODIFY"):
            return self._add(start, name, action, if_exists=exists)
        self.need("DROP")
        columns: tuple[tree.Path, ...] = ()
        action = "DROP"
        if self.accept("WATERMARK"):
            action = "DROP WATERMARK"
        elif self.accept("DISTRIBUTION"):
            action = "DROP DISTRIBUTION"
        elif self.accept("PRIMARY", "KEY"):
            action = "DROP PRIMARY KEY"
        elif self.accept("CONSTRAINT"):
            action = "DROP CONSTRAINT"
            columns = ((self.name(),),)
        else:
            self.if_exists()
            if self.at("PARTITION"):
                self.list_of(self.partition)
                action = "DROP PARTITION"
            else:
                columns = self.in_parentheses(self.path) if self.at("(") else (self.path(),)
        return tree.AlterTable(
            name, action, columns=columns, if_exists=exists, span=self.span_from(start)
        )

    def _rename(self, start: Token, name: tree.Path, *, if_exists: bool) -> tree.Statement:
        if self.accept("TO"):
            new_name = self.path()
            span = self.span_from(start)
            return tree.AlterTable(
                name, "RENAME", new_name=new_name, if_exists=if_exists, span=span
            )
        old = self.path()
        self.need("TO")
        columns = (old, self.path())
        return tree.AlterTable(
            name,
            "RENAME COLUMN",
            columns=columns,
            if_exists=if_exists,
            span=self.span_from(start),
        )

    def _add(
        self, start: Token, name: tree.Path, action: str, *, if_exists: bool
    ) -> tree.Statement:
        if self.accept("DISTRIBUTION"):
            first = self.current
            self.need("BY")
            distribution = self.distribution(first)
            return tree.AlterTable(
                name,
                action,
                distribution=distribution,
                if_exists=if_exists,
                span=self.span_from(start),
            )
        if action == "ADD":
            self.if_not_exists()
        if self.at("PARTITION"):
            while self.at("PARTITION"):
                self.partition()
                self.with_options()
            return tree.AlterTable(
                name, "ADD PARTITION", if_exists=if_exists, span=self.span_from(start)
            )
        if self.at("COLUMN"):
            self.fail(hint=f"Leave COLUMN out: ALTER TABLE t {action} name type.")
        elements: tuple[TableElement, ...] = (
            self.in_parentheses(self.table_element) if self.at("(") else (self.table_element(),)
        )
        refuse_second_watermark(elements)
        return tree.AlterTable(
            name,
            action,
            definitions=tuple(e for e in elements if isinstance(e, tree.ColumnDefinition)),
            watermarks=tuple(e for e in elements if isinstance(e, tree.Watermark)),
            constraints=tuple(e for e in elements if isinstance(e, tree.KeyConstraint)),
            if_exists=if_exists,
            span=self.span_from(start),
        )
