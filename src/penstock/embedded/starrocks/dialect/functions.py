"""Which functions are known, and how their names are written for DuckDB."""

from __future__ import annotations

from typing import Final

from penstock.embedded.starrocks.dialect.failure import analysis_error
from penstock.embedded.starrocks.dialect.lexer import Token, tokenize
from penstock.embedded.starrocks.dialect.macros import INTERNAL, MACROS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


RENAMED: Final = {
    "approx_count_distinct": "approx_count_distinct",
    "percentile_approx": "quantile_cont",
    "percentile_cont": "quantile_cont",
    "percentile_disc": "quantile_disc",
    "std": "stddev_pop",
    "stddev": "stddev_pop",
    "variance": "var_pop",
    "variance_pop": "var_pop",
    "variance_samp": "var_samp",
    "nvl": "coalesce",
    "regexp": "regexp_matches",
    "booland_agg": "bool_and",
    "boolor_agg": "bool_or",
    "dceil": "ceil",
    "dexp": "exp",
    "dfloor": "floor",
    "dpow": "pow",
    "fpow": "pow",
    "dround": "round",
}
"""Functions that have another name in DuckDB."""

EQUAL: Final = _words(
    """
    abs adddate all_match any_match any_value array array_agg array_append array_concat
    array_contains array_contains_all array_distinct array_filter array_intersect array_join
    array_length array_map array_max array_min array_remove array_sort array_sum ascii atan
    atan2 avg bin bit_and bit_or bit_xor bool_and bool_or cardinality case cast catalog cbrt
    ceil ceiling char coalesce concat concat_ws connection_id convert convert_tz corr cos cosh
    cot count count_if covar_pop covar_samp cume_dist curdate current_catalog current_date
    current_role current_user current_version database date date_add date_sub date_trunc degrees
    dense_rank ends_with exp extract first_value floor found_rows generate_series greatest
    group_concat grouping grouping_id hex host_name if ifnull initcap instr isnull json_array
    json_object lag last_insert_id last_query_id last_value lead least left locate lpad ltrim
    map map_entries map_keys map_values max max_by md5 min min_by mod multi_distinct_count
    multi_distinct_sum ndv ntile nullif penstock_current_version percent_rank pi position pow
    power radians rand random rank regexp_replace repeat replace reverse right round row
    row_count row_number rpad rtrim schema session_user sha2 sign sin sinh sleep space split
    starts_with stddev_pop stddev_samp struct subdate substr substring sum tan tanh time_slice
    timestamp timestampadd timestampdiff to_base64 to_json translate trim truncate try_cast
    unnest url_decode url_encode user var_pop var_samp version
    """
)
"""Functions that DuckDB has under the same name, or that the translator turns into DuckDB's."""

REFUSED: Final = _words(
    """
    aes_decrypt aes_encrypt approx_top_k array_contains_seq array_sortby array_to_bitmap
    array_top_n array_unique_agg base64_to_bitmap bit_shift_right_logical bitmap_agg bitmap_and
    bitmap_andnot bitmap_contains bitmap_count bitmap_empty bitmap_from_string bitmap_has_any
    bitmap_hash bitmap_hash64 bitmap_intersect bitmap_max bitmap_min bitmap_or bitmap_remove
    bitmap_subset_in_range bitmap_subset_limit bitmap_to_array bitmap_to_base64 bitmap_to_string
    bitmap_union bitmap_union_count bitmap_union_int bitmap_xor cosine_similarity_norm crc32
    date_slice dict_mapping distinct_map_keys ds_hll_count_distinct encode_sort_key
    equiwidth_bucket files format_bytes from_unixtime_ms get_query_profile hll_cardinality
    hll_empty hll_hash hll_raw_agg hll_serialize hll_union hll_union_agg intersect_count
    jodatime_format json_contains json_each json_pretty json_remove json_set l2_distance
    mann_whitney_u_test map_apply map_filter max_n md5sum_numeric min_n murmur_hash3_32
    ngram_search ngram_search_case_insensitive percentile_approx_raw percentile_approx_weight
    percentile_disc_lc percentile_empty percentile_hash percentile_union query_id
    regexp_position regexp_split retention sm3 soundex st_astext st_aswkt st_circle st_contains
    st_distance_sphere st_geometryfromtext st_linefromtext st_linestringfromtext st_point
    st_polygon st_x st_y str_to_jodatime str_to_map string_agg sub_bitmap subdivide_bitmap
    sum_map to_bitmap to_datetime transform_keys transform_values ttest_1samp unnest_bitmap
    uuid_numeric window_funnel xx_hash32 xx_hash3_128 xx_hash3_64
    """
)
"""Functions that StarRocks has and this server has not."""

_NOT_CALLED: Final = _words(
    """
    all and any as between by case cross cube decimal decimal128 decimal32 decimal64 decimalv2
    distinct else except exists from having in inner intersect interval into is join key lateral
    left like limit minus not numeric on or over partition right rollup select set sets some
    table then union using values varbinary varchar when where with
    """
)
"""Words that may stand before a parenthesis and call nothing; `left` and `right` may do both."""


def respelled(text: str) -> str:
    """The text with the names of functions as DuckDB is to see them.

    Raises:
        QueryError: A function is not known here.
    """
    tokens = tokenize(text)
    pieces: list[str] = []
    done = 0
    ends = _table_functions(tokens)
    for place, token in enumerate(tokens[:-1]):
        if place in ends:
            pieces.append(text[done : token.start])
            done = token.end
            continue
        following = tokens[place + 1]
        is_call = token.kind == "word" and following.value == "(" and following.kind == "symbol"
        if not is_call or _declares(tokens, place):
            continue
        name = _target(token.value.lower(), tokens[place - 1] if place else None)
        if name != token.value:
            pieces += [text[done : token.start], name]
            done = token.end
    return "".join([*pieces, text[done:]])


def _table_functions(tokens: list[Token]) -> set[int]:
    """Where `TABLE(f(...))` has `TABLE`, `(` and `)`: DuckDB's FROM takes the function alone."""
    found: set[int] = set()
    for place, token in enumerate(tokens[:-2]):
        if token.kind != "word" or token.value.upper() != "TABLE" or tokens[place + 1].value != "(":
            continue
        depth = 0
        for at in range(place + 1, len(tokens)):
            if tokens[at].kind == "symbol":
                depth += {"(": 1, ")": -1}.get(tokens[at].value, 0)
            if depth == 0:
                found |= {place, place + 1, at}
                break
    return found


def _target(name: str, before: Token | None) -> str:
    if before is not None and before.kind == "symbol" and before.value == ".":
        raise analysis_error(f"No matching function with signature: {name}")
    if name == "partition":
        raise analysis_error(
            "PARTITION of a table in a query is not supported by the embedded server"
        )
    if name in MACROS and name not in INTERNAL:
        return f"sr_{name}"
    if name in RENAMED:
        return RENAMED[name]
    if name in EQUAL or name in _NOT_CALLED:
        return name
    reason = "StarRocks has it, the embedded server has not" if name in REFUSED else "It is unknown"
    raise analysis_error(f"No matching function with signature: {name}. {reason}")


def _declares(tokens: list[Token], place: int) -> bool:
    """Whether the word names a derived table with its columns: `AS t(a)`, `) t(a)`, `t(a) AS (`."""
    before = tokens[place - 1] if place else None
    if before is not None and before.value.upper() in {"AS", ")"} and before.kind != "string":
        return tokens[place].value.lower() not in _NOT_CALLED
    depth = 0
    for at in range(place + 1, len(tokens)):
        token = tokens[at]
        if token.kind == "symbol":
            depth += {"(": 1, ")": -1}.get(token.value, 0)
        if depth == 0:
            after = tokens[at + 1 : at + 3]
            return [t.value.upper() for t in after] == ["AS", "("]
    return False
