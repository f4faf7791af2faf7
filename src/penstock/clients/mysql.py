"""Connections to a MySQL or MariaDB server: log in, ask, read big results column-wise.

PyMySQL logs in and answers short queries; `MySqlConnection.stream_text` reads a result of any size
over the same socket with the vectorised reader of `penstock.wire.mysql.result_set`.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CLIENT

from penstock.clients.mysql_login import log_in
from penstock.config import Secret
from penstock.errors import ConnectorError
from penstock.wire.mysql.result_set import (
    MARKER,
    MARKER_SQL,
    PLAIN_MARKER,
    PLAIN_MARKER_SQL,
    TextResultReader,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import pyarrow as pa

    Columns = Generator[list[pa.Array], None, None]

_READ_BYTES = 1 << 20
_UTC = "SET time_zone = '+00:00'"
_LOST = frozenset({2002, 2003, 2006, 2013, 2014, 2055, 1053, 1040, 1158, 1159, 1160, 1161, 1205})
_LOST |= frozenset({1213, 3024, 1317, 1927, 4031})
_REFUSED = frozenset({1044, 1045, 1049, 1142, 1143, 1227, 1698, 1130, 1251, 2059})


@dataclass(frozen=True, slots=True)
class MySqlEndpoint:
    """Where a server is and who asks.

    Args:
        host: Name or address.
        port: TCP port.
        user: Account.
        password: Its password.
        connect_timeout_ms: How long to wait for the connection.
        ssl_mode: "DISABLED", "PREFERRED" (encrypt where the server can; no verification),
            "REQUIRED" (encrypt, no verification), "VERIFY_CA" or "VERIFY_IDENTITY".
        ssl_ca: File with certificates of authorities.
        database: Default database, "" for none.
        read_timeout_ms: How long a server that was asked may stay silent.
        session_variables: Assignments for `SET` after login, "" for none; not the time zone.
    """

    host: str
    port: int = 3306
    user: str = "root"
    password: Secret = field(default_factory=Secret)
    connect_timeout_ms: int = 30_000
    ssl_mode: str = "PREFERRED"
    ssl_ca: str = ""
    database: str = ""
    read_timeout_ms: int = 60_000
    session_variables: str = ""

    def __str__(self) -> str:
        return f"{self.user}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What kind of server answers.

    Args:
        version: Numbers of the version, such as (8, 0, 36).
        version_text: As the server says it.
        is_mariadb: MariaDB rather than MySQL.
        gtid_mode: Whether all transactions carry GTIDs (always on MariaDB).
    """

    version: tuple[int, ...]
    version_text: str
    is_mariadb: bool
    gtid_mode: bool


class MySqlConnection:
    """One session of a server; not for several threads at once. Time zone is UTC, autocommit on."""

    def __init__(self, endpoint: MySqlEndpoint, raw: pymysql.connections.Connection[Any]) -> None:
        self.endpoint = endpoint
        self._raw = raw
        self._info: ServerInfo | None = None

    @classmethod
    def open(cls, endpoint: MySqlEndpoint) -> MySqlConnection:
        """Logs in.

        Raises:
            ConnectorError: Unreachable (retryable), or refused (not).
        """
        try:
            timeout_s = max(1, endpoint.read_timeout_ms // 1000)
            raw = log_in(timeout_s, **_arguments(endpoint))
        except (pymysql.MySQLError, OSError, RuntimeError) as error:
            raise connector_error(error, endpoint) from error
        _check_tls(raw, endpoint)
        connection = cls(endpoint, raw)
        try:
            if endpoint.session_variables:
                connection.query(f"SET {endpoint.session_variables}")
                connection.query(_UTC)
        except ConnectorError:
            connection.close()
            raise
        return connection

    @property
    def raw_socket(self) -> socket.socket:
        """The socket below, TLS included, for readers of bulk data."""
        # PyMySQL offers no other way to it, and its stubs do not know the attribute.
        return self._raw._sock  # type: ignore[attr-defined,no-any-return]  # noqa: SLF001

    @property
    def is_open(self) -> bool:
        """Whether it can be asked; not after `close`, nor after a result was left unread."""
        return bool(self._raw.open)

    @property
    def server_info(self) -> ServerInfo:
        """Version and kind of the server; asked once."""
        if self._info is None:
            text = str(self.query("SELECT VERSION()")[0][0])
            numbers = re.match(r"(?:5\.5\.5-)?(\d+(?:\.\d+)*)", text)
            version = tuple(int(n) for n in numbers.group(1).split(".")) if numbers else (0,)
            is_mariadb = "mariadb" in text.lower()
            mode = [] if is_mariadb else self.query("SHOW VARIABLES LIKE 'gtid_mode'")
            on = is_mariadb or (bool(mode) and str(mode[0][1]).upper() == "ON")
            self._info = ServerInfo(version, text, is_mariadb, on)
        return self._info

    def query(self, sql: str, args: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Runs one statement; gives all its rows.

        Raises:
            ConnectorError: The server refused it, or the connection is gone (retryable).
        """
        try:
            with self._raw.cursor() as cursor:
                cursor.execute(sql, tuple(args) if args else None)
                return list(cursor.fetchall() or ())
        except (pymysql.MySQLError, OSError) as error:
            raise connector_error(error, self.endpoint) from error

    def stream_text(
        self, sql: str, *, batch_bytes: int = 2 << 20, plain_marker: bool = False
    ) -> Columns:
        """Reads a SELECT column-wise: batches of columns, each a `binary` array of MySQL's text.

        Args:
            sql: A `SELECT ...` that does not start with DISTINCT; a column is put before its list.
            batch_bytes: About how much to gather before one batch is given.
            plain_marker: The server knows no binary literals (StarRocks before 3.0).

        Yields:
            One `pa.binary()` array per selected column, NULL as null.

        Raises:
            ConnectorError: The server refused it, or the connection broke (retryable).
        """
        stripped = sql.lstrip()
        if stripped[:6].upper() != "SELECT":
            raise ConnectorError("only SELECT can be streamed", retryable=False)
        marker = PLAIN_MARKER if plain_marker else MARKER
        marker_sql = PLAIN_MARKER_SQL if plain_marker else MARKER_SQL
        text = f"SELECT {marker_sql},{stripped[6:]}".encode()
        reader = TextResultReader(has_marker=True, marker=marker)
        try:
            left = self._send_query(text)
            yield from self._read_batches(reader, left, batch_bytes)
        except (OSError, pymysql.MySQLError) as error:
            self.close()
            raise connector_error(error, self.endpoint) from error
        except GeneratorExit:
            self.close()  # unread packets remain: the session is of no more use
            raise

    def _send_query(self, text: bytes) -> bytes:
        sock = self.raw_socket
        payload = b"\x03" + text
        sock.sendall(struct.pack("<I", len(payload))[:3] + b"\0" + payload)
        return b""

    def _read_batches(self, reader: TextResultReader, left: bytes, batch_bytes: int) -> Columns:
        sock = self.raw_socket
        buffer = bytearray(max(2 * batch_bytes, 1 << 16))
        buffer[: len(left)] = left
        have = len(left)
        target = min(1 << 16, batch_bytes)
        while True:
            if len(buffer) - have < _READ_BYTES // 4:
                buffer.extend(bytes(max(len(buffer), _READ_BYTES)))
            received = 0
            with memoryview(buffer) as view:
                received = sock.recv_into(view[have:], min(len(buffer) - have, _READ_BYTES))
            if received == 0:
                raise ConnectorError(
                    "the server closed the connection while a result was read",
                    retryable=True,
                    endpoint=str(self.endpoint),
                )
            have += received
            ended = reader.looks_ended(buffer, have)
            if have < target and not ended and self._has_more(sock):
                continue
            used, columns, done = reader.feed(buffer, have)
            if columns is not None and columns and len(columns[0]):
                yield columns
            if done:
                if reader.error is not None:
                    code, message = reader.error
                    raise connector_error(
                        pymysql.err.OperationalError(code, message), self.endpoint
                    )
                return
            if used:
                rest = have - used
                buffer[:rest] = buffer[used:have]
                have = rest
            target = batch_bytes if used else max(2 * have, batch_bytes)

    @staticmethod
    def _has_more(sock: socket.socket) -> bool:
        """Whether more bytes come soon; an error packet in the middle may be the last."""
        if isinstance(sock, ssl.SSLSocket) and sock.pending():
            return True
        return bool(select.select([sock], [], [], 0.02)[0])

    def interrupt(self) -> None:
        """Break off what another thread waits for; it then gets a ConnectorError. Any thread."""
        with contextlib.suppress(OSError, AttributeError):
            self.raw_socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Ends the session; closing twice is fine."""
        with contextlib.suppress(pymysql.MySQLError, OSError):
            self._raw.close()


def connector_error(error: BaseException, endpoint: MySqlEndpoint) -> ConnectorError:
    """A driver's error as ours; the password is never in it."""
    if isinstance(error, ConnectorError):
        return error
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    secret = endpoint.password.reveal()
    if secret and len(secret) > 2:
        text = text.replace(secret, "******")
    retryable = code in _LOST or (
        isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
    )
    if isinstance(error, pymysql.err.InterfaceError):
        retryable = True
    hint = ""
    if code in _REFUSED:
        retryable = False
        hint = (
            "Check user, password and privileges (SELECT, REPLICATION SLAVE, REPLICATION CLIENT)."
        )
    elif code in {2002, 2003, 2005} or (isinstance(error, OSError) and retryable):
        hint = "Check 'hostname' and 'port', and that the server is up."
    number = f" ({code})" if code else ""
    return ConnectorError(
        f"MySQL server failed{number}: {text}",
        retryable=retryable,
        endpoint=str(endpoint),
        hint=hint,
        code=f"mysql-{code}" if code else None,
    )


def _arguments(endpoint: MySqlEndpoint) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "host": endpoint.host,
        "port": endpoint.port,
        "user": endpoint.user,
        "password": endpoint.password.reveal().encode(),  # PyMySQL would take Latin-1
        "database": endpoint.database or None,
        "charset": "utf8mb4",
        "autocommit": True,
        "connect_timeout": max(1, endpoint.connect_timeout_ms // 1000),
        "write_timeout": max(1, endpoint.read_timeout_ms // 1000),
        "client_flag": CLIENT.MULTI_STATEMENTS & 0,
        "init_command": _UTC,
    }
    mode = endpoint.ssl_mode.upper()
    if mode == "DISABLED":
        arguments["ssl_disabled"] = True
    elif mode != "PREFERRED":
        context = _authorities(endpoint)
        context.check_hostname = mode == "VERIFY_IDENTITY"
        if mode == "REQUIRED":
            context.verify_mode = ssl.CERT_NONE
        arguments["ssl"] = context
    return arguments


def _authorities(endpoint: MySqlEndpoint) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=endpoint.ssl_ca or None)
    except OSError as error:
        raise ConnectorError(
            f"could not read the authorities in '{endpoint.ssl_ca}'",
            retryable=False,
            endpoint=str(endpoint),
            code="no-authorities",
            detail=f"{error}.",
            hint="Name a PEM file of certificates.",
        ) from error


def _check_tls(raw: pymysql.connections.Connection[Any], endpoint: MySqlEndpoint) -> None:
    """Older PyMySQL goes on in the clear where TLS is demanded and the server has none."""
    demanded = endpoint.ssl_mode.upper() not in {"DISABLED", "PREFERRED"}
    # the stubs of PyMySQL do not know the attribute
    if demanded and not raw.server_capabilities & CLIENT.SSL:  # type: ignore[attr-defined]
        raw.close()
        raise ConnectorError(
            "the server offers no TLS, which the options demand",
            retryable=False,
            endpoint=str(endpoint),
            code="no-tls",
            hint="Set up TLS on the server, or take sslMode 'PREFERRED'.",
        )
