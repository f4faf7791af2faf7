"""The http client: redirects with credentials, stale connections, errors as ours."""

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.unit.clients.certificates import self_signed

from penstock.clients.http import (
    ANSWER_LOST,
    CONNECT_FAILED,
    REDIRECT_UNREACHABLE,
    Endpoint,
    HttpClient,
    Timeouts,
)
from penstock.config import Secret
from penstock.errors import ConnectorError
from penstock.testing import ManualClock

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


_MADE: list[HttpClient] = []


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while _MADE:
        _MADE.pop().close()


def client(*endpoints: Endpoint, password: str = "p", **more: Any) -> HttpClient:
    more = {"timeouts": Timeouts(connect=2, answer=1, proceed=1), **more}
    _MADE.append(HttpClient(endpoints, "ü", Secret(password), **more))
    return _MADE[-1]


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


def test_an_answer_that_is_not_http_asks_whether_the_port_is_another_one() -> None:
    """As a query port greets: in the protocol of MySQL."""
    with pytest.raises(ConnectorError) as caught:
        client(serve(lambda c: c.sendall(b"\x4a\0\0\0\x0a8.0.33\0\n"))).request("POST", "/")
    assert caught.value.code == ANSWER_LOST
    assert "is not HTTP" in caught.value.detail
    assert "query port" in caught.value.hint
    assert "8030" in caught.value.hint


def answering(body: bytes = b"ok", times: int = 1, heads: list[bytes] | None = None) -> Endpoint:
    def talk(connection: socket.socket) -> None:
        head = connection.recv(65536)
        if heads is not None:
            heads.append(head)
        text = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(text.encode() + body)

    return serve(talk, times)


def redirecting(location: str, times: int = 1) -> Endpoint:
    def talk(connection: socket.socket) -> None:
        connection.recv(65536)
        head = f"HTTP/1.1 307 Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n"
        connection.sendall((head + "Connection: close\r\n\r\n").encode())

    return serve(talk, times)


DEAD = Endpoint("127.0.0.1", 1)


def test_a_failing_endpoint_is_avoided_for_a_while() -> None:
    clock = ManualClock()
    good = answering(times=3)
    http = client(DEAD, good, clock=clock)
    for expected in (2, 3):
        assert http.request("GET", "/").endpoint == good
        assert http.connections == expected
    clock.advance(11)
    assert http.request("GET", "/").endpoint == good
    assert http.connections == 5


def test_all_endpoints_are_tried_even_when_all_are_avoided() -> None:
    http = client(DEAD, Endpoint("127.0.0.1", 2))
    for _ in range(2):
        with pytest.raises(ConnectorError, match="could not connect"):
            http.request("GET", "/")


@pytest.mark.parametrize(("method", "tried"), [("GET", 2), ("POST", 1)])
def test_a_lost_answer_is_asked_for_elsewhere_only_where_asking_is_harmless(
    method: str, tried: int
) -> None:
    http = client(serve(lambda c: setattr(c, "x", 0) if not c.recv(9999) else None), answering())
    if method == "GET":
        assert http.request(method, "/").body == b"ok"
    else:
        with pytest.raises(ConnectorError) as caught:
            http.request(method, "/")
        assert caught.value.code == ANSWER_LOST
    assert http.connections == tried


def test_an_unreachable_redirect_is_explained_with_a_remedy() -> None:
    frontend = redirecting("http://127.0.0.1:1/api")
    with pytest.raises(ConnectorError) as caught:
        client(frontend).request("PUT", "/", body=[b"x"])
    error = caught.value
    assert error.code == REDIRECT_UNREACHABLE
    assert error.message == f"could not reach http://127.0.0.1:1, to which {frontend} sends loads"
    assert "'sink.load.host-mapping' = '127.0.0.1:1=REACHABLE_HOST:PORT'" in error.hint


def test_redirects_and_error_logs_are_mapped() -> None:
    heads: list[bytes] = []
    backend = answering(times=2, heads=heads)
    named = Endpoint("10.255.255.1", 8040)
    http = client(
        redirecting(f"{named}/api"),
        mapping=lambda endpoint: backend if endpoint == named else endpoint,
    )
    assert http.request("PUT", "/", body=[b"x"]).body == b"ok"
    assert http.get(f"{named}/log?file=a").body == b"ok"
    assert heads[1].startswith(b"GET /log?file=a ")


def test_credentials_go_to_no_other_host() -> None:
    heads: list[bytes] = []
    stranger = answering(heads=heads)
    http = client(answering())
    http.request("GET", "/")
    assert http.get(f"{stranger}/log").body == b"ok"
    assert b"Authorization" not in heads[0]


def test_a_server_that_keeps_silent_gets_no_body_and_is_explained() -> None:
    got: list[bytes] = []

    def silent(connection: socket.socket) -> None:
        got.append(connection.recv(65536))
        got.append(connection.recv(65536))

    with pytest.raises(ConnectorError, match="did not ask for the body") as caught:
        client(serve(silent)).request("PUT", "/", body=[b"secret rows"])
    assert "wait-for-continue" in caught.value.hint
    assert b"secret rows" not in b"".join(got)


def test_an_early_refusal_is_read_although_the_body_was_cut_off() -> None:
    def refuse(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.recv(10)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
        # Reading on lets the answer out before the reset.
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1 << 20):
            pass

    body = [memoryview(bytes(1 << 20))] * 8
    response = client(serve(refuse)).request("PUT", "/", body=body)
    assert (response.status, response.body) == (413, b"big")


def test_connections_are_used_again() -> None:
    seen = 0

    def keep(connection: socket.socket) -> None:
        nonlocal seen
        while connection.recv(65536):
            seen += 1
            connection.sendall(OK)

    http = client(serve(keep))
    for _ in range(20):
        assert http.request("POST", "/").body == b"ok"
    http.close()
    assert (seen, http.connections) == (20, 1)


def test_ipv6_addresses_stand_in_brackets() -> None:
    heads: list[bytes] = []
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        # No IPv6 on this machine: the text is all there is to see.
        assert Endpoint("::1", 8030).authority == "[::1]:8030"
        return

    def run() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                heads.append(connection.recv(65536))
                connection.sendall(OK)

    threading.Thread(target=run, daemon=True).start()
    port = listener.getsockname()[1]
    assert client(Endpoint("::1", port)).request("GET", "/").body == b"ok"
    assert f"Host: [::1]:{port}\r\n".encode() in heads[0]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


def tls_server(certificate: Path, answer: bytes = OK) -> Endpoint:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def talk(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(65536)
                secure.sendall(answer)
        except ssl.SSLError:
            return

    return Endpoint("localhost", serve(talk).port, tls=True)


def test_https_with_an_authority_of_the_user(certificate: Path) -> None:
    http = client(tls_server(certificate), ca_file=str(certificate))
    assert http.request("GET", "/").body == b"ok"


def test_https_with_an_unknown_authority_is_refused(certificate: Path) -> None:
    with pytest.raises(ConnectorError, match="could not connect") as caught:
        client(tls_server(certificate)).request("GET", "/")
    assert "sink.ssl.ca-file" in caught.value.hint


def test_a_ca_file_that_cannot_be_read_is_named() -> None:
    http = client(Endpoint("localhost", 1, tls=True), ca_file="/no/ca.pem")
    with pytest.raises(ConnectorError, match=r"/no/ca\.pem") as caught:
        http.request("GET", "/")
    assert not caught.value.retryable


def test_a_redirect_from_https_to_http_is_warned_of(
    certificate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    target = answering()
    moved = f"HTTP/1.1 307 Moved\r\nLocation: {target}/\r\nContent-Length: 0\r\n\r\n"
    frontend = tls_server(certificate, moved.encode())
    http = client(frontend, ca_file=str(certificate))
    assert http.request("GET", "/").body == b"ok"
    assert "unencrypted" in caplog.text
