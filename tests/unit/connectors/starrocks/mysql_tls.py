"""TLS in front of a MySQL-protocol server that has none."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path

_SSL = 0x0800


class MysqlTls:
    """Offers TLS and passes what it decrypts to a server; a context object.

    Args:
        certificate: PEM file of certificate and key.
        upstream: Host and port of the server.
    """

    def __init__(self, certificate: Path, upstream: tuple[str, int]) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate)
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.encrypted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> MysqlTls:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        quiet = contextlib.suppress(OSError, EOFError)
        with client, socket.create_connection(self._upstream) as server, quiet:
            secure = self._greet(client, server)
            with secure:
                self._log_in(secure, server)
                back = threading.Thread(target=_pump, args=(server, secure), daemon=True)
                back.start()
                _pump(secure, server)
                back.join(5)

    def _greet(self, client: socket.socket, server: socket.socket) -> ssl.SSLSocket:
        number, greeting = _packet(server)
        # Protocol, version, thread id, eight bytes of a nonce, a filler: then what it can.
        place = greeting.index(b"\0", 1) + 1 + 4 + 8 + 1
        (can,) = struct.unpack_from("<H", greeting, place)
        changed = bytearray(greeting)
        struct.pack_into("<H", changed, place, can | _SSL)
        _send(client, number, bytes(changed))
        _, asked = _packet(client)
        assert len(asked) == 32, "the client asks for no TLS"
        secure = self._context.wrap_socket(client, server_side=True)
        self.encrypted += 1
        return secure

    @staticmethod
    def _log_in(client: socket.socket, server: socket.socket) -> None:
        """Pass on until the server has let the client in; TLS took one packet number."""
        while True:
            number, packet = _packet(client)
            if number == 2:
                (wants,) = struct.unpack_from("<I", packet, 0)
                packet = struct.pack("<I", wants & ~_SSL) + packet[4:]
            _send(server, number - 1, packet)
            number, packet = _packet(server)
            _send(client, number + 1, packet)
            if packet[:1] in {b"\0", b"\xff"}:
                return


def _packet(source: socket.socket) -> tuple[int, bytes]:
    head = _read(source, 4)
    return head[3], _read(source, int.from_bytes(head[:3], "little"))


def _read(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _send(target: socket.socket, number: int, packet: bytes) -> None:
    target.sendall(len(packet).to_bytes(3, "little") + bytes([number]) + packet)


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
