"""Logging in at the first address that answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from penstock.clients.jdbc_url import JdbcUrl
    from penstock.config import Secret


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a table is and who asks.

    Args:
        url: Addresses, TLS, timeouts, session variables.
        user: Account.
        password: Its password.
        option: The option that holds the URL, for hints.
        connect_timeout_ms: Wait for a connection where the URL says nothing.
        read_timeout_ms: How long a server that was asked may stay silent, where the URL says
            nothing.
        ca_file: PEM file of authorities where the URL names none.
        assignments: `SET` these after login.
    """

    url: JdbcUrl
    user: str
    password: Secret
    option: str
    connect_timeout_ms: int = 30_000
    read_timeout_ms: int = 60_000
    ca_file: str = ""
    assignments: tuple[str, ...] = ()

    def __str__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in self.url.hosts)
        return f"{self.user}@{hosts}"

    def endpoints(self) -> list[MySqlEndpoint]:
        """One per host, in order."""
        url = self.url
        forever = 86_400_000
        given = url.socket_timeout_ms
        read = self.read_timeout_ms if given is None else (given or forever)
        return [
            MySqlEndpoint(
                host,
                port,
                self.user,
                self.password,
                url.connect_timeout_ms or self.connect_timeout_ms,
                url.tls_mode,
                url.ca_file or self.ca_file,
                read_timeout_ms=read,
            )
            for host, port in url.hosts
        ]


def connect(address: ServerAddress) -> MySqlConnection:
    """A session at the first host that answers, its variables set. Blocks.

    Raises:
        ConnectorError: None answers (retryable), or one refuses (not).
    """
    failure: ConnectorError | None = None
    for endpoint in address.endpoints():
        try:
            connection = MySqlConnection.open(endpoint)
        except ConnectorError as error:
            failure = explained(error, address)
            if not error.retryable:
                break
            continue
        try:
            _set_variables(connection, address)
        except ConnectorError as error:
            connection.close()
            raise explained(error, address) from error
        return connection
    assert failure is not None
    raise failure


def explained(error: ConnectorError, address: ServerAddress) -> ConnectorError:
    """The error with what to do about it for a table that is read."""
    error.hint = (
        f"Check '{address.option}', and that the server is up."
        if error.retryable
        else "Check 'username', 'password' and the privilege SELECT."
    )
    return error


def _set_variables(connection: MySqlConnection, address: ServerAddress) -> None:
    given = address.url.session_variables.replace(";", ",")
    for assignments in (*address.assignments, *([given] if given else [])):
        connection.query(f"SET {assignments}")
