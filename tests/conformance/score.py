"""Runs cases through binder and kernels and says of each: pass, fail, refused or crash."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from tests.conformance.cases import read, type_of, value_of

from penstock.errors import DataError, PenstockError, SqlError, UnsupportedFeatureError
from penstock.expressions import EvalContext, Expr, arrow_type, evaluate, filter_mask
from penstock.functions import resolve_cast
from penstock.planner.bind.expressions import bind
from penstock.planner.bind.scope import Scope, ScopeColumn
from penstock.planner.physical.values import ValuesSource
from penstock.session import Session
from penstock.sql import parse_expression, parse_script, tree
from penstock.types import STRING, DataType, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NOW_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a case.

    Args:
        file: Where it comes from.
        id: Its name there.
        group: Its function, kind or test.
        status: pass, fail, refused ("unsupported") or crash (an error that is none of ours).
        sql: Its text.
        wanted: What Flink gives.
        found: What Penstock gives.
    """

    file: str
    id: str
    group: str
    status: str
    sql: str
    wanted: str
    found: str


def judge(
    file: str,
    row: dict[str, Any],
    group: str,
    wanted: str,
    compute: Callable[[dict[str, Any]], str],
) -> Verdict:
    """The verdict on `compute(row)`, which returns the found text; errors are texts too."""
    try:
        found = compute(row)
    except UnsupportedFeatureError as error:
        return Verdict(file, str(row.get("id")), group, "refused", row["sql"], wanted, str(error))
    except SqlError as error:
        found = f"error: validation {error.message}"
    except DataError as error:
        found = f"error: runtime {error.message}"
    except PenstockError as error:
        found = f"error: {type(error).__name__} {error.message}"
    except Exception as error:  # noqa: BLE001
        text = f"{type(error).__name__}: {error}"
        return Verdict(file, str(row.get("id")), group, "crash", row["sql"], wanted, text)
    fits = found == wanted or (wanted.startswith("error:") and found.startswith(wanted))
    status = "pass" if fits else "fail"
    return Verdict(file, str(row.get("id")), group, status, row["sql"], wanted, found)


def scalar_cases() -> Iterator[Verdict]:
    """Scalar expressions; the expected text is that of CAST(.. AS STRING)."""
    for row in read("flink-tests/scalar_cases.jsonl"):
        if not row["verified_2_2_1"] or ("error" not in row and row["expected"] is None):
            continue
        wanted = "error:" if "error" in row else row["expected"]
        name = re.match(r"\W*(\w+)", row["sql"])
        group = name[1].upper() if name else "?"
        yield judge("scalar_cases", row, group, wanted, scalar_text)


def scalar_text(row: dict[str, Any]) -> str:
    """The text of one scalar case."""
    fields = {name: f"({value or 'NULL'})" for name, value in (row["fields"] or {}).items()}
    sql = re.sub(r"\b\w+\b", lambda word: fields.get(word[0], word[0]), row["sql"])
    expr = resolve_cast(bind(parse_expression(sql), Scope()), STRING)
    batch = pa.record_batch({"zero": pa.array([0], pa.int32())})
    found = evaluate([expr], batch, EvalContext(row["timezone"] or "UTC", NOW_MS))[0]
    found.validate(full=True)
    text = found[0].as_py()
    return "NULL" if text is None else text


def function_cases() -> Iterator[Verdict]:
    """Functions and casts over columns; values and types are compared."""
    for row in read("flink-tests/function_cases.jsonl"):
        if not row["verified_2_2_1"]:
            continue
        yield judge(
            "function_cases",
            row,
            row["function"],
            _wanted(row),
            function_text,
        )


def _wanted(row: dict[str, Any]) -> str:
    if "error" in row:
        return "error: runtime" if row["error"] in {"failRuntime", "RuntimeError"} else "error:"
    if row.get("type") is None:
        return str(row["expected"])
    kind = type_of(row["type"])
    return f"{canonical(row['expected'], kind)} :: {kind.sql()}"


def canonical(data: Any, kind: DataType) -> str:
    """A value of the JSON notation as Penstock's own Arrow value prints."""
    value = value_of(data, kind)
    return repr(pa.array([value], arrow_type(kind))[0].as_py())


def function_text(row: dict[str, Any]) -> str:
    """Value and type of one function case."""
    used = set(re.findall(r"\bf\d+\b", row["sql"]))
    fields = [field for field in row["fields"] if field["name"] in used]
    fields = [{**field, "type": field["type"] or _untyped(field["data"])} for field in fields]
    types = [type_of(field["type"]) for field in fields]
    try:
        columns = [
            pa.array([value_of(field["data"], kind)], arrow_type(kind))
            for field, kind in zip(fields, types, strict=True)
        ]
    except (pa.ArrowException, IndexError, AttributeError) as error:
        raise DataError(f"no column holds the case's value: {error}") from error
    names = [field["name"] for field in fields]
    scope = Scope(tuple(ScopeColumn(n, t) for n, t in zip(names, types, strict=True)))
    expr = bind(parse_expression(row["sql"]), scope)
    if not columns:
        names, columns = ["zero"], [pa.array([0], pa.int32())]
    batch = pa.RecordBatch.from_arrays(columns, names)
    found = evaluate([expr], batch, EvalContext("UTC", NOW_MS))[0]
    found.validate(full=True)
    if row.get("type") is None:
        return str(found[0].as_py())
    return f"{found[0].as_py()!r} :: {expr.type.sql()}"


def _untyped(data: Any) -> str:
    """The type Flink derives for a value given without one."""
    return "INT NOT NULL" if isinstance(data, int) else "STRING NOT NULL"


def parser_cases() -> Iterator[Verdict]:
    """Statements Flink's parser accepts or refuses."""
    for row in read("flink-tests/parser_cases.jsonl"):
        if row["verified_2_2_1"]:
            wanted = "ok" if row["expect"] == "ok" else "error:"
            yield judge("parser_cases", row, row["test"], wanted, _parsed)
    for row in read("statements.jsonl"):
        yield judge("statements", row, row["cat"], "ok", _parsed)


def _parsed(row: dict[str, Any]) -> str:
    parse_script(row["sql"])
    return "ok"


def observations() -> Iterator[Verdict]:
    """Queries over written rows run on real Flink 2.2.1: types and rows, or that they fail."""
    for group in read("flink-oracle/flink_2_2_1_observations.jsonl"):
        zone = group["config"].get("table.local-time-zone", "UTC")
        for number, row in enumerate(group["statements"]):
            if row["sql"].upper().startswith(("SELECT", "VALUES", "WITH")) and "explain" not in row:
                case = {**row, "id": f"{group['group']}-{number}", "zone": zone}
                wanted = "error:" if "error" in row else _observed(row["schema"], row["rows"])
                yield judge("observations", case, group["group"], wanted, _query_text)


def _observed(schema: list[list[str]], rows: list[list[str | None]]) -> str:
    types = ", ".join(kind.replace("VARCHAR(2147483647)", "STRING") for _, kind in schema)
    types = types.replace("VARBINARY(2147483647)", "BYTES").replace(" *PROCTIME*", "")
    types = re.sub(r"TIMESTAMP\((\d)\) WITH LOCAL TIME ZONE", r"TIMESTAMP_LTZ(\1)", types)
    texts = [[text and _plain(text) for text in row[1:]] for row in rows]
    return f"{types} | {sorted(map(str, texts))}"


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d[t ])?(\d\d:\d\d)(:\d\d)?(\.\d+)?z?", re.IGNORECASE)


def _plain(text: str) -> str:
    """Lower case; moments as Java's and SQL's texts agree on them."""
    found = _MOMENT.fullmatch(text)
    if not found:
        return text.lower()
    date, clock, seconds, fraction = found.groups(default="")
    return f"{date[:10]} {clock}{seconds or ':00'}{fraction.rstrip('0.')}".lower()


def _query_text(row: dict[str, Any]) -> str:
    """Types and rows of a query whose rows are written in it."""
    statement = parse_script(row["sql"]).statements[0]
    assert isinstance(statement, tree.QueryStatement)
    relation = Session({"table.local-time-zone": row["zone"]}).planner.query(statement.query)
    source = getattr(relation.node, "source", None)
    if not isinstance(source, ValuesSource):
        raise UnsupportedFeatureError("not over written rows", statement.span)
    context = EvalContext(row["zone"], NOW_MS)
    batch = source.rows
    if relation.condition is not None:
        batch = batch.filter(filter_mask(relation.condition, batch, context))
    columns = [_texts(expr, batch, context) for expr in relation.projections]
    rows = [list(texts) for texts in zip(*columns, strict=True)]
    schema = [[column.name, column.type.sql()] for column in relation.columns]
    return _observed(schema, [["+I", *texts] for texts in rows])


def _texts(expr: Expr, batch: pa.RecordBatch, context: EvalContext) -> list[str | None]:
    if expr.type.root in {TypeRoot.BINARY, TypeRoot.VARBINARY}:
        found = evaluate([expr], batch, context)[0].to_pylist()
        return [None if value is None else f"x'{value.hex()}'" for value in found]
    texts = evaluate([resolve_cast(expr, STRING)], batch, context)[0]
    return list(texts.to_pylist())


def summary(verdicts: Iterable[Verdict]) -> str:
    """Counts per file, and per group where not all pass."""
    files: dict[str, Counter[str]] = {}
    groups: dict[tuple[str, str], Counter[str]] = {}
    for verdict in verdicts:
        files.setdefault(verdict.file, Counter())[verdict.status] += 1
        groups.setdefault((verdict.file, verdict.group), Counter())[verdict.status] += 1
    lines = [f"{file:16} {_counts(counts)}" for file, counts in files.items()]
    lines += [
        f"  {file}: {group}: {_counts(counts)}"
        for (file, group), counts in sorted(groups.items())
        if set(counts) != {"pass"}
    ]
    return "\n".join(lines)


def _counts(counts: Counter[str]) -> str:
    total = sum(counts.values())
    parts = ", ".join(f"{counts[s]} {s}" for s in ("pass", "fail", "refused", "crash") if counts[s])
    return f"{counts['pass'] / total:6.1%} of {total} ({parts})"
