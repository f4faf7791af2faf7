"""Logging in to a server of the MySQL protocol, without waiting long for one that says nothing."""

from __future__ import annotations

from typing import Any

import pymysql

GREETING_S = 10
_LOST = 2013


def log_in(read_timeout_s: int | None, **arguments: Any) -> Any:
    """`pymysql.connect`, but a server that does not greet is given up soon.

    A port of another protocol (HTTP, say) accepts the connection and waits for the client to speak.

    Args:
        read_timeout_s: How long the server may be silent when it is asked later; None for ever.
        arguments: Those of `pymysql.connect`.

    Raises:
        pymysql.Error: It cannot be reached, or refuses.
        OSError: It cannot be reached.
    """
    limit_s = min(GREETING_S, arguments.get("connect_timeout", GREETING_S))
    if read_timeout_s is not None:
        limit_s = min(limit_s, read_timeout_s)
    try:
        connection = pymysql.connect(**arguments, read_timeout=limit_s)
    except pymysql.OperationalError as error:
        if error.args[0] == _LOST and "timed out" in str(error):
            raise pymysql.OperationalError(
                _LOST,
                f"{arguments['host']}:{arguments['port']} accepted the connection but sent no"
                f" MySQL greeting within {limit_s} s; is it the port of another protocol?",
            ) from error
        raise
    # PyMySQL has one time-out for both and no way to change it.
    connection._read_timeout = read_timeout_s  # type: ignore[attr-defined]  # noqa: SLF001
    return connection
