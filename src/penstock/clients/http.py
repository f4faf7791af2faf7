"""A small HTTP/1.1 client for Stream Load: `Expect: 100-continue`, redirects with credentials.

The usual clients send the body to the frontend and lose the credentials at the 307; this one asks
first, follows by hand and keeps connections to the backends. Thread-safe; blocks with deadlines.
"""

from __future__ import annotations

import base64
import logging
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from penstock.clients.http_connection import (
    CONNECT_FAILED,
    Connection,
    Endpoint,
    HttpResponse,
    NotAskedError,
    NotHttpError,
    StaleError,
    Timeouts,
)
from penstock.clock import SystemClock
from penstock.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from penstock.clock import Clock
    from penstock.config import Secret

    Body = Sequence[bytes | memoryview] | None

__all__ = [
    "ANSWER_LOST",
    "CONNECT_FAILED",
    "REDIRECT_UNREACHABLE",
    "Endpoint",
    "HttpClient",
    "HttpResponse",
    "Timeouts",
]

_LOG = logging.getLogger(__name__)
_MAX_REDIRECTS = 5
_AVOID_S = 10.0
_IDLE_MAX = 16
_NOT_HTTP = "Is this the query port? The HTTP port of StarRocks is usually 8030."
ANSWER_LOST = "http-answer-lost"
REDIRECT_UNREACHABLE = "http-redirect-unreachable"


class HttpClient:
    """Sends requests to one of several equal endpoints and follows their redirects.

    An endpoint that fails is avoided for ten seconds, as long as there are others.

    Args:
        endpoints: Equal servers, tried in turn.
        user: For HTTP Basic; sent to the endpoints and where they redirect to, nowhere else.
        password: Its password.
        timeouts: Seconds to wait for what.
        mapping: From the address a redirect or error log names to the one to connect to.
        ca_file: PEM file of authorities for https, empty for the system's.
        clock: The door to time.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        user: str,
        password: Secret,
        *,
        timeouts: Timeouts | None = None,
        mapping: Callable[[Endpoint], Endpoint] = lambda endpoint: endpoint,
        ca_file: str = "",
        clock: Clock | None = None,
    ) -> None:
        self._endpoints = list(endpoints)
        secret = f"{user}:{password.reveal()}".encode()
        self._auth = "Basic " + base64.b64encode(secret).decode("ascii")
        self._timeouts = timeouts or Timeouts()
        self._mapping = mapping
        self._ca_file = ca_file
        self._clock = clock or SystemClock()
        self._tls: ssl.SSLContext | None = None
        self._avoided: dict[Endpoint, float] = {}
        self._trusted = set(endpoints)
        self._idle: dict[Endpoint, list[tuple[Connection, float]]] = {}
        self._lock = threading.Lock()
        self._closed = False
        self._warned = False
        self.connections = 0

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> HttpResponse:
        """One request; the body is sent only to the server that asks for it.

        Raises:
            ConnectorError: Retryable. Code `CONNECT_FAILED` or `REDIRECT_UNREACHABLE`: nothing was
                sent; `ANSWER_LOST`: the server may or may not have done it.
        """
        failure: ConnectorError | None = None
        for endpoint in self._candidates():
            try:
                response = self._follow(endpoint, method, path, headers or {}, body)
            except ConnectorError as error:
                self._avoid(endpoint)
                # What may have been done must not be done again; asking is harmless.
                if error.code == ANSWER_LOST and method != "GET":
                    raise
                if not error.retryable:
                    raise
                failure = error
                continue
            self._avoided.pop(endpoint, None)
            return response
        assert failure is not None
        raise failure

    def get(self, url: str) -> HttpResponse:
        """A GET of an absolute address, for error logs; credentials go to known servers only."""
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        return self._follow(self._mapping(_endpoint_of(url)), "GET", path, {}, None)

    def close(self) -> None:
        """Close the kept connections. May be called twice."""
        with self._lock:
            self._closed = True
            kept = [connection for idle in self._idle.values() for connection, _ in idle]
            self._idle.clear()
        for connection in kept:
            connection.close()

    def _candidates(self) -> list[Endpoint]:
        now = self._clock.monotonic()
        return sorted(self._endpoints, key=lambda e: self._avoided.get(e, 0.0) > now)

    def _avoid(self, endpoint: Endpoint) -> None:
        if len(self._endpoints) > 1:
            self._avoided[endpoint] = self._clock.monotonic() + _AVOID_S
            _LOG.warning("%s fails and is avoided for %.0f s", endpoint, _AVOID_S)

    def _follow(
        self, endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: Body
    ) -> HttpResponse:
        source = endpoint
        named = endpoint
        for _ in range(_MAX_REDIRECTS):
            try:
                response = self._exchange(endpoint, method, path, headers, body)
            except ConnectorError as error:
                if error.code == CONNECT_FAILED and endpoint is not source:
                    raise _unreachable(source, named, endpoint, error) from error
                raise
            location = response.headers.get("location", "")
            if response.status not in {301, 302, 307, 308} or not location:
                return response
            parts = urlsplit(location)
            path = parts.path + (f"?{parts.query}" if parts.query else "")
            if parts.netloc:
                named = _endpoint_of(location)
                endpoint = self._mapping(named)
                self._trust(source, endpoint)
        raise ConnectorError(
            f"too many redirects from {source}", retryable=False, endpoint=str(source)
        )

    def _trust(self, source: Endpoint, target: Endpoint) -> None:
        """A server that has the credentials may name another one to get them."""
        if source not in self._trusted:
            return
        self._trusted.add(target)
        if source.tls and not target.tls and not self._warned:
            self._warned = True
            _LOG.warning("%s redirects to %s: rows and password go unencrypted", source, target)

    def _exchange(
        self, endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: Body
    ) -> HttpResponse:
        head = self._head(endpoint, method, path, headers, body)
        while True:
            connection = self._take(endpoint)
            reusable = False
            try:
                response, reusable = connection.exchange(head, body)
            except StaleError:
                continue
            except NotAskedError as error:
                raise _not_asked(endpoint, path, self._timeouts.proceed) from error
            except (OSError, ValueError, EOFError) as error:
                raise _lost(endpoint, method, path, error) from error
            finally:
                if not reusable:
                    connection.close()
            if reusable:
                self._give_back(connection)
            return response

    def _head(
        self, endpoint: Endpoint, method: str, path: str, headers: Mapping[str, str], body: Body
    ) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {endpoint.authority}"]
        if endpoint in self._trusted:
            lines.append(f"Authorization: {self._auth}")
        lines += [f"{name}: {_one_line(value)}" for name, value in headers.items()]
        if body is not None:
            lines.append("Expect: 100-continue")
            lines.append(f"Content-Length: {sum(memoryview(part).nbytes for part in body)}")
        elif method in {"POST", "PUT"}:
            lines.append("Content-Length: 0")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def _take(self, endpoint: Endpoint) -> Connection:
        longest = self._timeouts.idle
        with self._lock:
            idle = self._idle.get(endpoint, [])
            while idle:
                connection, since = idle.pop()
                if longest is None or self._clock.monotonic() - since <= longest:
                    return connection
                connection.close()
            self.connections += 1
        return Connection(endpoint, self._timeouts, self._context() if endpoint.tls else None)

    def _give_back(self, connection: Connection) -> None:
        with self._lock:
            idle = self._idle.setdefault(connection.endpoint, [])
            if not self._closed and len(idle) < _IDLE_MAX:
                idle.append((connection, self._clock.monotonic()))
                return
        connection.close()

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                try:
                    self._tls = ssl.create_default_context(cafile=self._ca_file or None)
                except OSError as error:
                    raise ConnectorError(
                        f"could not read the authorities in '{self._ca_file}'",
                        retryable=False,
                        detail=f"{error}.",
                        hint="Check 'sink.ssl.ca-file': a PEM file of certificates.",
                    ) from error
            return self._tls


def _one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def _endpoint_of(url: str) -> Endpoint:
    parts = urlsplit(url)
    tls = parts.scheme == "https"
    return Endpoint(parts.hostname or "", parts.port or (443 if tls else 80), tls)


def _unreachable(
    source: Endpoint, named: Endpoint, tried: Endpoint, error: ConnectorError
) -> ConnectorError:
    reached = "" if named == tried else f", reached as {tried}"
    return ConnectorError(
        f"could not reach {named}, to which {source} sends loads",
        retryable=True,
        endpoint=str(tried),
        code=REDIRECT_UNREACHABLE,
        detail=f"The frontend answered; the backend {named}{reached} did not: {error.detail}",
        hint="If StarRocks runs in containers, this address may be known only inside: set"
        f" 'sink.load.host-mapping' = '{named.authority}=REACHABLE_HOST:PORT',"
        " or 'load-url' to the address of a backend or proxy for plain Stream Load.",
    )


def _not_asked(endpoint: Endpoint, path: str, seconds: float) -> ConnectorError:
    return ConnectorError(
        f"{endpoint} did not ask for the body within {seconds:g} s",
        retryable=True,
        endpoint=str(endpoint),
        code="http-not-asked",
        detail=f"PUT {path.split('?', maxsplit=1)[0]}: neither '100 Continue' nor a redirect came,"
        " so no row was sent.",
        hint="StarRocks is slow: raise 'sink.wait-for-continue.timeout-ms'. A proxy in between"
        " must pass 'Expect: 100-continue' on.",
    )


def _lost(endpoint: Endpoint, method: str, path: str, error: Exception) -> ConnectorError:
    what = "timed out" if isinstance(error, TimeoutError) else str(error) or "closed"
    return ConnectorError(
        f"lost the answer of {endpoint}",
        retryable=True,
        endpoint=str(endpoint),
        code=ANSWER_LOST,
        detail=f"{method} {path.split('?', maxsplit=1)[0]}: {what}.",
        hint=_NOT_HTTP if isinstance(error, NotHttpError) else "",
    )
