"""Digests and encodings: MD5, SHA*, base 64, hex, URL, character sets."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import NoReturn
from urllib.parse import quote_plus, unquote_plus, urlsplit

from penstock.errors import DataError
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


def _sha2(value: str | bytes, bits: int) -> str:
    if bits not in {224, 256, 384, 512}:
        raise DataError(f"SHA2 of {bits} bits is no algorithm", code="argument")
    return hashlib.new(f"sha{bits}", _bytes(value)).hexdigest()


def _from_base64(text: str | bytes) -> str:
    raw = _bytes(text)
    try:
        found = base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError("text of FROM_BASE64 is no base 64", code="base64") from error
    return found.decode("utf-8", "replace")


def _hex(value: int | str | bytes) -> str:
    if isinstance(value, int):
        return f"{value & 0xFFFFFFFFFFFFFFFF:X}"
    return _bytes(value).hex().upper()


_HEX = re.compile("[0-9a-fA-F]*")


def _unhex(text: str) -> bytes | None:
    """A single digit in front gives a zero byte, whatever it is (observed on 2.2.1)."""
    if not _HEX.fullmatch(text):
        return None
    odd = len(text) % 2
    return b"\0" * odd + bytes.fromhex(text[odd:])


def _no_charset(charset: str, error: LookupError) -> NoReturn:
    raise DataError(f"character set '{charset}' is not known", code="charset") from error


def _encode(text: str, charset: str) -> bytes:
    try:
        found = text.encode(charset, "replace")
    except LookupError as error:
        _no_charset(charset, error)
    # Java's UTF-16 writes big-endian with a mark; Python writes the machine's order.
    return b"\xfe\xff" + text.encode("utf-16-be") if charset.upper() == "UTF-16" else found


def _decode(value: bytes, charset: str) -> str:
    try:
        if charset.upper() == "UTF-16" and not value.startswith((b"\xfe\xff", b"\xff\xfe")):
            charset = "utf-16-be"
        return value.decode(charset, "replace")
    except LookupError as error:
        _no_charset(charset, error)


_BAD_PERCENT = re.compile("%(?![0-9a-fA-F]{2})")


def _url_decode(text: str) -> str | None:
    return None if _BAD_PERCENT.search(text) else unquote_plus(text, errors="replace")


def _parse_url(url: str, part: str, key: str | None = None) -> str | None:
    try:
        found = urlsplit(url)
        port = f":{found.port}" if found.port else ""
    except ValueError:
        return None
    if key is not None:
        if part != "QUERY":
            return None
        pairs = (pair.partition("=") for pair in found.query.split("&"))
        return next((value for name, equals, value in pairs if equals and name == key), None)
    user = found.netloc.rpartition("@")[0]
    host = found.netloc.rpartition("@")[2].removesuffix(port)
    parts = {
        "HOST": host,
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
scalar("ENCODE", "s s", BYTES)(rowwise(_encode))
scalar("DECODE", "y s", STRING)(rowwise(_decode))
scalar("URL_ENCODE", "s", STRING, nullable="always")(
    rowwise(lambda text: quote_plus(text, safe="*-._").replace("~", "%7E"))
)
scalar("URL_DECODE", "s", STRING, nullable="always")(rowwise(_url_decode))
scalar("PARSE_URL", "s s s?", STRING, nullable="always")(rowwise(_parse_url))
