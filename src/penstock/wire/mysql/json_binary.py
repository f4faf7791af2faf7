"""MySQL's binary JSON to the text MySQL prints for it."""

from __future__ import annotations

import base64
import json
import math
import struct

from penstock.errors import DataError
from penstock.wire.mysql.table_map import DIGIT_BYTES, decimal_width

_NUMBERS = {5: "<h", 6: "<H", 7: "<i", 8: "<I", 9: "<q", 10: "<Q", 11: "<d"}
_INLINE = frozenset({4, 5, 6})
_INLINE_WIDE = _INLINE | {7, 8}
_DEPTH_MAX = 100  # the server's own limit
_LITERALS = {0: "null", 1: "true", 2: "false"}


def decode_json(data: bytes, *, whole_with_point: bool = True) -> str:
    """The text of a stored JSON value.

    Args:
        data: The value.
        whole_with_point: Whether whole doubles are shown as `1.0`; MySQL 5.7 shows `1`.

    Raises:
        DataError: The bytes are none.

    Examples:
        >>> decode_json(bytes([5, 42, 0])), decode_json(b"")
        ('42', 'null')
    """
    if not data:
        return "null"
    try:
        return _Reader(len(data), whole_with_point=whole_with_point).value(
            data[0], memoryview(data)[1:], 0
        )
    except (IndexError, struct.error, UnicodeDecodeError, KeyError, ValueError) as error:
        raise DataError("a JSON value of the binlog is broken") from error


class _Reader:
    """Reads one value.

    Args:
        bytes_count: Its size: it has no more parts than bytes, so broken offsets end.
        whole_with_point: As `decode_json`.
    """

    def __init__(self, bytes_count: int, *, whole_with_point: bool) -> None:
        self._left = bytes_count
        self._point = whole_with_point

    def value(self, kind: int, data: memoryview, depth: int) -> str:
        if kind <= 3:
            return self._container(data, kind, depth)
        if kind == 4:
            return _LITERALS[data[0]]
        if kind in _NUMBERS:
            number = struct.unpack_from(_NUMBERS[kind], data)[0]
            return double_text(number, whole_with_point=self._point) if kind == 11 else str(number)
        size, place = _size(data, 1 if kind == 15 else 0)
        if kind == 12:
            return _quote(bytes(data[place : place + size]).decode())
        if kind == 15:
            return _opaque(data[0], bytes(data[place : place + size]))
        raise KeyError(kind)

    def _container(self, data: memoryview, kind: int, depth: int) -> str:
        is_object, width = kind < 2, 4 if kind & 1 else 2
        count, _ = struct.unpack_from("<II" if width == 4 else "<HH", data)
        self._left -= count
        if depth > _DEPTH_MAX or self._left < 0:
            raise ValueError(depth)
        place = 2 * width
        keys = []
        if is_object:
            for index in range(count):
                at = place + index * (width + 2)
                begin = int.from_bytes(data[at : at + width], "little")
                size = int.from_bytes(data[at + width : at + width + 2], "little")
                keys.append(bytes(data[begin : begin + size]).decode())
            place += count * (width + 2)
        inline = _INLINE_WIDE if width == 4 else _INLINE
        values = []
        for index in range(count):
            at = place + index * (width + 1)
            part = data[at]
            if part in inline:
                values.append(self.value(part, data[at + 1 : at + 1 + width], depth + 1))
            else:
                begin = int.from_bytes(data[at + 1 : at + 1 + width], "little")
                values.append(self.value(part, data[begin:], depth + 1))
        if is_object:
            pairs = (f"{_quote(k)}: {v}" for k, v in zip(keys, values, strict=True))
            return "{" + ", ".join(pairs) + "}"
        return "[" + ", ".join(values) + "]"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def double_text(value: float, *, whole_with_point: bool = True) -> str:
    """As MySQL: shortest digits; an exponent for whole numbers of 16 digits and below 1e-15.

    Source: MySQL, strings/dtoa.cc, my_gcvt.

    Examples:
        >>> [double_text(v) for v in (1.0, 1e14, 1e15, 1234567890123456.8, 1e-15, -1.5e300)]
        ['1.0', '100000000000000.0', '1e15', '1234567890123456.8', '0.000000000000001', '-1.5e300']
    """
    digits, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0")
    number = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) if whole != "0" else len(number) - len(fraction)
    number = number.rstrip("0")
    sign = "-" if math.copysign(1, value) < 0 else ""
    if not number:
        return f"{sign}0.0" if whole_with_point else f"{sign}0"
    if -15 < point <= 15 or len(number) > point > 15:
        if point <= 0:
            return f"{sign}0.{'0' * -point}{number}"
        head, tail = number[:point].ljust(point, "0"), number[point:]
        if not tail and not whole_with_point:
            return f"{sign}{head}"
        return f"{sign}{head}.{tail or '0'}"
    rest = f".{number[1:]}" if len(number) > 1 else ""
    return f"{sign}{number[0]}{rest}e{point - 1}"


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
