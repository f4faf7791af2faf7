"""`/api/_penstock`: what tests do to the server; answered to clients on this machine only."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from penstock.embedded.starrocks.faults import Fault
from penstock.embedded.starrocks.http import Response, json_response
from penstock.embedded.starrocks.model import ServerError

if TYPE_CHECKING:
    from penstock.embedded.starrocks.faults import Faults
    from penstock.embedded.starrocks.http import Request
    from penstock.embedded.starrocks.transactions import Transactions

PREFIX = ["api", "_penstock"]


class Admin:
    """Answers the requests below `/api/_penstock`.

    Args:
        transactions: All loads of the server, and through them its store.
        faults: What is to go wrong.
    """

    def __init__(self, transactions: Transactions, faults: Faults) -> None:
        self._transactions = transactions
        self._store = transactions.store
        self._faults = faults

    def handle(self, request: Request) -> Response:
        """The answer; 403 for a client of another machine, 400 for a body that does not fit."""
        if not ipaddress.ip_address(request.peer).is_loopback:
            return json_response({"status": "FAILED", "msg": "only from this machine"}, 403)
        try:
            data = json.loads(request.body) if request.body else {}
            found = self._run(request.method, request.parts[2:], data)
        except (ServerError, ValueError, TypeError, KeyError) as error:
            text = error.message if isinstance(error, ServerError) else f"bad request: {error}"
            return json_response({"status": "FAILED", "msg": text}, 400)
        if found is None:
            return json_response({"status": "FAILED", "msg": "no such path"}, 404)
        return json_response({"status": "OK", **found})

    def _run(self, method: str, parts: list[str], data: Any) -> dict[str, Any] | None:
        match method, parts:
            case "GET", ["faults"]:
                return {"faults": [asdict(fault) for fault in self._faults.waiting()]}
            case "POST", ["faults"]:
                for item in data if isinstance(data, list) else [data]:
                    self._faults.add(Fault(**item))
                return {}
            case "DELETE", ["faults"]:
                self._faults.clear()
                return {}
            case "POST", ["foreign_versions"]:
                count = int(data.get("count", 1))
                version = self._store.publisher.foreign_versions(data["db"], data["table"], count)
                return {"version": version}
            case "POST", ["compact"]:
                return {"compacted": self._store.compactor.compact_all()}
            case "POST", ["forget_contexts"]:
                return {"forgotten": self._transactions.forget_contexts()}
            case "GET", ["settings"]:
                configs = (self._store.config, self._store.frontend_config)
                return {"settings": {s.name: v for config in configs for s, v in config.items()}}
            case "POST", ["settings"]:
                for name, value in data.items():
                    self._store.configure(name, value)
                return {}
        return None
