"""What is left of a session whose start fails."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest

from penstock.clients.mysql import MySqlConnection, MySqlEndpoint
from penstock.config import Secret
from penstock.errors import ConnectorError


class RefusingSession:
    """Logs in, and refuses every statement."""

    open = True

    def cursor(self) -> Any:
        raise pymysql.err.ProgrammingError(1064, "not a statement")

    def close(self) -> None:
        self.open = False


def test_a_session_is_closed_whose_variables_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    session = RefusingSession()
    monkeypatch.setattr(pymysql, "connect", lambda **_arguments: session)
    endpoint = MySqlEndpoint("h", 3306, "u", Secret("p"), session_variables="not a statement")
    with pytest.raises(ConnectorError, match="not a statement"):
        MySqlConnection.open(endpoint)
    assert not session.open
