"""MySQL's binary JSON to the text MySQL prints for it."""

from __future__ import annotations

import base64
import json
import struct

from penstock.errors import DataError
from penstock.wire.mysql.table_map import DIGIT_BYTES, decimal_width

_NUMBERS = {5: "<h", 6: "<H", 7: "<i", 8: "<I", 9: "<q", 10: "<Q", 11: "<d"}
_LITERALS = {0: "null", 1: "true", 2: "false"}


def decode_json(data: bytes) -> str:
    """The text of a stored JSON value.

    Examples:
        >>> decode_json(bytes([5, 42, 0])), decode_json(b"")
        ('42', 'null')
    """
    if not data:
        return "null"
    try:
        return _value(data[0], memoryview(data)[1:])
    except (IndexError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise DataError("a JSON value of the binlog is broken") from error


def _value(kind: int, data: memoryview) -> str:
    if kind <= 3:
        return _container(data, is_object=kind < 2, wide=bool(kind & 1))
    if kind == 4:
        return _LITERALS[data[0]]
    if kind in _NUMBERS:
        number = struct.unpack_from(_NUMBERS[kind], data)[0]
        return _double(number) if kind == 11 else str(number)
    size, place = _size(data, 1 if kind == 15 else 0)
    if kind == 12:
        return _quote(bytes(data[place : place + size]).decode())
    if kind == 15:
        return _opaque(data[0], bytes(data[place : place + size]))
    raise KeyError(kind)


def _container(data: memoryview, *, is_object: bool, wide: bool) -> str:
    width = 4 if wide else 2
    count, _ = struct.unpack_from("<II" if wide else "<HH", data)
    place = 2 * width
    keys = []
    if is_object:
        for index in range(count):
            at = place + index * (width + 2)
            begin = int.from_bytes(data[at : at + width], "little")
            size = int.from_bytes(data[at + width : at + width + 2], "little")
            keys.append(bytes(data[begin : begin + size]).decode())
        place += count * (width + 2)
    values = []
    for index in range(count):
        at = place + index * (width + 1)
        kind = data[at]
        inline = kind in {4, 5, 6} or (wide and kind in {7, 8})
        if inline:
            values.append(_value(kind, data[at + 1 : at + 1 + width]))
        else:
            begin = int.from_bytes(data[at + 1 : at + 1 + width], "little")
            values.append(_value(kind, data[begin:]))
    if is_object:
        pairs = (f"{_quote(k)}: {v}" for k, v in zip(keys, values, strict=True))
        return "{" + ", ".join(pairs) + "}"
    return "[" + ", ".join(values) + "]"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _double(value: float) -> str:
    """As MySQL: shortest digits, exponent without plus sign and zeros."""
    text = repr(value)
    if "e" not in text:
        return text
    mantissa, exponent = text.split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _size(data: memoryview, place: int) -> tuple[int, int]:
    size = shift = 0
    while True:
        byte = data[place]
        place += 1
        size |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return size, place
        shift += 7


def _opaque(kind: int, data: bytes) -> str:
    """DECIMAL and times have their own text; anything else is base64, as MySQL prints it."""
    if kind == 246:
        return _decimal(data)
    if kind in {7, 10, 11, 12}:
        packed = struct.unpack("<q", data)[0]
        sign = "-" if packed < 0 else ""
        packed = abs(packed)
        micros, whole = packed & 0xFFFFFF, packed >> 24
        clock = f"{whole >> 6 & 63:02}:{whole & 63:02}.{micros:06}"
        if kind == 11:
            return f'"{sign}{whole >> 12 & 0x3FF:02}:{clock}"'
        months = whole >> 22
        day = f"{months // 13:04}-{months % 13:02}-{whole >> 17 & 31:02}"
        return f'"{day}"' if kind == 10 else f'"{day} {whole >> 12 & 31:02}:{clock}"'
    return _quote(f"base64:type{kind}:{base64.b64encode(data).decode()}")


def _decimal(data: bytes) -> str:
    precision, scale = data[0], data[1]
    raw = bytearray(data[2 : 2 + decimal_width(precision, scale)])
    negative = not raw[0] & 0x80
    raw[0] ^= 0x80
    if negative:
        raw = bytearray(byte ^ 0xFF for byte in raw)
    whole = precision - scale
    groups = [whole % 9] * bool(whole % 9) + [9] * (whole // 9)
    groups += [9] * (scale // 9) + [scale % 9] * bool(scale % 9)
    digits, place = "", 0
    for count in groups:
        end = place + DIGIT_BYTES[count]
        digits += str(int.from_bytes(raw[place:end], "big")).zfill(count)
        place = end
    text = digits[:whole].lstrip("0") or "0"
    return ("-" if negative else "") + text + ("." + digits[whole:] if scale else "")
