"""Nodes of statements. Paths are tuples of one to three names, not yet qualified."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from penstock.sql.tree.expressions import Node

if TYPE_CHECKING:
    from penstock.sql.tree.expressions import Expression, FunctionCall, TypeSpec
    from penstock.sql.tree.queries import Hint, Query

Path = tuple[str, ...]
Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Statement(Node):
    """Base of all statements; `text` is the statement's own text without `;`."""

    text: str = field(default="", compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class QueryStatement(Statement):
    """A query on its own."""

    query: Query


@dataclass(frozen=True, slots=True)
class ColumnDefinition(Node):
    """Base of the columns of CREATE TABLE."""

    name: str
    comment: str | None = field(default=None, kw_only=True)
    position: str | None = field(default=None, kw_only=True)
    """Of ALTER TABLE ADD: `FIRST`, or the name of the column it comes after behind `AFTER `."""


@dataclass(frozen=True, slots=True)
class PhysicalColumn(ColumnDefinition):
    """`c type [PRIMARY KEY NOT ENFORCED]`."""

    type: TypeSpec
    primary_key: bool = False
    unique: bool = False
    enforced: bool | None = None
    constraint: str | None = None


@dataclass(frozen=True, slots=True)
class MetadataColumn(ColumnDefinition):
    """`c type METADATA [FROM 'key'] [VIRTUAL]`."""

    type: TypeSpec
    key: str | None = None
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class ComputedColumn(ColumnDefinition):
    """`c AS expression`; `text` is the expression as written."""

    expression: Expression
    text: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ColumnName(ColumnDefinition):
    """A bare name in the column list of CREATE TABLE .. AS."""


@dataclass(frozen=True, slots=True)
class Watermark(Node):
    """`WATERMARK FOR path AS expression`."""

    column: Path
    expression: Expression


@dataclass(frozen=True, slots=True)
class KeyConstraint(Node):
    """`[CONSTRAINT name] PRIMARY KEY | UNIQUE (columns) [NOT ENFORCED]`."""

    columns: tuple[str, ...]
    unique: bool = False
    name: str | None = None
    enforced: bool | None = None


@dataclass(frozen=True, slots=True)
class Distribution(Node):
    """`DISTRIBUTED BY HASH (a) INTO 4 BUCKETS`."""

    kind: str | None = None
    columns: tuple[str, ...] = ()
    buckets: int | None = None


@dataclass(frozen=True, slots=True)
class LikeClause(Node):
    """`LIKE source (INCLUDING ALL EXCLUDING OPTIONS)`: pairs of strategy and feature."""

    source: Path
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateTable(Statement):
    """`CREATE TABLE`, also with LIKE or AS; a key written at a column is in `primary_key` too."""

    name: Path
    columns: tuple[ColumnDefinition, ...] = ()
    primary_key: KeyConstraint | None = None
    unique_keys: tuple[KeyConstraint, ...] = ()
    watermarks: tuple[Watermark, ...] = ()
    comment: str | None = None
    distribution: Distribution | None = None
    partitioned_by: tuple[str, ...] = ()
    options: Options = ()
    like: LikeClause | None = None
    query: Query | None = None
    temporary: bool = False
    if_not_exists: bool = False
    or_replace: bool = False
    further_primary_keys: tuple[KeyConstraint, ...] = ()
    """Keys beyond the first, which validation refuses."""


@dataclass(frozen=True, slots=True)
class CreateView(Statement):
    """`CREATE [TEMPORARY] VIEW`; `query_text` is the query as written."""

    name: Path
    query: Query
    query_text: str = field(default="", compare=False)
    columns: tuple[tuple[str, str | None], ...] = ()
    comment: str | None = None
    temporary: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateCatalog(Statement):
    """`CREATE CATALOG`."""

    name: str
    options: Options = ()
    comment: str | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateDatabase(Statement):
    """`CREATE DATABASE`."""

    name: Path
    options: Options = ()
    comment: str | None = None
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class CreateFunction(Statement):
    """`CREATE [TEMPORARY [SYSTEM]] FUNCTION f AS 'class' LANGUAGE PYTHON USING JAR '..'`."""

    name: Path
    class_name: str
    language: str | None = None
    resources: tuple[str, ...] = ()
    options: Options = ()
    temporary: bool = False
    system: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True, slots=True)
class Drop(Statement):
    """Base of the DROP statements."""

    name: Path
    if_exists: bool = False
    temporary: bool = False


@dataclass(frozen=True, slots=True)
class DropTable(Drop):
    """`DROP [TEMPORARY] TABLE`."""


@dataclass(frozen=True, slots=True)
class DropView(Drop):
    """`DROP [TEMPORARY] VIEW`."""


@dataclass(frozen=True, slots=True)
class DropCatalog(Drop):
    """`DROP CATALOG`."""


@dataclass(frozen=True, slots=True)
class DropDatabase(Drop):
    """`DROP DATABASE d [RESTRICT | CASCADE]`."""

    cascade: bool = False


@dataclass(frozen=True, slots=True)
class DropFunction(Drop):
    """`DROP [TEMPORARY [SYSTEM]] FUNCTION`."""

    system: bool = False


@dataclass(frozen=True, slots=True)
class AlterTable(Statement):
    """`ALTER TABLE`; `action` says what, the other fields hold its arguments.

    Actions: SET (`options`), RESET (`keys`), RENAME (`new_name`), RENAME COLUMN (`columns` old,
    new), ADD and MODIFY (`definitions`, `watermarks`, `constraints`, `distribution`), DROP
    (`columns`), DROP PRIMARY KEY, DROP CONSTRAINT (`columns` its name), DROP WATERMARK,
    DROP DISTRIBUTION, ADD PARTITION and DROP PARTITION.
    """

    name: Path
    action: str
    options: Options = ()
    keys: tuple[str, ...] = ()
    new_name: Path = ()
    columns: tuple[Path, ...] = ()
    definitions: tuple[ColumnDefinition, ...] = ()
    watermarks: tuple[Watermark, ...] = ()
    constraints: tuple[KeyConstraint, ...] = ()
    distribution: Distribution | None = None
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterView(Statement):
    """`ALTER VIEW v RENAME TO w` or `AS query`."""

    name: Path
    new_name: Path = ()
    query: Query | None = None
    query_text: str = field(default="", compare=False)
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class AlterDatabase(Statement):
    """`ALTER DATABASE d SET (..)`."""

    name: Path
    options: Options = ()


@dataclass(frozen=True, slots=True)
class AlterCatalog(Statement):
    """`ALTER CATALOG c SET (..) | RESET (..) | COMMENT '..'`."""

    name: str
    options: Options = ()
    keys: tuple[str, ...] = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class AlterFunction(Statement):
    """`ALTER FUNCTION f AS 'class'`."""

    name: Path
    class_name: str
    language: str | None = None
    temporary: bool = False
    system: bool = False
    if_exists: bool = False


@dataclass(frozen=True, slots=True)
class UseCatalog(Statement):
    """`USE CATALOG c`."""

    name: str


@dataclass(frozen=True, slots=True)
class UseDatabase(Statement):
    """`USE d` or `USE c.d`."""

    name: Path


@dataclass(frozen=True, slots=True)
class Show(Statement):
    """`SHOW what [FROM path] [[NOT] LIKE | ILIKE pattern]`.

    `what`: CATALOGS, DATABASES, TABLES, VIEWS, FUNCTIONS, USER FUNCTIONS, MODULES, FULL MODULES,
    COLUMNS, PARTITIONS, JARS, JOBS, PROCEDURES, MODELS, MATERIALIZED TABLES, CURRENT CATALOG,
    CURRENT DATABASE.
    """

    what: str
    path: Path = ()
    like: str | None = None
    like_kind: str = "LIKE"
    not_like: bool = False


@dataclass(frozen=True, slots=True)
class ShowCreate(Statement):
    """`SHOW CREATE TABLE | VIEW | CATALOG | MODEL | MATERIALIZED TABLE path`."""

    what: str
    name: Path


@dataclass(frozen=True, slots=True)
class Describe(Statement):
    """`DESCRIBE [EXTENDED] t`; `what` is TABLE, CATALOG, DATABASE, FUNCTION, MODEL or JOB."""

    name: Path
    what: str = "TABLE"
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Explain(Statement):
    """`EXPLAIN [details] statement`."""

    statement: Statement
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Insert(Statement):
    """`INSERT INTO | OVERWRITE t (columns) query`; `partition` holds static partition values."""

    table: Path
    query: Query
    columns: tuple[str, ...] = ()
    partition: tuple[tuple[str, Expression | None], ...] = ()
    hints: tuple[Hint, ...] = ()
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class StatementSet(Statement):
    """`EXECUTE STATEMENT SET BEGIN ..; .. END`, and `BEGIN STATEMENT SET; ..; END;` of a script."""

    inserts: tuple[Insert, ...]


@dataclass(frozen=True, slots=True)
class BeginStatementSet(Statement):
    """`BEGIN STATEMENT SET`."""


@dataclass(frozen=True, slots=True)
class EndStatementSet(Statement):
    """`END`."""


@dataclass(frozen=True, slots=True)
class Set(Statement):
    """`SET 'key' = 'value'`; without a key it lists everything."""

    key: str | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Reset(Statement):
    """`RESET ['key']`."""

    key: str | None = None


@dataclass(frozen=True, slots=True)
class AddJar(Statement):
    """`ADD JAR 'path'`, or REMOVE JAR."""

    path: str
    remove: bool = False


@dataclass(frozen=True, slots=True)
class Call(Statement):
    """`CALL procedure(..)`."""

    call: FunctionCall


@dataclass(frozen=True, slots=True)
class StopJob(Statement):
    """`STOP JOB 'id' [WITH SAVEPOINT] [WITH DRAIN]`."""

    job_id: str
    savepoint: bool = False
    drain: bool = False


@dataclass(frozen=True, slots=True)
class ClientCommand(Statement):
    """A command of the SQL client: QUIT, EXIT, CLEAR, HELP."""

    name: str


@dataclass(frozen=True, slots=True)
class UnsupportedStatement(Statement):
    """A statement of Flink's grammar that Penstock reads but never runs; `kind` names it."""

    kind: str
