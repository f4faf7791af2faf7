"""All other statements, and the choice of the family by the first word."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from penstock.sql import tree
from penstock.sql.parser.alter import AlterParser
from penstock.sql.parser.foreign import FOREIGN_STARTS

if TYPE_CHECKING:
    from penstock.sql.lexer import Token

_SHOWN = (
    "TABLES", "VIEWS", "FUNCTIONS", "MODULES", "CATALOGS", "DATABASES", "COLUMNS", "PARTITIONS",
    "JOBS", "JARS", "PROCEDURES", "MODELS",
)  # fmt: skip
_LIKEABLE = frozenset(
    ["TABLES", "VIEWS", "FUNCTIONS", "COLUMNS", "CATALOGS", "DATABASES", "PROCEDURES", "MODELS"]
)
_EXPLAIN_DETAILS = ("ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE")
_QUERY_WORDS = frozenset(["SELECT", "WITH", "VALUES", "TABLE", "VALUE"])
_EXPLAINED = _QUERY_WORDS | frozenset(
    ["INSERT", "(", "STATEMENT", "CREATE", "REPLACE", "EXECUTE", "UPSERT", "UPDATE", "DELETE"]
)


class StatementParser(AlterParser):
    """Parses one statement after the other."""

    def statement(self) -> tree.Statement:
        """Takes a statement, without the semicolon."""
        start = self.current
        word = start.upper
        if start.kind == "word":
            method = getattr(self, "_statement_" + word.lower(), None)
            if method is not None:
                self.advance()
                found: tree.Statement = method(start)
                return replace(found, span=self.span_from(start), text=self.text_from(start))
            if word not in _QUERY_WORDS:
                self._refuse()
        elif word != "(":
            self._refuse()
        query = self.query()
        return tree.QueryStatement(query, span=self.span_from(start), text=self.text_from(start))

    def _refuse(self) -> None:
        word, following = self.current.upper, self.peek().upper
        hint = FOREIGN_STARTS.get(f"{word} {following}") or FOREIGN_STARTS.get(word, "")
        self.fail("a statement", hint=hint)

    def _statement_create(self, start: Token) -> tree.Statement:
        return self.create(start)

    def _statement_replace(self, start: Token) -> tree.Statement:
        if self.at("INTO"):
            self.fail("TABLE", hint=FOREIGN_STARTS["REPLACE INTO"])
        return self.create_object(start, or_replace=True)

    def _statement_drop(self, start: Token) -> tree.Statement:
        return self.drop(start)

    def _statement_alter(self, start: Token) -> tree.Statement:
        return self.alter(start)

    def _statement_set(self, start: Token) -> tree.Statement:  # noqa: ARG002
        if self.current.kind == "raw":
            key = self.advance().text
            return tree.Set(key, self.advance().text)
        if self.current.kind == "end" or self.at(";"):
            return tree.Set()
        return tree.Set(*self.option())

    def _statement_reset(self, start: Token) -> tree.Statement:  # noqa: ARG002
        if self.current.kind == "raw":
            return tree.Reset(self.advance().text)
        return tree.Reset(self.string() if self.current.kind == "string" else None)

    def _statement_use(self, start: Token) -> tree.Statement:
        if self.accept("CATALOG"):
            return tree.UseCatalog(self.name())
        if self.accept("MODULES"):
            self.list_of(self.name)
            return tree.UnsupportedStatement("USE MODULES", span=self.span_from(start))
        return tree.UseDatabase(self.path())

    def _statement_show(self, start: Token) -> tree.Statement:  # noqa: ARG002
        if self.accept("CREATE"):
            words = ["MATERIALIZED"] if self.accept("MATERIALIZED") else []
            words.append(self.need_one_of("TABLE", "VIEW", "CATALOG", "MODEL", "DATABASE"))
            return tree.ShowCreate(" ".join(words), self.path())
        if self.accept("CURRENT"):
            return tree.Show("CURRENT " + self.need_one_of("CATALOG", "DATABASE"))
        if self.accept("FULL"):
            self.need("MODULES")
            return tree.Show("FULL MODULES")
        if self.accept("USER"):
            self.need("FUNCTIONS")
            what, prefix = "FUNCTIONS", "USER "
        elif self.accept("MATERIALIZED"):
            self.need("TABLES")
            what, prefix = "TABLES", "MATERIALIZED "
        else:
            what, prefix = self.need_one_of(*_SHOWN), ""
        if what == "PARTITIONS":
            path = self.path()
            self.partition()
            return tree.Show(what, path)
        shown = tree.Show(prefix + what)
        if what not in _LIKEABLE:
            return shown
        if what == "COLUMNS":
            self.need_one_of("FROM", "IN")
            shown = replace(shown, path=self.path())
        elif what != "CATALOGS" and self.one_of("FROM", "IN"):
            shown = replace(shown, path=self.path())
        negated = self.accept("NOT")
        if negated or self.current.upper in ("LIKE", "ILIKE"):
            kind = self.need_one_of("LIKE", "ILIKE")
            shown = replace(shown, like=self.string(), like_kind=kind, not_like=negated)
        return shown

    def _statement_describe(self, start: Token) -> tree.Statement:  # noqa: ARG002
        if self.accept("JOB"):
            return tree.Describe((self.string(),), "JOB")
        what = "TABLE"
        for kind in ("CATALOG", "DATABASE", "FUNCTION", "MODEL"):
            if self.at(kind) and self.peek().kind in ("word", "quoted"):
                self.advance()
                what = kind
        extended = self.accept("EXTENDED")
        return tree.Describe(self.path(), what, extended)

    _statement_desc = _statement_describe

    def _statement_explain(self, start: Token) -> tree.Statement:  # noqa: ARG002
        details: list[str] = []
        if not self.accept("PLAN", "FOR"):
            while detail := self.one_of(*_EXPLAIN_DETAILS):
                if detail in details:
                    self.seek(self.index - 1)
                    self.fail("another detail")
                details.append(detail)
                if not self.accept(","):
                    break
        if self.current.upper not in _EXPLAINED:
            self.fail("a query", "INSERT", "STATEMENT SET")
        explained = self.statement()
        if isinstance(explained, tree.CreateTable) and explained.query is None:
            self.fail("AS")
        return tree.Explain(explained, tuple(details))

    def _statement_execute(self, start: Token) -> tree.Statement:
        if self.accept("STATEMENT", "SET"):
            return self._inserts_block()
        if self.at("CDCSOURCE"):
            self.fail("STATEMENT SET", hint=FOREIGN_STARTS["EXECUTE CDCSOURCE"])
        if self.accept("PLAN"):
            self.string()
            return tree.UnsupportedStatement("EXECUTE PLAN", span=self.span_from(start))
        return self.statement()

    def _statement_statement(self, start: Token) -> tree.Statement:  # noqa: ARG002
        self.need("SET")
        return self._inserts_block()

    def _inserts_block(self) -> tree.Statement:
        self.need("BEGIN")
        inserts: list[tree.Insert] = []
        while not self.accept("END"):
            if not self.at("INSERT"):
                self.fail("INSERT", "END")
            found = self.statement()
            if isinstance(found, tree.Insert):
                inserts.append(found)
            self.need(";")
        if not inserts:
            self.seek(self.index - 1)
            self.fail("INSERT")
        return tree.StatementSet(tuple(inserts))

    def _statement_begin(self, start: Token) -> tree.Statement:  # noqa: ARG002
        if self.at(";") or self.current.upper in ("TRANSACTION", "WORK"):
            self.fail("STATEMENT SET", hint=FOREIGN_STARTS["BEGIN"])
        self.need("STATEMENT", "SET")
        return tree.BeginStatementSet()

    def _statement_end(self, start: Token) -> tree.Statement:  # noqa: ARG002
        return tree.EndStatementSet()

    def _statement_insert(self, start: Token) -> tree.Statement:  # noqa: ARG002
        overwrite = self.need_one_of("INTO", "OVERWRITE") == "OVERWRITE"
        if self.at("TABLE"):
            self.fail("a name", hint="Leave TABLE out: INSERT INTO t ..")
        table = self.path()
        hints = self.hints()
        columns = self._insert_columns()
        partition = self.partition()
        if partition:
            columns = self._insert_columns()
        query = self.query()
        if self.at("ON", "DUPLICATE"):
            self.fail(hint="Give the target a PRIMARY KEY: INSERT INTO then replaces rows by key.")
        return tree.Insert(table, query, columns, partition, hints, overwrite)

    def _insert_columns(self) -> tuple[str, ...]:
        if not self.at("(") or self.peek().upper in ("SELECT", "WITH", "VALUES", "("):
            return ()
        return self.in_parentheses(self._insert_column)

    def _insert_column(self) -> str:
        name = ".".join(self.path())
        if not self.at(",") and not self.at(")"):
            self.type_spec()
        return name

    def _statement_upsert(self, start: Token) -> tree.Statement:
        self.need("INTO")
        self.path()
        self._insert_columns()
        self.query()
        return tree.UnsupportedStatement("UPSERT", span=self.span_from(start))

    def _statement_update(self, start: Token) -> tree.Statement:
        self.path()
        self.need("SET")
        self.list_of(self._assignment)
        self.where()
        return tree.UnsupportedStatement("UPDATE", span=self.span_from(start))

    def _assignment(self) -> None:
        self.path()
        self.need("=")
        self.expression()

    def _statement_delete(self, start: Token) -> tree.Statement:
        self.need("FROM")
        self.path()
        self.where()
        return tree.UnsupportedStatement("DELETE", span=self.span_from(start))

    def _statement_truncate(self, start: Token) -> tree.Statement:
        self.need("TABLE")
        self.path()
        return tree.UnsupportedStatement("TRUNCATE TABLE", span=self.span_from(start))

    def _statement_analyze(self, start: Token) -> tree.Statement:
        self.need("TABLE")
        self.path()
        self.partition()
        self.need("COMPUTE", "STATISTICS")
        if self.accept("FOR") and not self.accept("ALL", "COLUMNS"):
            self.need("COLUMNS")
            self.list_of(self.name)
        return tree.UnsupportedStatement("ANALYZE TABLE", span=self.span_from(start))

    def _statement_compile(self, start: Token) -> tree.Statement:
        self.accept("AND", "EXECUTE")
        self.need("PLAN")
        self.string()
        self.if_not_exists()
        self.need("FOR")
        self.statement()
        return tree.UnsupportedStatement("COMPILE PLAN", span=self.span_from(start))

    def _statement_add(self, start: Token) -> tree.Statement:  # noqa: ARG002
        self.need("JAR")
        return tree.AddJar(self.string())

    def _statement_remove(self, start: Token) -> tree.Statement:  # noqa: ARG002
        self.need("JAR")
        return tree.AddJar(self.string(), remove=True)

    def _statement_load(self, start: Token) -> tree.Statement:
        self.need("MODULE")
        self.name()
        self.with_options()
        return tree.UnsupportedStatement("LOAD MODULE", span=self.span_from(start))

    def _statement_unload(self, start: Token) -> tree.Statement:
        self.need("MODULE")
        self.name()
        return tree.UnsupportedStatement("UNLOAD MODULE", span=self.span_from(start))

    def _statement_call(self, start: Token) -> tree.Statement:  # noqa: ARG002
        found = self.expression()
        if not isinstance(found, tree.FunctionCall):
            self.fail("a procedure call")
        return tree.Call(found)

    def _statement_stop(self, start: Token) -> tree.Statement:  # noqa: ARG002
        self.need("JOB")
        job_id = self.string()
        words: list[str] = []
        if self.accept("WITH"):
            self.need("SAVEPOINT")
            words.append("SAVEPOINT")
            if self.accept("WITH"):
                self.need("DRAIN")
                words.append("DRAIN")
        return tree.StopJob(job_id, "SAVEPOINT" in words, "DRAIN" in words)

    def _client_command(self, start: Token) -> tree.Statement:
        if self.current.kind != "end" and not self.at(";"):
            self.fail("the end of the command")
        return tree.ClientCommand(start.upper)

    _statement_quit = _statement_exit = _statement_clear = _statement_help = _client_command
