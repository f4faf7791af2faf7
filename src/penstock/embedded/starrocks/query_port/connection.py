"""One client's connection: log-in, then commands until it leaves."""

from __future__ import annotations

import logging
import struct
from typing import TYPE_CHECKING, Final, Protocol

import pyarrow as pa

from penstock.embedded.starrocks.dialect.failure import QueryError
from penstock.embedded.starrocks.query_port.auth import new_salt
from penstock.embedded.starrocks.query_port.packets import (
    CLIENT_DEPRECATE_EOF,
    NATIVE_PASSWORD,
    PacketStream,
    column_definition,
    eof_packet,
    error_packet,
    handshake,
    length_encoded,
    ok_packet,
    read_login,
)
from penstock.embedded.starrocks.query_port.prepared import PreparedStatement
from penstock.embedded.starrocks.query_port.results import Done
from penstock.embedded.starrocks.query_port.rows import (
    send_binary_rows,
    send_text_rows,
    wire_type,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from penstock.embedded.starrocks.query_port.results import Answer, Rows
    from penstock.embedded.starrocks.users import Users

log = logging.getLogger(__name__)

SERVER_VERSION: Final = "8.0.33"
_QUIT: Final = 0x01


class StatementSession(Protocol):
    """What answers the statements of one connection."""

    def execute(self, text: str) -> Answer:
        """Runs one statement.

        Raises:
            QueryError: The statement was refused.
        """

    def close(self) -> None:
        """Ends the session."""

    def use(self, database: str) -> None:
        """Chooses the current database."""

    def columns_of(self, table: str) -> pa.Schema:
        """The columns of a table of the current database."""


class Connection:
    """Serves one socket in the calling thread.

    Args:
        sock: The accepted socket; closed by the caller.
        number: The connection's id.
        users: Who may log in.
        open_session: Makes the session once the user has proven himself.
    """

    def __init__(
        self,
        sock: socket.socket,
        number: int,
        users: Users,
        open_session: Callable[[int, str], StatementSession],
    ) -> None:
        self._peer = str(sock.getpeername()[0])
        self._stream = PacketStream(sock)
        self._number = number
        self._users = users
        self._open_session = open_session
        self._session: StatementSession | None = None
        self._capabilities = 0
        self._statements: dict[int, PreparedStatement] = {}
        self._next_statement = 0

    def serve(self) -> None:
        """Runs until the client quits.

        Raises:
            ConnectionError: The client went away without a word.
        """
        try:
            if not self._log_in():
                return
            while True:
                payload = self._stream.read()
                if not payload or payload[0] == _QUIT:
                    return
                self._answer(payload[0], payload[1:])
        finally:
            if self._session is not None:
                self._session.close()

    def _answer(self, command: int, body: bytes) -> None:
        handler = _COMMANDS.get(command)
        try:
            if handler is None:
                raise QueryError(f"Unsupported command({command})", 1047, "08S01")  # noqa: TRY301
            handler(self, body)
        except QueryError as error:
            self._stream.send(error_packet(error.number, error.state, error.message))
        except ConnectionError:
            raise
        except (struct.error, IndexError):
            self._stream.send(error_packet(1835, "HY000", "Malformed communication packet."))
        except Exception as error:  # the edge: a bug of ours is an answer too, and logged
            log.exception("statement failed with a bug", extra={"connection": self._number})
            self._stream.send(error_packet(1064, "HY000", f"Internal error: {error}"))

    def _log_in(self) -> bool:
        salt = new_salt()
        self._stream.send(handshake(self._number, salt, SERVER_VERSION))
        try:
            login = read_login(self._stream.read())
        except ValueError as error:
            self._stream.send(error_packet(1043, "08S01", f"Bad handshake: {error}"))
            return False
        proof = login.proof
        if login.plugin and login.plugin != NATIVE_PASSWORD:
            self._stream.send(b"\xfe" + NATIVE_PASSWORD.encode() + b"\0" + salt + b"\0")
            proof = self._stream.read()
            proof = b"" if proof == b"\0" else proof
        if not self._users.is_proven(login.user, salt, proof):
            using = "YES" if proof else "NO"
            text = f"Access denied for user '{login.user}'@'{self._peer}' (using password: {using})"
            self._stream.send(error_packet(1045, "28000", text))
            return False
        self._capabilities = login.capabilities
        self._session = self._open_session(self._number, login.user)
        try:
            if login.database:
                self._session.use(login.database)
        except QueryError as error:
            self._stream.send(error_packet(error.number, error.state, error.message))
            return False
        self._stream.send(ok_packet())
        return True

    @property
    def _live(self) -> StatementSession:
        assert self._session is not None
        return self._session

    @property
    def _without_eof(self) -> bool:
        return bool(self._capabilities & CLIENT_DEPRECATE_EOF)

    def _end_of_rows(self) -> bytes:
        return ok_packet(header=0xFE) if self._without_eof else eof_packet()

    def _send(self, answer: Answer, write_rows: Callable[[pa.Table, PacketStream], None]) -> None:
        if isinstance(answer, Done):
            self._stream.send(
                ok_packet(answer.affected, info=answer.info, warnings=answer.warnings)
            )
            return
        self._stream.send(*self._header(answer))
        write_rows(answer.table, self._stream)
        self._stream.send(self._end_of_rows())

    def _header(self, rows: Rows) -> list[bytes]:
        payloads = [length_encoded(rows.table.num_columns)]
        payloads += [
            column_definition(
                field.name, wire_type(field.type), database=rows.database, table=rows.source
            )
            for field in rows.table.schema
        ]
        if not self._without_eof:
            payloads.append(eof_packet())
        return payloads

    def _query(self, body: bytes) -> None:
        self._send(self._live.execute(body.decode("utf-8", "replace")), send_text_rows)

    def _init_db(self, body: bytes) -> None:
        self._live.use(body.decode("utf-8", "replace"))
        self._stream.send(ok_packet())

    def _ping(self, _body: bytes) -> None:
        self._stream.send(ok_packet())

    def _set_option(self, _body: bytes) -> None:
        self._stream.send(eof_packet())

    def _statistics(self, _body: bytes) -> None:
        self._stream.send(b"Uptime: 1  Threads: 1")

    def _reset(self, _body: bytes) -> None:
        self._statements.clear()
        self._stream.send(ok_packet())

    def _field_list(self, body: bytes) -> None:
        table = body.partition(b"\0")[0].decode("utf-8", "replace")
        payloads = [
            column_definition(field.name, wire_type(field.type), table=table, default=True)
            for field in self._live.columns_of(table)
        ]
        self._stream.send(*payloads, self._end_of_rows())

    def _prepare(self, body: bytes) -> None:
        statement = PreparedStatement.parse(body.decode("utf-8", "replace"))
        self._next_statement += 1
        self._statements[self._next_statement] = statement
        count = len(statement.holes)
        payloads = [struct.pack("<BIHHBH", 0, self._next_statement, 0, count, 0, 0)]
        payloads += [column_definition("?", wire_type(pa.string()))] * count
        if count and not self._without_eof:
            payloads.append(eof_packet())
        self._stream.send(*payloads)

    def _statement(self, body: bytes) -> PreparedStatement:
        number = struct.unpack_from("<I", body)[0]
        statement = self._statements.get(number)
        if statement is None:
            raise QueryError(f"Unknown prepared statement handler ({number})", 1243)
        return statement

    def _execute(self, body: bytes) -> None:
        text = self._statement(body).bind(body)
        self._send(self._live.execute(text), send_binary_rows)

    def _long_data(self, body: bytes) -> None:
        # This command has no answer, not even an error (MySQL manual, COM_STMT_SEND_LONG_DATA).
        statement = self._statements.get(struct.unpack_from("<I", body)[0])
        if statement is not None:
            index = struct.unpack_from("<H", body, 4)[0]
            statement.long_data[index] = statement.long_data.get(index, b"") + body[6:]

    def _close_statement(self, body: bytes) -> None:
        self._statements.pop(struct.unpack_from("<I", body)[0], None)

    def _reset_statement(self, body: bytes) -> None:
        self._statement(body).long_data.clear()
        self._stream.send(ok_packet())


_COMMANDS: Final[dict[int, Callable[[Connection, bytes], None]]] = {
    0x02: Connection._init_db,  # noqa: SLF001 - the table of this class's own handlers
    0x03: Connection._query,  # noqa: SLF001
    0x04: Connection._field_list,  # noqa: SLF001
    0x09: Connection._statistics,  # noqa: SLF001
    0x0E: Connection._ping,  # noqa: SLF001
    0x16: Connection._prepare,  # noqa: SLF001
    0x17: Connection._execute,  # noqa: SLF001
    0x18: Connection._long_data,  # noqa: SLF001
    0x19: Connection._close_statement,  # noqa: SLF001
    0x1A: Connection._reset_statement,  # noqa: SLF001
    0x1B: Connection._set_option,  # noqa: SLF001
    0x1F: Connection._reset,  # noqa: SLF001
}
