"""Functions of StarRocks that DuckDB lacks or means otherwise, as DuckDB macros.

A call of `name` becomes one of `sr_name`, so that neither the translator nor DuckDB takes it for
its own. Texts are dates where StarRocks takes them so; what is none is NULL.
"""

from __future__ import annotations

from typing import Final

_T: Final = "TRY_CAST(x AS TIMESTAMP)"
_D: Final = f"CAST({_T} AS DATE)"
_DOW: Final = f"CAST(dayofweek({_D}) AS INTEGER)"
_UNITS: Final = ("year", "month", "week", "day", "hour", "minute", "second")
_DAYS: Final = "['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa']"
_DIGITS: Final = "'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
_CLOCK: Final = (
    "(CASE WHEN {0} < 0 THEN '-' ELSE '' END || printf('%02d:%02d:%02d', abs({0}) // 3600,"
    " abs({0}) // 60 % 60, abs({0}) % 60))"
)
_HOST: Final = "^[^:/?#]+://(?:[^@/?#]*@)?([^:/?#]+)"
_NOW: Final = (
    "() AS date_trunc('second', CAST(now() AS TIMESTAMP)), (n) AS CAST(now() AS TIMESTAMP)"
)
_TIME_DIFF: Final = f"CAST(epoch({_T}) - epoch(TRY_CAST(y AS TIMESTAMP)) AS BIGINT)"

MACROS: Final[dict[str, str]] = {
    # numbers
    "bitand": "(x, y) AS x & y",
    "bitor": "(x, y) AS x | y",
    "bitxor": "(x, y) AS xor(x, y)",
    "bitnot": "(x) AS ~x",
    "bit_shift_left": "(x, y) AS x << y",
    "bit_shift_right": "(x, y) AS x >> y",
    "conv": "(x, f, t) AS to_base(list_reduce(list_prepend(0::BIGINT, list_transform(string_split("
    f"upper(CAST(x AS VARCHAR)), ''), LAMBDA c : (instr({_DIGITS}, c) - 1)::BIGINT)),"
    " LAMBDA a, d : a * f + d), t)",
    "e": "() AS exp(1)",
    "fmod": "(x, y) AS x - trunc(x / y) * y",
    "pmod": "(x, y) AS ((x % y) + y) % y",
    "positive": "(x) AS x",
    "negative": "(x) AS -x",
    "square": "(x) AS x * x",
    **dict.fromkeys(("ln", "dlog1"), "(x) AS CASE WHEN x > 0 THEN ln(x) END"),
    **dict.fromkeys(("log10", "dlog10"), "(x) AS CASE WHEN x > 0 THEN log10(x) END"),
    "log2": "(x) AS CASE WHEN x > 0 THEN log2(x) END",
    "log": "(x) AS CASE WHEN x > 0 THEN ln(x) END,"
    " (b, x) AS CASE WHEN b > 0 AND b <> 1 AND x > 0 THEN log(b, x) END",
    **dict.fromkeys(("sqrt", "dsqrt"), "(x) AS CASE WHEN x >= 0 THEN sqrt(x) END"),
    "acos": "(x) AS CASE WHEN abs(x) <= 1 THEN acos(x) END",
    "asin": "(x) AS CASE WHEN abs(x) <= 1 THEN asin(x) END",
    "add": "(x, y) AS x + y",
    "subtract": "(x, y) AS x - y",
    "multiply": "(x, y) AS x * y",
    "divide": "(x, y) AS CASE WHEN y <> 0 THEN x / y END",
    "cosine_similarity": "(x, y) AS list_cosine_similarity(x, y)",
    "inet_aton": r"(x) AS CASE WHEN regexp_full_match(x, '(\d{1,3}\.){3}\d{1,3}') THEN"
    " list_reduce(list_transform(string_split(x, '.'), LAMBDA p : CAST(p AS BIGINT)),"
    " LAMBDA a, p : a * 256 + p) END",
    # texts
    "length": "(x) AS strlen(CAST(x AS VARCHAR))",
    **{
        name: f"(x) AS {name}(CAST(x AS VARCHAR))"
        for name in ("upper", "lower", "ucase", "lcase", "char_length", "character_length")
    },
    "unhex": "(x) AS CASE WHEN regexp_full_match(x, '([0-9A-Fa-f]{2})*') THEN decode(unhex(x)) END",
    "strleft": "(x, n) AS left(x, n)",
    "strright": "(x, n) AS right(x, n)",
    "md5sum": "(a) AS md5(a), (a, b) AS md5(a || b), (a, b, c) AS md5(a || b || c)",
    "null_or_empty": "(x) AS x IS NULL OR x = ''",
    "regexp_extract": "(x, p, g) AS regexp_extract(x, p, g)",
    "split_part": "(x, d, n) AS CASE WHEN n <> 0 AND abs(n) <= len(string_split(x, d))"
    " THEN split_part(x, d, n) END",
    "substring_index": "(x, d, n) AS CASE WHEN n >= 0 THEN"
    " array_to_string(list_slice(string_split(x, d), 1, n), d)"
    " ELSE array_to_string(list_slice(string_split(x, d), n, -1), d) END",
    "find_in_set": "(x, y) AS coalesce(list_position(string_split(y, ','), x), 0)",
    "strcmp": "(x, y) AS CASE WHEN x < y THEN -1 WHEN x > y THEN 1 WHEN x = y THEN 0 END",
    "field": "(x, a) AS coalesce(list_position([a], x), 0),"
    " (x, a, b) AS coalesce(list_position([a, b], x), 0),"
    " (x, a, b, c) AS coalesce(list_position([a, b, c], x), 0),"
    " (x, a, b, c, d) AS coalesce(list_position([a, b, c, d], x), 0)",
    **dict.fromkeys(("from_base64", "base64_decode_string"), "(x) AS decode(from_base64(x))"),
    "base64_decode_binary": "(x) AS from_base64(x)",
    "hex_decode_binary": "(x) AS unhex(x)",
    "hex_decode_string": "(x) AS decode(unhex(x))",
    "from_binary": "(x) AS hex(x), (x, kind) AS CASE lower(kind) WHEN 'hex' THEN hex(x)"
    " WHEN 'encode64' THEN to_base64(x) WHEN 'utf8' THEN decode(x) END",
    "money_format": "(x) AS format('{:,.2f}', CAST(x AS DOUBLE))",
    "strpos": "(x, y) AS instr(x, y)",
    "regexp_count": "(x, p) AS len(regexp_extract_all(x, p))",
    "regexp_extract_all": "(x, p, g) AS regexp_extract_all(x, p, g)",
    "url_extract_host": f"(u) AS nullif(regexp_extract(u, '{_HOST}', 1), '')",
    "url_extract_parameter": "(u, n) AS"
    " nullif(regexp_extract(u, '[?&]' || n || '=([^&#]*)', 1), '')",
    "parse_url": "(u, p) AS nullif(CASE upper(p)"
    f" WHEN 'HOST' THEN regexp_extract(u, '{_HOST}', 1)"
    " WHEN 'PROTOCOL' THEN regexp_extract(u, '^([^:/?#]+)://', 1)"
    " WHEN 'AUTHORITY' THEN regexp_extract(u, '^[^:/?#]+://([^/?#]*)', 1)"
    " WHEN 'USERINFO' THEN regexp_extract(u, '^[^:/?#]+://([^@/?#]*)@', 1)"
    r" WHEN 'PORT' THEN regexp_extract(u, '^[^:/?#]+://[^/?#]*:(\d+)', 1)"
    " WHEN 'PATH' THEN regexp_extract(u, '^[^:/?#]+://[^/?#]*([^?#]*)', 1)"
    " WHEN 'FILE' THEN regexp_extract(u, '^[^:/?#]+://[^/?#]*([^#]*)', 1)"
    r" WHEN 'QUERY' THEN regexp_extract(u, '\?([^#]*)', 1)"
    " WHEN 'REF' THEN regexp_extract(u, '#(.*)$', 1) END, '')",
    "to_binary": "(x) AS unhex(x), (x, kind) AS CASE lower(kind) WHEN 'hex' THEN unhex(x)"
    " WHEN 'encode64' THEN from_base64(x) WHEN 'utf8' THEN encode(x) END",
    "append_trailing_char_if_absent": "(x, c) AS CASE WHEN x = '' OR ends_with(x, c) THEN x"
    " ELSE x || c END",
    "uuid": "() AS CAST(uuid() AS VARCHAR)",
    "isnotnull": "(x) AS x IS NOT NULL",
    # dates
    **{
        f"{unit}s_add": f"(x, n) AS {_T} + to_{unit}s(CAST(n AS {kind}))"
        for unit, kind in ((u, "BIGINT" if u in _UNITS[4:] else "INTEGER") for u in _UNITS)
    },
    **{
        f"{unit}s_sub": f"(x, n) AS {_T} - to_{unit}s(CAST(n AS {kind}))"
        for unit, kind in ((u, "BIGINT" if u in _UNITS[4:] else "INTEGER") for u in _UNITS)
    },
    **{
        f"{unit}s_diff": f"(x, y) AS date_sub('{unit}', TRY_CAST(y AS TIMESTAMP), {_T})"
        for unit in _UNITS
    },
    **{
        unit: f"(x) AS {unit}({_T})"
        for unit in ("year", "quarter", "month", "day", "dayofmonth", "dayofyear", "hour",
                     "minute", "second", "dayname", "monthname", "weekofyear")
    },
    "quarters_add": f"(x, n) AS {_T} + to_months(CAST(3 * n AS INTEGER))",
    "quarters_sub": f"(x, n) AS {_T} - to_months(CAST(3 * n AS INTEGER))",
    **{
        f"{unit}_{verb}": f"(x, n) AS {_T} {sign} to_{unit}(CAST(n AS BIGINT))"
        for unit in ("microseconds", "milliseconds")
        for verb, sign in (("add", "+"), ("sub", "-"))
    },
    "milliseconds_diff": f"(x, y) AS date_sub('millisecond', TRY_CAST(y AS TIMESTAMP), {_T})",
    "to_iso8601": "(x) AS CASE WHEN typeof(x) = 'DATE' THEN CAST(x AS VARCHAR)"
    f" ELSE strftime({_T}, '%Y-%m-%dT%H:%M:%S.%f') END",
    "hour_from_unixtime": "(n) AS hour(CAST(to_timestamp(CAST(n AS BIGINT)) AS TIMESTAMP))",
    "utc_time": "() AS strftime(now() AT TIME ZONE 'UTC', '%H:%M:%S')",
    "add_months": f"(x, n) AS {_T} + to_months(CAST(n AS INTEGER))",
    "date_diff": f"(u, x, y) AS date_sub(u, TRY_CAST(y AS TIMESTAMP), {_T})",
    "datediff": f"(x, y) AS {_D} - CAST(TRY_CAST(y AS TIMESTAMP) AS DATE)",
    "to_date": f"(x) AS {_D}",
    "week_iso": f"(x) AS weekofyear({_T})",
    "dayofweek": f"(x) AS dayofweek({_T}) + 1",
    "day_of_week_iso": f"(x) AS isodow({_T})",
    "dayofweek_iso": f"(x) AS isodow({_T})",
    "weekday": f"(x) AS isodow({_T}) - 1",
    "week": f"(x) AS CAST(strftime({_T}, '%U') AS INTEGER), (x, m) AS CASE m"
    f" WHEN 0 THEN CAST(strftime({_T}, '%U') AS INTEGER) WHEN 3 THEN weekofyear({_T})"
    " ELSE error('week() knows the modes 0 and 3 here') END",
    "yearweek": f"(x) AS year({_D} - {_DOW}) * 100"
    f" + CAST(strftime({_D} - {_DOW}, '%U') AS INTEGER)",
    "from_days": "(n) AS DATE '2000-07-03' + CAST(n - 730669 AS INTEGER)",
    "to_days": f"(x) AS {_D} - DATE '2000-07-03' + 730669",
    "from_unixtime": "(n) AS strftime(CAST(to_timestamp(CAST(n AS BIGINT)) AS TIMESTAMP),"
    " '%Y-%m-%d %H:%M:%S'),"
    " (n, f) AS strftime(CAST(to_timestamp(CAST(n AS BIGINT)) AS TIMESTAMP), f)",
    "unix_timestamp": "() AS CAST(epoch(now()) AS BIGINT),"
    f" (x) AS CAST(epoch(CAST({_T} AS TIMESTAMPTZ)) AS BIGINT),"
    " (x, f) AS CAST(epoch(CAST(try_strptime(x, f) AS TIMESTAMPTZ)) AS BIGINT)",
    "last_day": f"(x) AS last_day({_D}), (x, u) AS CASE lower(u) WHEN 'month' THEN last_day({_D})"
    f" WHEN 'quarter' THEN last_day(CAST(date_trunc('quarter', {_D}) AS DATE) + to_months(2))"
    f" WHEN 'year' THEN make_date(year({_D}), 12, 31) END",
    "makedate": "(y, n) AS make_date(y, 1, 1) + CAST(n - 1 AS INTEGER)",
    "date_format": f"(x, f) AS strftime({_T}, f)",
    "str_to_date": "(x, f) AS try_strptime(x, f)",
    "str2date": "(x, f) AS CAST(try_strptime(x, f) AS DATE)",
    "timediff": f"(x, y) AS {_CLOCK.format(_TIME_DIFF)}",
    "time_to_sec": "(x) AS CAST(epoch(TRY_CAST(x AS TIME)) AS BIGINT)",
    "sec_to_time": f"(n) AS {_CLOCK.format('n')}",
    "next_day": f"(x, w) AS {_D} + CAST((list_position({_DAYS}, lower(left(w, 2))) - 1"
    f" - {_DOW} + 6) % 7 + 1 AS INTEGER)",
    "previous_day": f"(x, w) AS {_D} - CAST(({_DOW} + 6"
    f" - list_position({_DAYS}, lower(left(w, 2))) + 1) % 7 + 1 AS INTEGER)",
    **dict.fromkeys(("now", "current_timestamp", "localtime", "localtimestamp"), _NOW),
    "curtime": "() AS strftime(CAST(now() AS TIMESTAMP), '%H:%M:%S')",
    "current_time": "() AS strftime(CAST(now() AS TIMESTAMP), '%H:%M:%S')",
    "utc_timestamp": "() AS now() AT TIME ZONE 'UTC'",
    # JSON
    "parse_json": "(x) AS TRY_CAST(x AS JSON)",
    "get_json_string": "(x, p) AS json_extract_string(x, p)",
    "get_json_int": "(x, p) AS TRY_CAST(json_extract_string(x, p) AS BIGINT)",
    "get_json_double": "(x, p) AS TRY_CAST(json_extract_string(x, p) AS DOUBLE)",
    "get_json_bool": "(x, p) AS TRY_CAST(json_extract_string(x, p) AS BOOLEAN)",
    "json_query": "(x, p) AS json_extract(x, p)",
    "json_exists": "(x, p) AS json_exists(x, p)",
    "json_length": "(x) AS CASE json_type(x) WHEN 'ARRAY' THEN json_array_length(x)"
    " WHEN 'OBJECT' THEN len(json_keys(x)) ELSE 1 END",
    "json_keys": "(x) AS to_json(json_keys(x))",
    "json_string": "(x) AS CAST(x AS JSON)",
    # arrays and maps
    "array_avg": "(x) AS list_avg(x)",
    "array_generate": "(n) AS generate_series(1, n), (a, b) AS generate_series(a, b),"
    " (a, b, s) AS generate_series(a, b, s)",
    "array_cum_sum": "(x) AS list_transform(range(1, len(x) + 1),"
    " LAMBDA i : list_sum(list_slice(x, 1, i)))",
    "array_difference": "(x) AS list_transform(range(1, len(x) + 1),"
    " LAMBDA i : CASE WHEN i = 1 THEN 0 ELSE x[i] - x[i - 1] END)",
    "array_flatten": "(x) AS flatten(x)",
    "array_repeat": "(v, n) AS list_transform(range(n), LAMBDA i : v)",
    "all_true": "(x) AS CASE WHEN len(x) = 0 THEN true ELSE list_bool_and(x) END",
    "any_true": "(x) AS CASE WHEN len(x) = 0 THEN false ELSE list_bool_or(x) END",
    "map_from_arrays": "(k, v) AS map(k, v)",
    "map_concat": "(x, y) AS map_concat(x, y)",
    "array_position": "(x, y) AS coalesce(list_position(x, y), 0)",
    "array_slice": "(x, n) AS list_slice(x, n, len(x)), (x, n, c) AS list_slice(x, n, n + c - 1)",
    "arrays_overlap": "(x, y) AS list_has_any(x, y)",
    "element_at": "(x, y) AS x[y]",
    "map_size": "(x) AS len(map_keys(x))",
    # casts, see `rewrite.py`
    "to_integer": "(x) AS CASE"
    " WHEN typeof(x) IN ('FLOAT', 'DOUBLE') THEN TRY_CAST(trunc(TRY_CAST(x AS DOUBLE)) AS HUGEINT)"
    " WHEN typeof(x) LIKE 'DECIMAL%'"
    " THEN TRY_CAST(trunc(TRY_CAST(x AS DECIMAL(38, 9))) AS HUGEINT)"
    " WHEN typeof(x) = 'VARCHAR' THEN CASE WHEN"
    r" regexp_full_match(CAST(x AS VARCHAR), '\s*[+-]?\d+\s*') THEN TRY_CAST(x AS HUGEINT) END"
    " ELSE TRY_CAST(x AS HUGEINT) END",
}  # fmt: skip
"""What follows `CREATE MACRO sr_<name>`."""

INTERNAL: Final = frozenset({"all_true", "any_true", "to_integer"})
"""Macros that no statement may call; rewriting does."""


def macro_statements() -> list[str]:
    """The statements that make all macros of a database."""
    return [f"CREATE OR REPLACE MACRO main.sr_{name}{body}" for name, body in MACROS.items()]
