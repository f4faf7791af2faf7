"""MySQL packets: framing, lengths, handshake, OK, ERR, EOF and column definitions."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterable

MAX_PAYLOAD: Final = 0xFFFFFF
STATUS_AUTOCOMMIT: Final = 0x0002

CLIENT_CONNECT_WITH_DB: Final = 0x8
CLIENT_PROTOCOL_41: Final = 0x200
CLIENT_SECURE_CONNECTION: Final = 0x8000
CLIENT_PLUGIN_AUTH: Final = 0x80000
CLIENT_CONNECT_ATTRS: Final = 0x100000
CLIENT_PLUGIN_AUTH_LENENC: Final = 0x200000
CLIENT_DEPRECATE_EOF: Final = 0x1000000

SERVER_CAPABILITIES: Final = (
    0x1  # long password
    | 0x2  # found rows
    | 0x4  # long flag
    | CLIENT_CONNECT_WITH_DB
    | CLIENT_PROTOCOL_41
    | 0x400  # interactive
    | 0x2000  # transactions
    | CLIENT_SECURE_CONNECTION
    | 0x20000  # multi results
    | CLIENT_PLUGIN_AUTH
    | CLIENT_CONNECT_ATTRS
    | CLIENT_PLUGIN_AUTH_LENENC
    | CLIENT_DEPRECATE_EOF
)
"""What the server offers; neither TLS nor compression nor several statements in one text."""

NATIVE_PASSWORD: Final = "mysql_native_password"


class ClientGoneError(ConnectionError):
    """The client closed its socket."""


class PacketStream:
    """Reads and writes packets on one socket; keeps the sequence number.

    Used by the connection's thread only.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.sequence = 0

    def _exactly(self, length: int) -> bytes:
        parts: list[bytes] = []
        while length:
            part = self._socket.recv(min(length, 1 << 20))
            if not part:
                raise ClientGoneError
            parts.append(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read(self) -> bytes:
        """The next payload; one that came in several packets is put together.

        Raises:
            ClientGoneError: The client hung up.
        """
        payload = b""
        while True:
            head = self._exactly(4)
            length = int.from_bytes(head[:3], "little")
            self.sequence = (head[3] + 1) & 255
            payload += self._exactly(length)
            if length < MAX_PAYLOAD:
                return payload

    def frame(self, payload: bytes) -> bytes:
        """The payload with its headers; takes as many sequence numbers as it needs packets."""
        parts: list[bytes] = []
        start = 0
        while True:
            part = payload[start : start + MAX_PAYLOAD]
            parts += [struct.pack("<I", len(part) | self.sequence << 24), part]
            self.sequence = (self.sequence + 1) & 255
            start += MAX_PAYLOAD
            if len(part) < MAX_PAYLOAD:
                return b"".join(parts)

    def send(self, *payloads: bytes) -> None:
        """Sends payloads, a packet each."""
        self._socket.sendall(b"".join([self.frame(payload) for payload in payloads]))

    def send_framed(self, framed: bytes) -> None:
        """Sends bytes that already have their headers."""
        self._socket.sendall(framed)


def length_encoded(number: int) -> bytes:
    """An integer in MySQL's variable-length form."""
    if number < 251:
        return bytes((number,))
    if number < 1 << 16:
        return b"\xfc" + struct.pack("<H", number)
    if number < 1 << 24:
        return b"\xfd" + struct.pack("<I", number)[:3]
    return b"\xfe" + struct.pack("<Q", number)


def length_prefixed(value: bytes) -> bytes:
    """Bytes behind their length."""
    return length_encoded(len(value)) + value


def read_length(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer and the position behind it."""
    first = data[at]
    if first < 251:
        return first, at + 1
    size = {0xFC: 2, 0xFD: 3}.get(first, 8)
    return int.from_bytes(data[at + 1 : at + 1 + size], "little"), at + 1 + size


def handshake(connection_id: int, salt: bytes, version: str) -> bytes:
    """The greeting, protocol version 10."""
    return b"".join(
        [
            b"\x0a",
            version.encode() + b"\0",
            struct.pack("<I", connection_id),
            salt[:8] + b"\0",
            struct.pack("<H", SERVER_CAPABILITIES & 0xFFFF),
            bytes((33,)),
            struct.pack("<H", STATUS_AUTOCOMMIT),
            struct.pack("<H", SERVER_CAPABILITIES >> 16),
            bytes((len(salt) + 1,)),
            bytes(10),
            salt[8:] + b"\0",
            NATIVE_PASSWORD.encode() + b"\0",
        ]
    )


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """What a client answers to the greeting."""

    capabilities: int
    user: str
    proof: bytes
    database: str
    plugin: str


def read_login(payload: bytes) -> LoginRequest:
    """Decodes the handshake response of protocol 4.1.

    Raises:
        ValueError: The client speaks an older protocol or the packet is cut.
    """
    if len(payload) < 33:
        raise ValueError("handshake response is too short")
    capabilities = struct.unpack_from("<I", payload)[0]
    if not capabilities & CLIENT_PROTOCOL_41:
        raise ValueError("client does not speak protocol 4.1")
    at = payload.index(b"\0", 32)
    user = payload[32:at].decode("utf-8", "replace")
    at += 1
    if capabilities & CLIENT_PLUGIN_AUTH_LENENC:
        size, at = read_length(payload, at)
    elif capabilities & CLIENT_SECURE_CONNECTION:
        size, at = payload[at], at + 1
    else:
        size = payload.index(b"\0", at) - at
    proof = payload[at : at + size]
    at += size
    database = plugin = ""
    if capabilities & CLIENT_CONNECT_WITH_DB and at < len(payload):
        raw, _, rest = payload[at:].partition(b"\0")
        database = raw.decode("utf-8", "replace")
        at = len(payload) - len(rest)
    if capabilities & CLIENT_PLUGIN_AUTH and at < len(payload):
        plugin = payload[at:].partition(b"\0")[0].decode("ascii", "replace")
    return LoginRequest(capabilities, user, proof, database, plugin)


def ok_packet(affected: int = 0, *, info: str = "", header: int = 0, warnings: int = 0) -> bytes:
    """An OK packet; `header` 0xFE makes it the end of a result set.

    The text has its length in front: the protocol's pages say it ends with the packet, but servers
    send it so, and MariaDB's clients read it so.
    """
    return b"".join(
        [
            bytes((header,)),
            length_encoded(affected),
            b"\0",
            struct.pack("<HH", STATUS_AUTOCOMMIT, warnings),
            length_prefixed(info.encode()) if info else b"",
        ]
    )


def eof_packet() -> bytes:
    """The old end marker."""
    return b"\xfe" + struct.pack("<HH", 0, STATUS_AUTOCOMMIT)


def error_packet(number: int, state: str, message: str) -> bytes:
    """An ERR packet; long texts are cut at 4096 characters."""
    return b"\xff" + struct.pack("<H", number) + b"#" + state.encode() + message[:4096].encode()


@dataclass(frozen=True, slots=True)
class WireType:
    """How a column is announced: type code, character set, decimals, display length, flags."""

    code: int
    charset: int = 63
    decimals: int = 0
    length: int = 0
    flags: int = 0


def column_definition(
    name: str, wire: WireType, *, database: str = "", table: str = "", default: bool = False
) -> bytes:
    """A column definition of protocol 4.1; `default` adds what COM_FIELD_LIST wants."""
    head: Iterable[bytes] = (
        length_prefixed(text.encode()) for text in ("def", database, table, table, name, name)
    )
    tail = struct.pack(
        "<BHIBHBH", 12, wire.charset, wire.length, wire.code, wire.flags, wire.decimals, 0
    )
    return b"".join([*head, tail]) + (b"\xfb" if default else b"")
