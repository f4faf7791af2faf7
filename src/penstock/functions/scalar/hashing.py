"""Digests and encodings: MD5, SHA*, base 64, hex, URL, character sets."""

from __future__ import annotations

import base64
import binascii
import hashlib
from urllib.parse import parse_qsl, quote_plus, unquote_plus, urlsplit

from penstock.functions.registry import rowwise, scalar
from penstock.types import BYTES, CHAR, STRING, VARCHAR


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _digest(name: str, size: int) -> None:
    def compute(value: str | bytes) -> str:
        return hashlib.new(name, _bytes(value)).hexdigest()

    scalar(name.upper(), "sy", CHAR(size))(rowwise(compute))


for _name, _size in (
    ("md5", 32),
    ("sha1", 40),
    ("sha224", 56),
    ("sha256", 64),
    ("sha384", 96),
    ("sha512", 128),
):
    _digest(_name, _size)


def _sha2(value: str | bytes, bits: int) -> str | None:
    name = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}.get(bits)
    return hashlib.new(name, _bytes(value)).hexdigest() if name else None


def _from_base64(text: str | bytes) -> str | None:
    try:
        return base64.b64decode(_bytes(text) + b"=" * (-len(text) % 4)).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return None


def _hex(value: int | str | bytes) -> str:
    if isinstance(value, int):
        return f"{value & 0xFFFFFFFFFFFFFFFF:X}"
    return _bytes(value).hex().upper()


def _unhex(text: str) -> bytes | None:
    try:
        return bytes.fromhex("0" + text if len(text) % 2 else text) if " " not in text else None
    except ValueError:
        return None


def _encode(text: str, charset: str) -> bytes | None:
    try:
        found = text.encode(charset, "replace")
    except LookupError:
        return None
    # Java's UTF-16 writes big-endian with a mark; Python writes the machine's order.
    return b"\xfe\xff" + text.encode("utf-16-be") if charset.upper() == "UTF-16" else found


def _decode(value: bytes, charset: str) -> str | None:
    try:
        if charset.upper() == "UTF-16" and not value.startswith((b"\xfe\xff", b"\xff\xfe")):
            charset = "utf-16-be"
        return value.decode(charset, "replace")
    except LookupError:
        return None


def _url_decode(text: str) -> str | None:
    try:
        return unquote_plus(text, errors="strict")
    except UnicodeDecodeError:
        return None


def _parse_url(url: str, part: str, key: str | None = None) -> str | None:
    try:
        found = urlsplit(url)
        port = f":{found.port}" if found.port else ""
    except ValueError:
        return None
    if key is not None:
        if part != "QUERY":
            return None
        return dict(reversed(parse_qsl(found.query, keep_blank_values=True))).get(key)
    user = found.netloc.rpartition("@")[0]
    name = found.netloc.rpartition("@")[2].removesuffix(port)
    parts = {
        "HOST": name,
        "PATH": found.path,
        "QUERY": found.query or None,
        "REF": found.fragment or None,
        "PROTOCOL": found.scheme,
        "FILE": found.path + (f"?{found.query}" if found.query else ""),
        "AUTHORITY": found.netloc,
        "USERINFO": user or None,
    }
    return parts.get(part) if found.scheme else None


scalar("SHA2", "sy i", VARCHAR(128))(rowwise(_sha2))
scalar("TO_BASE64", "sy", STRING)(
    rowwise(lambda value: base64.b64encode(_bytes(value)).decode("ascii"))
)
scalar("FROM_BASE64", "sy", STRING)(rowwise(_from_base64))
scalar("HEX", "isy", STRING)(rowwise(_hex))
scalar("UNHEX", "s", BYTES, nullable="always")(rowwise(_unhex))
scalar("BIN", "i", STRING)(rowwise(lambda n: f"{n & 0xFFFFFFFFFFFFFFFF:b}"))
scalar("ENCODE", "s s", BYTES, nullable="always")(rowwise(_encode))
scalar("DECODE", "y s", STRING, nullable="always")(rowwise(_decode))
scalar("URL_ENCODE", "s", STRING, nullable="always")(
    rowwise(lambda text: quote_plus(text, safe="*-._").replace("~", "%7E"))
)
scalar("URL_DECODE", "s", STRING, nullable="always")(rowwise(_url_decode))
scalar("PARSE_URL", "s s s?", STRING, nullable="always")(rowwise(_parse_url))
