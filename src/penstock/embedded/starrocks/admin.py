"""`/api/_penstock`: what tests do to the server; answered to clients on this machine only."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any, Final

from penstock.embedded.starrocks.http import Response, json_response
from penstock.embedded.starrocks.reset import reset
from penstock.errors import PenstockError
from penstock.wire.starrocks_admin import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from penstock.embedded.starrocks.faults import Faults
    from penstock.embedded.starrocks.http import Request
    from penstock.embedded.starrocks.transactions import Transactions
    from penstock.embedded.starrocks.users import Users

PREFIX = ["api", "_penstock"]


class Admin:
    """Answers the requests below `/api/_penstock`.

    Args:
        transactions: All loads of the server, and through them its store.
        users: Who may log in.
        faults: What is to go wrong.
    """

    def __init__(self, transactions: Transactions, users: Users, faults: Faults) -> None:
        self._transactions = transactions
        self._store = transactions.store
        self._users = users
        self._faults = faults

    def handle(self, request: Request) -> Response:
        """The answer; 403 for a client of another machine, 400 for a body that does not fit."""
        if not ipaddress.ip_address(request.peer).is_loopback:
            return json_response({"status": "FAILED", "msg": "only from this machine"}, 403)
        try:
            data = json.loads(request.body) if request.body else {}
            found = self._run(request.method, request.parts[2:], data)
        except (PenstockError, ValueError, TypeError, KeyError) as error:
            text = error.message if isinstance(error, PenstockError) else f"bad request: {error}"
            return json_response({"status": "FAILED", "msg": text}, 400)
        if found is None:
            return json_response({"status": "FAILED", "msg": "no such path"}, 404)
        return json_response({"status": "OK", **found})

    def _run(self, method: str, parts: list[str], data: Any) -> dict[str, Any] | None:
        """What is added to the answer; None for a path that is none."""
        answer = _ANSWERS.get((method, *parts))
        return None if answer is None else answer(self, data)

    def _waiting_faults(self, _data: Any) -> dict[str, Any]:
        return {"faults": [fault.to_json() for fault in self._faults.waiting()]}

    def _add_faults(self, data: Any) -> dict[str, Any]:
        for item in data if isinstance(data, list) else [data]:
            self._faults.add(Fault.from_json(item))
        return {}

    def _clear_faults(self, _data: Any) -> dict[str, Any]:
        self._faults.clear()
        return {}

    def _reseed(self, data: Any) -> dict[str, Any]:
        seed = int(data["seed"])
        self._faults.reseed(seed)
        self._store.delays.reseed(seed)
        return {}

    def _reset(self, _data: Any) -> dict[str, Any]:
        reset(self._transactions, self._users, self._faults)
        return {}

    def _foreign_versions(self, data: Any) -> dict[str, Any]:
        count = int(data.get("count", 1))
        version = self._store.publisher.foreign_versions(data["db"], data["table"], count)
        return {"version": version}

    def _compact(self, _data: Any) -> dict[str, Any]:
        return {"compacted": self._store.compactor.compact_all()}

    def _forget_contexts(self, _data: Any) -> dict[str, Any]:
        return {"forgotten": self._transactions.forget_contexts()}

    def _settings(self, _data: Any) -> dict[str, Any]:
        configs = (self._store.config, self._store.frontend_config)
        return {"settings": {s.name: v for config in configs for s, v in config.items()}}

    def _configure(self, data: Any) -> dict[str, Any]:
        for name, value in data.items():
            self._store.configure(name, value)
        return {}


# The table of this class's own answers.
_ANSWERS: Final[dict[tuple[str, ...], Callable[[Admin, Any], dict[str, Any]]]] = {
    ("GET", "faults"): Admin._waiting_faults,  # noqa: SLF001
    ("POST", "faults"): Admin._add_faults,  # noqa: SLF001
    ("DELETE", "faults"): Admin._clear_faults,  # noqa: SLF001
    ("POST", "seed"): Admin._reseed,  # noqa: SLF001
    ("POST", "reset"): Admin._reset,  # noqa: SLF001
    ("POST", "foreign_versions"): Admin._foreign_versions,  # noqa: SLF001
    ("POST", "compact"): Admin._compact,  # noqa: SLF001
    ("POST", "forget_contexts"): Admin._forget_contexts,  # noqa: SLF001
    ("GET", "settings"): Admin._settings,  # noqa: SLF001
    ("POST", "settings"): Admin._configure,  # noqa: SLF001
}
