"""The http client: redirects with credentials, stale connections, errors as ours."""

import socket
import threading
from collections.abc import Callable

import pytest

from penstock.clients.http import ANSWER_LOST, CONNECT_FAILED, Endpoint, HttpClient, Timeouts
from penstock.config import Secret
from penstock.errors import ConnectorError

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def serve(talk: Callable[[socket.socket], None], times: int = 1) -> Endpoint:
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener:
            for _ in range(times):
                connection, _ = listener.accept()
                with connection:
                    talk(connection)

    threading.Thread(target=run, daemon=True).start()
    return Endpoint("127.0.0.1", listener.getsockname()[1])


def client(*endpoints: Endpoint) -> HttpClient:
    return HttpClient(
        endpoints, "ü", Secret("p"), timeouts=Timeouts(connect=2, answer=1, proceed=1)
    )


def test_body_goes_only_to_the_redirect_target_with_credentials() -> None:
    heads: list[bytes] = []
    bodies: list[bytes] = []

    def backend(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        bodies.append(connection.recv(65536))
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n"
        )

    target = serve(backend)

    def frontend(connection: socket.socket) -> None:
        heads.append(connection.recv(65536))
        head = f"HTTP/1.1 307 Moved\r\nLocation: {target}/x?y=1\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    http = client(serve(frontend))
    response = http.request("PUT", "/a", {"db": "訂單"}, [b"1,2"])
    http.close()
    assert response.body == b"ok"
    assert bodies == [b"1,2"]
    assert heads[1].startswith(b"PUT /x?y=1 ")
    for head in heads:
        assert b"Authorization: Basic w7w6cA==" in head
        assert "db: 訂單".encode() in head
        assert b"Expect: 100-continue" in head


def test_a_stale_connection_is_replaced() -> None:
    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)

    http = client(serve(once, times=2))
    assert http.request("GET", "/").body == b"ok"
    assert http.request("GET", "/").body == b"ok"
    http.close()


def test_the_next_endpoint_is_tried() -> None:
    def once(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)

    http = client(Endpoint("127.0.0.1", 1), serve(once))
    assert http.request("GET", "/").status == 200
    http.close()


def test_errors_say_whether_anything_was_sent() -> None:
    with pytest.raises(ConnectorError) as caught:
        client(Endpoint("127.0.0.1", 1)).request("GET", "/")
    assert caught.value.code == CONNECT_FAILED
    with pytest.raises(ConnectorError) as caught:
        client(serve(lambda c: setattr(c, "x", 0) if not c.recv(100) else None)).request(
            "POST", "/"
        )
    assert caught.value.code == ANSWER_LOST
    assert caught.value.retryable
