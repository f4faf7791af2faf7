"""What a sink sends where, in words, for `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from penstock.connectors.starrocks.layout import OP
from penstock.wire.stream_load import parse_columns

if TYPE_CHECKING:
    from penstock.connectors.starrocks.sink import StarRocksSink


def describe(sink: StarRocksSink) -> dict[str, str]:
    """Facts of a sink as its options decide them; no secret, no network."""
    options = sink.options
    hosts = ", ".join(f"{host}:{port}" for host, port in options.jdbc_url.hosts)
    return {
        "target": f"{options.database}.{options.table}",
        "load addresses": ", ".join(str(endpoint) for endpoint in options.load_url),
        "query addresses": hosts,
        "user": options.username,
        "columns sent": str(options.load_columns) or ", ".join(sink.schema.names),
        "op column": _op(sink),
        "transactions": _transactions(sink),
        "format": _format(sink),
        "commit interval": _interval(sink),
        "refused rows": _refused(sink),
    }


def _op(sink: StarRocksSink) -> str:
    given = dict(parse_columns(str(sink.options.load_columns)))
    if given.get(OP):
        return f"computed by StarRocks: {OP} = {given[OP]}"
    return f"{OP} on primary-key targets: 0 for +I and +U, 1 for -D and for -U without a new row"


def _transactions(sink: StarRocksSink) -> str:
    options = sink.options
    if options.enable_merge_commit:
        return (
            f"none: merge commit, at least once; StarRocks collects loads for"
            f" {options.merge_commit_interval} ms into one version"
        )
    if not sink.wants_transactions:
        return "none: plain Stream Loads, at least once"
    if options.multi_table:
        return (
            f"one for all tables of {options.database} that ask for it, exactly once: loaded,"
            " listed by a durable manifest, committed; where one table is refused, all wait"
        )
    if options.semantic == "exactly-once":
        return (
            "two-phase, exactly once: one label per epoch, prepared, committed once the manifest"
            " is durable; plain Stream Loads, at least once, where the server has no transactions"
        )
    return "one transaction per epoch, at least once"


def _format(sink: StarRocksSink) -> str:
    options = sink.options
    compressed = ", lz4" if options.compression else ""
    if options.format == "json":
        return f"json{compressed}, set by the user"
    if options.format == "csv":
        return f"csv{compressed}, set by the user; a value that CSV cannot carry fails the job"
    return (
        f"csv{compressed}; json for a transaction with a value that CSV cannot carry, and where the"
        " target has JSON, ARRAY, MAP or STRUCT columns"
    )


def _interval(sink: StarRocksSink) -> str:
    options = sink.options
    if not options.is_set(type(options).interval_ms):
        return "chosen by the gate from the target's versions, unless checkpoints are timed"
    text = f"{options.interval_ms} ms, set by the user"
    return f"{text}; the gate may override it" if options.adaptive else text


def _refused(sink: StarRocksSink) -> str:
    options = sink.options
    place = options.dead_letter_path or ".".join(options.dead_letter_table)
    return f"go to {place}; the rest of their load arrives" if place else "fail the job"
