"""The target table as information_schema shows it, and checks against it."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT

from penstock.clients.mysql_login import log_in
from penstock.connectors.base import MISSING_TABLE
from penstock.connectors.starrocks.types import is_writable, types_match
from penstock.errors import ConnectorError, ValidationError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.types import Column, Schema

_COLUMNS = (
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_KEY FROM information_schema.COLUMNS "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION"
)

_KEY = (
    "SELECT TABLE_MODEL, PRIMARY_KEY FROM information_schema.tables_config "
    "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
)


@dataclass(frozen=True, slots=True)
class TargetColumn:
    """A column of the target; `key` is PRI, DUP, UNI, AGG or empty."""

    name: str
    type: str
    key: str


class TargetConnection:
    """A query connection to the first frontend that answers. Not thread-safe; blocks."""

    def __init__(self, options: StarRocksOptions) -> None:
        self._options = options
        self._connection: Any = None

    def query(self, sql: str, args: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """All rows; reconnects once when the connection was lost.

        Raises:
            ConnectorError: No frontend could be reached or the query failed.
        """
        for last in (False, True):
            connection = self._connection or self._connect()
            self._connection = connection
            try:
                with connection.cursor() as cursor:
                    cursor.execute(sql, args or None)
                    return list(cursor.fetchall())
            except (pymysql.OperationalError, pymysql.InterfaceError, OSError) as error:
                self.close()
                if last:
                    raise self._error("could not query StarRocks", error) from error
            except pymysql.Error as error:
                raise self._error("could not query StarRocks", error) from error
        raise AssertionError

    def close(self) -> None:
        """Release the connection. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.Error, OSError):
                connection.close()

    def _connect(self) -> Any:
        options = self._options
        url = options.jdbc_url
        failure: Exception | None = None
        for host, port in url.hosts:
            try:
                connection = log_in(
                    None if url.socket_timeout_ms == 0 else self._read_timeout_s(),
                    host=host,
                    port=port,
                    user=options.username,
                    password=options.password.reveal().encode(),  # PyMySQL would take Latin-1
                    charset="utf8mb4",
                    autocommit=True,
                    connect_timeout=self._connect_timeout_s(),
                    init_command=_set_variables(url.session_variables),
                    **tls_arguments(options),
                )
            except (pymysql.Error, OSError) as error:
                failure = error
                continue
            # Older PyMySQL goes on in the clear where the server has no TLS.
            if _requires_tls(url.tls_mode) and not connection.server_capabilities & CLIENT.SSL:
                connection.close()
                raise self._no_tls(host, port)
            return connection
        raise self._error(
            "could not connect to StarRocks", failure, "starrocks-unreachable"
        ) from failure

    def _connect_timeout_s(self) -> int:
        given = self._options.jdbc_url.connect_timeout_ms
        return max(1, (given or self._options.connect_timeout_ms) // 1000)

    def _read_timeout_s(self) -> int:
        return max(1, (self._options.jdbc_url.socket_timeout_ms or 60_000) // 1000)

    def _no_tls(self, host: str, port: int) -> ConnectorError:
        return ConnectorError(
            f"{host}:{port} offers no TLS, which 'jdbc-url' demands",
            retryable=False,
            endpoint=f"{host}:{port}",
            code="no-tls",
            hint="Set up TLS on the frontend, or 'sslMode=PREFERRED' in 'jdbc-url'.",
        )

    def _error(
        self, message: str, error: Exception | None, code: str = "starrocks-query"
    ) -> ConnectorError:
        number = error.args[0] if error is not None and error.args else 0
        # 5203 is StarRocks' own number for a missing privilege.
        denied = number in {1044, 1045, 1142, 1227, 5203}
        host, port = self._options.jdbc_url.hosts[0]
        text = str(error.args[-1]) if error is not None and error.args else str(error)
        wrong = "'username', 'password' and its privileges" if denied else "'jdbc-url'"
        return ConnectorError(
            message,
            retryable=not denied,
            endpoint=f"{host}:{port}",
            code="access-denied" if denied else code,
            detail=f"{text.rstrip('.')}.",
            hint=f"Check {wrong}{'' if denied else ', and that the frontend is up'}.",
        )


def tls_arguments(options: StarRocksOptions) -> dict[str, Any]:
    """PyMySQL's arguments: no TLS, where the server can (its default), or by a context.

    Raises:
        ConnectorError: The file of authorities cannot be read.
    """
    mode = options.jdbc_url.tls_mode
    if mode == "DISABLED":
        return {"ssl_disabled": True}
    if mode == "PREFERRED":
        return {}
    ca_file = options.jdbc_url.ca_file or options.ca_file
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise ConnectorError(
            f"could not read the authorities in '{ca_file}'",
            retryable=False,
            detail=f"{error}.",
            hint="Check 'sink.ssl.ca-file': a PEM file of certificates.",
        ) from error
    context.check_hostname = mode == "VERIFY_IDENTITY"
    if mode == "REQUIRED":
        context.verify_mode = ssl.CERT_NONE
    return {"ssl": context}


def _requires_tls(mode: str) -> bool:
    return mode not in {"DISABLED", "PREFERRED"}


def _set_variables(assignments: str) -> str | None:
    """The statement of Connector/J's `sessionVariables`."""
    return f"SET {assignments.replace(';', ',')}" if assignments else None


def read_columns(connection: TargetConnection, database: str, table: str) -> list[TargetColumn]:
    """Columns of the target.

    Raises:
        ValidationError: There is no such table, or the user may not see it.
    """
    rows = connection.query(_COLUMNS, (database, table))
    if not rows:
        raise missing_table(database, table)
    columns = [
        TargetColumn(str(name), str(type_), str(key or "").upper()) for name, type_, key in rows
    ]
    if any(column.key for column in columns):
        return columns
    # Some shared-data clusters leave COLUMN_KEY empty; deletes would be lost without a word.
    # (flink-connector-starrocks, issue 364)
    keys = configured_key(connection, database, table)
    return [
        TargetColumn(column.name, column.type, "PRI") if column.name.lower() in keys else column
        for column in columns
    ]


def configured_key(connection: TargetConnection, database: str, table: str) -> set[str]:
    """Lower-case names of the primary key's columns, as the table's configuration has them."""
    rows = connection.query(_KEY, (database, table))
    if not rows or not str(rows[0][0]).upper().startswith("PRI"):
        return set()
    return {name.strip(" `").lower() for name in str(rows[0][1] or "").split(",")}


def missing_table(database: str, table: str) -> ValidationError:
    """There is no such target, or the account does not see it."""
    return ValidationError(
        f'table "{database}.{table}" does not exist in StarRocks',
        code=MISSING_TABLE,
        detail="Couldn't get the sink table's column info.",
        hint="Create the table in StarRocks first, and grant SELECT and INSERT on it.",
    )


def check_target(
    name: str, schema: Schema, columns: Sequence[TargetColumn], *, check_columns: bool
) -> tuple[list[str], list[str]]:
    """Check a schema against the target.

    Returns:
        The target's names of the schema's columns in order, and the names of its primary key.

    Raises:
        ValidationError: They do not fit; upstream's words are the detail.
    """
    for _, failure in target_failures(name, schema, columns, check_columns=check_columns):
        raise failure
    by_name = {column.name.lower(): column.name for column in columns}
    names = [by_name.get(column.name.lower(), column.name) for column in schema.columns]
    return names, primary_key(columns)


def primary_key(columns: Sequence[TargetColumn]) -> list[str]:
    """Names of the primary key's columns, empty for other table models."""
    return [column.name for column in columns if column.key.startswith("PRI")]


def target_failures(
    name: str, schema: Schema, columns: Sequence[TargetColumn], *, check_columns: bool
) -> Iterator[tuple[str, ValidationError]]:
    """Everything in which a schema does not fit the target, with the column it is about."""
    keys = primary_key(columns)
    if keys and not schema.primary_key:
        yield (
            "",
            ValidationError(
                f'sink table "{name}" has no primary key but its target in StarRocks has one',
                code="missing-primary-key",
                detail="Primary keys not defined in the sink `TableSchema`.",
                hint=f"Add PRIMARY KEY ({', '.join(keys)}) NOT ENFORCED to the sink table.",
            ),
        )
    elif keys and {key.lower() for key in keys} != {key.lower() for key in schema.primary_key}:
        yield (
            "",
            ValidationError(
                f'primary key of sink table "{name}" is not the primary key of its target',
                code="primary-key-mismatch",
                detail="Primary keys of the flink `TableSchema` do not match with the ones from "
                f"starrocks table.\nSink: {', '.join(schema.primary_key)}. "
                f"StarRocks: {', '.join(keys)}.",
                hint=f"Declare PRIMARY KEY ({', '.join(keys)}) NOT ENFORCED.",
            ),
        )
    by_name = {column.name.lower(): column for column in columns}
    for column in schema.columns:
        target = by_name.get(column.name.lower())
        failure = _column_failure(name, column, target, columns, check=check_columns)
        if failure is not None:
            yield column.name, failure


def _column_failure(
    name: str,
    column: Column,
    target: TargetColumn | None,
    columns: Sequence[TargetColumn],
    *,
    check: bool,
) -> ValidationError | None:
    if not is_writable(column.type):
        return ValidationError(
            f'column "{column.name}" of sink table "{name}" has a type StarRocks cannot load',
            code="unsupported-type",
            detail=f"Unsupported type:{column.type.sql()}.",
            hint="CAST it to STRING in the query.",
        )
    if not check:
        return None
    if target is None:
        near = nearest(column.name, [c.name for c in columns])
        return ValidationError(
            f'column "{column.name}" of sink table "{name}" does not exist in its target',
            code="unknown-column",
            detail=f"StarRocks does not have column {column.name}.\n"
            f"The target has: {', '.join(c.name for c in columns)}.",
            hint=f'Did you mean "{near}"?' if near else "Add it to the target, or leave it out.",
        )
    if not types_match(target.type, column.type):
        return ValidationError(
            f'type of column "{column.name}" of sink table "{name}" does not fit its target',
            code="type-mismatch",
            detail="Flink and StarRocks types are not matched for column "
            f"{column.name}, flink type is {column.type.sql()}, "
            f"starrocks type is {target.type}.",
            hint="CAST it in the query, or change the target's column.",
        )
    return None
