"""MySQL's stored geometry as text: one JSON object, as Flink CDC shows it.

Source: Flink CDC, MySQL connector, data type mapping of spatial types.
"""

from __future__ import annotations

import struct
from typing import Any

_NAMES = {
    1: "Point",
    2: "LineString",
    3: "Polygon",
    4: "MultiPoint",
    5: "MultiLineString",
    6: "MultiPolygon",
    7: "GeometryCollection",
}
_POINT, _LINE, _POLYGON, _COLLECTION = 1, 2, 3, 7


def geometry_text(stored: bytes) -> str:
    r"""The text of a value: four bytes of reference system, then well-known binary.

    Raises:
        ValueError: The bytes are no geometry.

    Examples:
        >>> point = bytes(4) + b"\1" + struct.pack("<Idd", 1, 3.0, 1.5)
        >>> geometry_text(point)
        '{"coordinates":[3,1.5],"type":"Point","srid":0}'
    """
    try:
        (srid,) = struct.unpack_from("<I", stored)
        kind, found, end = _read(stored, 4)
    except (struct.error, KeyError) as error:
        message = "expected a stored geometry"
        raise ValueError(message) from error
    if end != len(stored):
        message = "expected one geometry only"
        raise ValueError(message)
    if kind == _COLLECTION:
        parts = ",".join(
            f'{{"type":"{_NAMES[part]}","{_key(part)}":{text}}}' for part, text in found
        )
        return f'{{"geometries":[{parts}],"type":"GeometryCollection","srid":{srid}}}'
    return f'{{"coordinates":{found},"type":"{_NAMES[kind]}","srid":{srid}}}'


def _key(kind: int) -> str:
    return "geometries" if kind == _COLLECTION else "coordinates"


def _read(data: bytes, place: int) -> tuple[int, Any, int]:
    """Kind, text (or parts of a collection) and end of the geometry at `place`."""
    order = "<" if data[place] == 1 else ">"
    (kind,) = struct.unpack_from(f"{order}I", data, place + 1)
    place += 5
    if kind == _POINT:
        text, place = _points(data, place, order, 1)
        return kind, text[1:-1], place
    (count,) = struct.unpack_from(f"{order}I", data, place)
    place += 4
    if kind == _LINE:
        text, place = _points(data, place, order, count)
        return kind, text, place
    texts: list[Any] = []
    for _ in range(count):
        if kind == _POLYGON:
            (size,) = struct.unpack_from(f"{order}I", data, place)
            text, place = _points(data, place + 4, order, size)
            texts.append(text)
        else:
            part, found, place = _read(data, place)
            texts.append((part, _nested(part, found)) if kind == _COLLECTION else found)
    return kind, texts if kind == _COLLECTION else f"[{','.join(texts)}]", place


def _nested(kind: int, found: Any) -> str:
    if kind != _COLLECTION:
        return str(found)
    return (
        "["
        + ",".join(f'{{"type":"{_NAMES[part]}","{_key(part)}":{text}}}' for part, text in found)
        + "]"
    )


def _points(data: bytes, place: int, order: str, count: int) -> tuple[str, int]:
    numbers = struct.unpack_from(f"{order}{2 * count}d", data, place)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    text = ",".join(f"[{_number(x)},{_number(y)}]" for x, y in pairs)
    return f"[{text}]", place + 16 * count


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e7 else repr(value)
