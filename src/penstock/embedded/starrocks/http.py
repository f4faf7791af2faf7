"""HTTP/1.1 for the embedded StarRocks: sockets, heads and bodies. What is answered: `routes.py`.

A connection is an asyncio stream; the work of a request is done in a thread pool.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from penstock.embedded.starrocks.faults import Fault
    from penstock.embedded.starrocks.load import LoadOptions
    from penstock.embedded.starrocks.transaction import Transaction

log = logging.getLogger(__name__)

IDLE_SECONDS = 300
BODY_STALL_SECONDS = 600

_REASONS = {200: "OK", 307: "Temporary Redirect", 400: "Bad Request", 401: "Unauthorized"}
_REASONS |= {
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    501: "Not Implemented",
}


@dataclass(slots=True)
class Request:
    """A request; header names in lower case, names in the path decoded.

    What follows `body_max` is for the handler, from `open` to `handle`.
    """

    method: str
    target: str
    parts: list[str]
    query: dict[str, str]
    headers: dict[str, str]
    version: str = "HTTP/1.1"
    body: bytes = b""
    peer: str = ""
    body_max: int = 1 << 40
    started: float = 0.0
    transaction: Transaction | None = None
    options: LoadOptions | None = None
    fault: Fault | None = None

    @property
    def user(self) -> str:
        """Who sends it; `root` without credentials."""
        return (self.credentials() or ("root", ""))[0]

    @property
    def expects(self) -> bool:
        """Whether the client waits for `100 Continue`."""
        return "100-continue" in self.headers.get("expect", "").lower()

    def credentials(self) -> tuple[str, str] | None:
        """User and password of Basic authorization."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(text).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None
        return user, password


@dataclass(slots=True)
class Response:
    """An answer. `close` ends the connection after it, `drop` instead of it; `delay` in seconds."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False
    drop: bool = False
    delay: float = 0.0


def json_response(data: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON."""
    body = json.dumps(data, ensure_ascii=False, indent=4).encode()
    return Response(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


class Handler(Protocol):
    """Who answers requests."""

    def early(self, request: Request) -> Response | None:
        """An answer that needs no body, given before it is read; None to go on."""

    def open(self, request: Request) -> Response | None:
        """Like `early`, in a thread of the pool, once `early` had nothing to answer."""

    def cut(self, request: Request) -> None:
        """The body did not come whole; in a thread of the pool."""

    def handle(self, request: Request) -> Response:
        """The answer, in a thread of the pool."""


class BadRequestError(ValueError):
    """What came is not HTTP."""


class HttpServer:
    """One listening port with its own event loop thread."""

    def __init__(self, handler: Handler, host: str, port: int, pool: Executor, name: str) -> None:
        self._handler = handler
        self._host = host
        self._pool = pool
        self._name = name
        self.port = port
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Listen; `port` is then the real one."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def stop(self) -> None:
        """Close the port and all connections."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, self._host, self.port, limit=1 << 22, backlog=256
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, EOFError, TimeoutError, asyncio.CancelledError):
            pass
        except (BadRequestError, asyncio.LimitOverrunError) as error:
            log.debug("bad request on %s: %s", self._name, error)
            text = json_response({"status": "FAILED", "msg": str(error)}, 400)
            text.close = True
            writer.write(_encode(text))
        finally:
            if task is not None:
                self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection stays open."""
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, TimeoutError):
            return False
        request = parse_head(head)
        request.peer = str(writer.get_extra_info("peername")[0])
        has_body = _has_body(request)
        response = self._handler.early(request)
        if response is None:
            response = await self._in_pool(self._handler.open, request)
        if response is not None:
            if has_body and not request.expects:
                response.close = not await _skip_small(reader, request) or response.close
            elif has_body:
                response.close = True
        else:
            response = await self._with_body(request, reader, writer, has_body=has_body)
        if response.delay:
            await asyncio.sleep(response.delay)
        if response.drop:
            writer.transport.abort()
            return False
        wanted = request.headers.get("connection", "").lower()
        keep = wanted != "close" and (request.version != "HTTP/1.0" or wanted == "keep-alive")
        response.close = response.close or not keep
        writer.write(_encode(response))
        await writer.drain()
        return not response.close

    async def _with_body(
        self,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        has_body: bool,
    ) -> Response:
        if has_body:
            if request.expects:
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await writer.drain()
            try:
                request.body = await _read_body(reader, request)
            except (ConnectionError, EOFError, TimeoutError, ValueError, asyncio.CancelledError):
                # A cancelled server stops its pool only after this.
                self._pool.submit(self._handler.cut, request)
                raise
        response: Response = await self._in_pool(self._handler.handle, request)
        return response

    async def _in_pool(self, work: Callable[[Request], Any], request: Request) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._guarded, work, request)

    def _guarded(self, work: Callable[[Request], Any], request: Request) -> Any:
        try:
            return work(request)
        except Exception as error:  # the edge: a bug of ours is an answer too, and logged
            log.exception("request %s %s failed", request.method, request.target)
            text = f"{type(error).__name__}: {error}"
            return json_response({"Status": "INTERNAL_ERROR", "Message": text}, 500)


def parse_head(head: bytes) -> Request:
    """The head of a request; header values are UTF-8, or Latin-1 where they are not."""
    try:
        text = head.decode()
    except UnicodeDecodeError:
        text = head.decode("latin-1")
    lines = text.split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/"):
        raise BadRequestError("malformed request line")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip(" ")
    try:
        url = urlsplit(words[1])
    except ValueError as error:
        raise BadRequestError(f"malformed target: {error}") from error
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    parts = [unquote(part) for part in url.path.split("/") if part]
    return Request(words[0].upper(), words[1], parts, query, headers, words[2])


def _has_body(request: Request) -> bool:
    chunked = "chunked" in request.headers.get("transfer-encoding", "").lower()
    return chunked or request.headers.get("content-length", "0") != "0"


async def _skip_small(reader: asyncio.StreamReader, request: Request) -> bool:
    """Read a body nobody wants if it is small; whether it was."""
    length = request.headers.get("content-length", "")
    if not length.isdigit() or int(length) > 1 << 16:
        return False
    await reader.readexactly(int(length))
    return True


async def _read_body(reader: asyncio.StreamReader, request: Request) -> bytes:
    """The whole body.

    Raises:
        BadRequestError: Its framing is wrong, or it is longer than the handler takes.
        TimeoutError: Nothing came for too long.
    """
    body = bytearray()
    if "chunked" in request.headers.get("transfer-encoding", "").lower():
        while size := await _chunk_size(reader):
            await _read_into(body, reader, size, request.body_max)
            async with asyncio.timeout(BODY_STALL_SECONDS):
                await reader.readexactly(2)
        while (await reader.readline()).strip():
            pass
        return bytes(body)
    await _read_into(body, reader, _length(request), request.body_max)
    return bytes(body)


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "")
    if not text.isdigit() or len(text) > 15:
        raise BadRequestError(f"malformed Content-Length: {text[:40]}")
    return int(text)


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(BODY_STALL_SECONDS):
        text = (await reader.readline()).split(b";")[0].strip()
    if not text or len(text) > 15 or text.strip(b"0123456789abcdefABCDEF"):
        raise BadRequestError("malformed chunk size")
    return int(text, 16)


async def _read_into(
    body: bytearray, reader: asyncio.StreamReader, size: int, body_max: int
) -> None:
    if len(body) + size > body_max:
        raise BadRequestError(f"body size {len(body) + size} exceed limit {body_max}")
    while size:
        async with asyncio.timeout(BODY_STALL_SECONDS):
            piece = await reader.read(min(size, 1 << 20))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        body += piece
        size -= len(piece)


def _encode(response: Response) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}"]
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "close" if response.close else "keep-alive",
        **response.headers,
    }
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + response.body
