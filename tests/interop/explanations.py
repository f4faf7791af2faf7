"""Why Penstock sends something else than the real connector: each difference has its reason here."""

from __future__ import annotations

import datetime
import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from tests.interop.compare import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.interop.compare import Difference

_LABELS = re.compile(r"(absent or )?interop-(\{uuid\}|target-\{n\}-\{n\})")
_OUR_LABELS = re.compile(r"(absent or )?interop-\{incarnation\}-\{table\}(-\{n\}){4,5}")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason and what it is the reason of.

    Args:
        kind: Of the differences.
        place: Pattern of the whole place.
        field: Pattern of the whole field.
        holds: Whether the two values are such as the reason says.
        why: The reason, a sentence.
    """

    kind: str
    place: str
    field: str
    holds: Callable[[str, str], bool]
    why: str

    def explains(self, difference: Difference) -> bool:
        """Whether this is the reason of a difference."""
        return (
            self.kind == difference.kind
            and re.fullmatch(self.place, difference.place) is not None
            and re.fullmatch(self.field, difference.field) is not None
            and self.holds(difference.real, difference.ours)
        )


def _only_real(real: str, ours: str) -> bool:
    return ours == NEVER != real


def _only_ours(real: str, ours: str) -> bool:
    return real == NEVER != ours


def _labels(real: str, ours: str) -> bool:
    return bool(_LABELS.fullmatch(real) and _OUR_LABELS.fullmatch(ours))


def _is(real: str, ours: str) -> Callable[[str, str], bool]:
    return lambda x, y: (x, y) == (real, ours)


def _same_number(real: str, ours: str) -> bool:
    try:
        return Decimal(real) == Decimal(ours)
    except InvalidOperation:
        return False


def _quoted_number(real: str, ours: str) -> bool:
    return ours[:1] == ours[-1:] == '"' and _same_number(real, ours[1:-1])


def _same_moment(real: str, ours: str) -> bool:
    try:
        moments = [datetime.datetime.fromisoformat(text.strip('"')) for text in (real, ours)]
    except ValueError:
        return False
    return moments[0] == moments[1] and "T" in real


def _same_json(real: str, ours: str) -> bool:
    try:
        return bool(json.loads(real) == json.loads(ours))
    except ValueError:
        return False


def _columns(real: str, ours: str) -> bool:
    return real == NEVER and re.fullmatch(r"`\w+`(,`\w+`)*", ours) is not None


def _folded(real: str, ours: str) -> bool:
    return real.startswith("1 rows (delete") and ours.startswith("0 rows (delete")


_STATE = r"FE GET /api/\{db\}/get_load_state\?label=\{label\}"
EXPLANATIONS = (
    Explanation(
        "header", ".*", "user-agent|accept-encoding|content-type", _only_real,
        "The Java HTTP client sends it by itself; StarRocks reads none of them.",
    ),
    Explanation(
        "header", ".*", "connection", _only_real,
        "HTTP/1.1 keeps connections open unless told otherwise; Penstock keeps those to the"
        " backends, the real connector opens a new one for each request.",
    ),
    Explanation(
        "header", "BE POST .*", "content-length", _is(NEVER, "0"),
        "A POST without a body says so; the Java client leaves the header out when it follows a"
        " redirect.",
    ),
    Explanation(
        "header", ".. PUT .*", "content-length", _is(NEVER, "{length}"),
        "Penstock compresses a body before it sends it and knows its length; the real connector"
        " compresses while it sends.",
    ),
    Explanation(
        "header", ".. PUT .*", "transfer-encoding", _is("chunked", NEVER),
        "The other side of the same: a body of unknown length goes in chunks.",
    ),
    Explanation(
        "header", ".*", "label", _labels,
        "Labels start with `sink.label-prefix` in both. Penstock adds the job's incarnation, the"
        " table's hash, subtask, epoch and attempt, so that a label names one attempt of one run"
        " for ever and a restart never meets a finished label (upstream issues 393 and 413).",
    ),
    Explanation(
        "header", ".. PUT .*", "columns", _columns,
        "Penstock always names the columns, as the real connector does from 1.2.16 on by an option:"
        " without them StarRocks takes a missing field for NULL, in partial updates too.",
    ),
    Explanation(
        "header", ".. PUT .*", "strict_mode", _is(NEVER, "true"),
        "StarRocks' default turns values it cannot convert into NULL silently; Penstock asks for an"
        " error. `'sink.properties.strict_mode' = 'false'` gives the default.",
    ),
    Explanation(
        "header", ".. POST /api/transaction/prepare", "prepared_timeout", _is(NEVER, "180"),
        "Upstream's default for at-least-once since 1.2.12, later than the version compared here.",
    ),
    Explanation(
        "header", r".. PUT /api/\{db\}/target/_stream_load", "db|table", _only_real,
        "A plain Stream Load has both in its path; StarRocks does not read the headers there.",
    ),
    Explanation(
        "request", _STATE, "", _only_ours,
        "Penstock asks first whether labels can be asked about (behind a plain proxy they cannot)"
        " and settles every doubtful answer by that. The real connector asks on exactly-once start,"
        " for transactions left by an earlier run.",
    ),
    Explanation(
        "order", ".*", "", lambda real, ours: sorted(real) == sorted(ours),
        "The two questions at the start, whether the server has transactions and what became of a"
        " label, come in the other order.",
    ),
    Explanation(
        "request", "FE POST /api/transaction/begin", "", _only_real,
        "Where the user chose plain Stream Load, Penstock does not ask whether the server has"
        " transactions.",
    ),
    Explanation(
        "value", "json", ".*", _is(NEVER, "null"),
        "NULL is written out: a server that gives absent fields their DEFAULT would store"
        " something else (StarRocks pull request 78952).",
    ),
    Explanation(
        "value", "json", "DECIMAL", _quoted_number,
        "The same decimal as a string: a JSON number beyond 2^53 passes through a double on some"
        " servers.",
    ),
    Explanation(
        "value", "csv", "DECIMAL", _same_number,
        "The same decimal in plain digits instead of scientific notation.",
    ),
    Explanation(
        "value", "json|csv", "DOUBLE|FLOAT", _same_number,
        "The same number in C's shortest form instead of Java's.",
    ),
    Explanation(
        "value", "json|csv", "TIMESTAMP|TIMESTAMP_LTZ", _same_moment,
        "The same moment in StarRocks' own form with microseconds instead of ISO's with `T`, which"
        " leaves zero seconds out.",
    ),
    Explanation(
        "value", "csv", "STRING", _same_json,
        "Text for a JSON column goes as the user wrote it; the real connector parses and writes it"
        " again, which loses the order of keys.",
    ),
    Explanation(
        "row", "json", "", _folded,
        "An update that keeps its key is one upsert; the real connector also sends the delete of"
        " the row before when `sink.ignore.update-before` is false.",
    ),
)  # fmt: skip


def explanation_of(difference: Difference) -> Explanation | None:
    """The reason of a difference, None if nobody knows one."""
    return next((e for e in EXPLANATIONS if e.explains(difference)), None)
