"""A frontend and a backend in threads: transactions, plain loads, redirects, faults on demand."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Txn:
    id: int
    state: str = "PREPARE"
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def rows(self) -> list[list[str]] | list[dict[str, Any]]:
        if self.headers and self.headers[0]["format"] == "json":
            return [row for body in self.bodies for row in json.loads(body)]
        text = b"".join(self.bodies).decode()
        return [line.split("\t") for line in text.splitlines()]


class FakeStarRocks:
    def __init__(self) -> None:
        self.txns: dict[str, Txn] = {}
        self.forgotten: list[Txn] = []
        self.calls: list[str] = []
        self.transactions = True
        self.lose_rows = 0
        # Operation -> what to do instead; popped by call.
        self.faults: dict[str, list[Any]] = {}
        self.lock = threading.Lock()
        # Called with an operation and "before" or "after" its work; true drops the connection.
        self.watch: Callable[[str, str], bool] = lambda _operation, _when: False
        self.be = self._serve(is_be=True)
        self.fe = self._serve(is_be=False)

    def _serve(self, *, is_be: bool) -> ThreadingHTTPServer:
        fake = self

        class Handler(_Handler):
            server_fake = fake
            backend = is_be

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.fe.server_port}"

    def close(self) -> None:
        for server in (self.fe, self.be):
            server.shutdown()
            server.server_close()

    def visible(self) -> list[Any]:
        seen = [txn for txn in self.txns.values() if txn.state == "VISIBLE"]
        return [row for txn in (*self.forgotten, *seen) for row in txn.rows]

    def forget_finished(self) -> None:
        """Evict the labels of what is visible, as StarRocks does in time; the rows stay."""
        for label in [name for name, txn in self.txns.items() if txn.state == "VISIBLE"]:
            self.forgotten.append(self.txns.pop(label))

    def fault(self, operation: str) -> Any:
        left = self.faults.get(operation)
        return left.pop(0) if left else None

    def answer(self, operation: str, label: str, headers: dict[str, str], body: bytes) -> Any:
        txn = self.txns.get(label)
        if operation == "begin":
            if not label:
                return {"Status": "FAILED", "Message": "Empty label."}
            if txn is not None and txn.state != "ABORTED":
                return {"Status": "LABEL_ALREADY_EXISTS", "Message": "used"}
            self.txns[label] = txn = Txn(len(self.calls))
        if txn is None:
            return {"Status": "FAILED", "Message": f"No transaction found by label {label}"}
        if operation == "load":
            txn.bodies.append(body)
            txn.headers.append(headers)
        extra: dict[str, Any] = {}
        if operation == "prepare":
            txn.state = "PREPARED"
            extra = {"NumberLoadedRows": len(txn.rows) - self.lose_rows}
        if operation == "commit":
            if txn.state == "ABORTED":
                return {"Status": "FAILED", "Message": "Can not commit ABORTED"}
            txn.state = "VISIBLE"
        if operation == "rollback":
            if txn.state == "VISIBLE":
                return {"Status": "FAILED", "Message": "Can not abort VISIBLE"}
            txn.state = "ABORTED"
        return {"Status": "OK", "Message": "", "Label": label, "TxnId": txn.id, **extra}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_fake: FakeStarRocks
    backend: bool

    def log_message(self, *args: object) -> None:
        pass

    def handle_expect_100(self) -> bool:
        return True if not self.backend else super().handle_expect_100()

    def _handle(self) -> None:
        fake = self.server_fake
        if "Authorization" not in self.headers:
            self._send(401, {"Status": "FAILED", "Message": "no valid Basic authorization"})
            return
        parts = urlsplit(self.path)
        names = unquote(parts.path).strip("/").split("/")
        operation = names[-1]
        if not self.backend and operation in {"begin", "load", "_stream_load"}:
            self.send_response(307)
            self.send_header("Location", f"http://127.0.0.1:{fake.be.server_port}{self.path}")
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            return
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {k.lower(): v.encode("latin-1").decode() for k, v in self.headers.items()}
        label = headers.get("label", "")
        with fake.lock:
            fake.calls.append(f"{operation} {label}".strip())
            if fake.watch(operation, "before"):
                self.close_connection = True
                return
            fault = fake.fault(operation)
            answer = None
            if fault != "refuse-before" and not isinstance(fault, dict):
                answer = self._do(operation, parts.query, label, headers, body)
            elif isinstance(fault, dict):
                answer = fault
                if operation == "load":
                    fake.txns[label].state = "ABORTED"
            if fake.watch(operation, "after"):
                fault = "drop"
        if isinstance(fault, str):
            self.close_connection = True
            return
        if answer is None:
            self._send(404, {})
        else:
            self._send(200, answer)

    def _do(
        self, operation: str, query: str, label: str, headers: dict[str, str], body: bytes
    ) -> Any:
        fake = self.server_fake
        if operation == "get_load_state":
            txn = fake.txns.get(parse_qs(query)["label"][0])
            return {"status": "OK", "state": txn.state if txn else "UNKNOWN"}
        if operation == "_stream_load":
            before = fake.txns.get(label)
            if before is not None and before.state == "VISIBLE":
                used = {"Status": "Label Already Exists", "ExistingJobStatus": "FINISHED"}
                return {**used, "Message": f"Label [{label}] has already been used."}
            fake.txns[label] = txn = Txn(1, "VISIBLE", [body], [headers])
            return {"Status": "Success", "Message": "OK", "NumberLoadedRows": len(txn.rows)}
        if not fake.transactions:
            return None
        return fake.answer(operation, label, headers, body)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815

    def _send(self, status: int, fields: dict[str, Any]) -> None:
        data = json.dumps(fields).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
