"""ARRAY, MAP and STRUCT as StarRocks prints them, to Arrow.

The text is JSON but for three things: only quotes and backslashes are escaped in texts, keys of a
MAP that are no texts stand without quotes, and numbers have more digits than doubles.

Source: StarRocks, MysqlRowBuffer and the column types' `put_mysql_row_buffer`.
"""

from __future__ import annotations

import datetime
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from penstock.types import TypeRoot as R

if TYPE_CHECKING:
    from penstock.types import DataType

_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^{}\[\],:"\s]+', re.S)
_BARE_KEY = re.compile(r'[{,]\s*[^"\s{}\[\],]')
_NUMBERS = frozenset((R.TINYINT, R.SMALLINT, R.INT, R.BIGINT))


def decode_nested(texts: pa.Array, declared: DataType) -> pa.Array:
    """The values of a nested column.

    Args:
        texts: `binary`, NULL as null.
        declared: ARRAY, MAP or ROW.

    Raises:
        ValueError, KeyError, TypeError, ArithmeticError: A text does not fit the type.
    """
    values = [
        None if text is None else _typed(_parse(text.decode(), declared), declared)
        for text in texts.to_pylist()
    ]
    return pa.array(values, declared.arrow())


def is_readable(declared: DataType) -> bool:
    """Whether values of the type can be read inside of others: all but binary ones and times."""
    if declared.root in {R.BINARY, R.VARBINARY, R.TIME, R.MULTISET, R.TIMESTAMP_LTZ}:
        return False
    parts = (*declared.children, *(field.type for field in declared.fields))
    return all(is_readable(part) for part in parts)


def _parse(text: str, declared: DataType) -> Any:
    if _has_bare_keys(declared) and _BARE_KEY.search(text):
        text = _quoted_keys(text)
    return json.loads(text, strict=False, parse_float=str, parse_int=str)


def _has_bare_keys(declared: DataType) -> bool:
    if declared.root is R.MAP and declared.children[0].root not in {R.CHAR, R.VARCHAR}:
        return True
    parts = (*declared.children, *(field.type for field in declared.fields))
    return any(_has_bare_keys(part) for part in parts)


def _quoted_keys(text: str) -> str:
    """The text with quotes around bare keys.

    Examples:
        >>> _quoted_keys('{1:"a:b",2:null}')
        '{"1":"a:b","2":null}'
    """
    tokens = _TOKEN.findall(text)
    following = [*tokens[1:], ""]
    return "".join(
        f'"{token}"' if after == ":" and not token.startswith('"') else token
        for token, after in zip(tokens, following, strict=True)
    )


def _typed(value: Any, declared: DataType) -> Any:  # noqa: PLR0911 - one line a type
    if value is None:
        return None
    match declared.root:
        case R.ARRAY:
            return [_typed(item, declared.children[0]) for item in value]
        case R.MAP:
            key, item = declared.children
            return [(_typed(k, key), _typed(v, item)) for k, v in value.items()]
        case R.ROW:
            given = {name.lower(): item for name, item in value.items()}
            return {
                field.name: _typed(given[field.name.lower()], field.type)
                for field in declared.fields
            }
        case R.BOOLEAN:
            return value is True or value in {"1", "true"}
        case R.FLOAT | R.DOUBLE:
            return float(value)
        case R.DECIMAL:
            return Decimal(value)
        case R.DATE:
            return datetime.date.fromisoformat(value)
        case R.TIMESTAMP:
            return datetime.datetime.fromisoformat(value)
    if declared.root in _NUMBERS:
        return int(value)
    return value if isinstance(value, str) else json.dumps(value)
