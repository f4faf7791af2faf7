"""`sink.properties.*`: what becomes a header of every load, and what the sink decides itself.

Source: StarRocks docs, "STREAM LOAD"; flink-connector-starrocks, sink properties.
"""

# ruff: noqa: FBT003 - defaults of boolean options are plain booleans
from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from penstock.config import Option, Options
from penstock.config.option import at_least, boolean, integer, one_of
from penstock.connectors.starrocks.checks import SupportedRange, Word, ratio, separator
from penstock.errors import OptionError, nearest
from penstock.wire.stream_load import parse_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "sink.properties."
_OWN_BODY = "the sink writes the bodies itself and says how they are laid out"
_BEGIN = ("timeout", "idle_transaction_timeout", "warehouse")
# The protocol itself: a property of that name would break it.
_PROTOCOL = frozenset(
    [
        "label",
        "db",
        "table",
        "authorization",
        "expect",
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "transaction_type",
        "channel_id",
        "channel_num",
        "txn_id",
    ]
)


def _property(
    name: str, parse: Any, default: Any, doc: str, check: Any = None, **facts: Any
) -> Option[Any]:
    return Option(PREFIX + name, parse, default, doc, check, **facts)


class LoadProperties(Options):
    """The load properties of a table; base of the sink's options."""

    connector = "starrocks"
    prefixes: ClassVar[tuple[str, ...]] = (PREFIX,)

    body_format = _property(
        "format",
        one_of("csv", "json"),
        "",
        "Body format; where not set, CSV with separators no value holds, else JSON.",
    )
    column_separator = _property(
        "column_separator", separator, "\t", "Between values of CSV rows; literal or \\xHH."
    )
    row_delimiter = _property(
        "row_delimiter", separator, "\n", "After each CSV row; literal or \\xHH."
    )
    load_columns = _property(
        "columns", str, "", "Source fields and `name = expression`, in the table's order for CSV."
    )
    max_filter_ratio = _property(
        "max_filter_ratio", ratio, 0.0, "Share of rows StarRocks may leave out as bad."
    )
    strict_mode = _property(
        "strict_mode", boolean, True, "Bad values are refused rather than turned into NULL."
    )
    timezone = _property("timezone", str, "", "Zone of the server's time functions in `columns`.")
    timeout = _property(
        "timeout",
        integer,
        600,
        "Seconds a transaction may stay unprepared, or a plain load may take.",
        SupportedRange(PREFIX + "timeout", 1, 259_200),
    )
    idle_transaction_timeout = _property(
        "idle_transaction_timeout",
        integer,
        None,
        "Seconds after which StarRocks ends an idle transaction.",
        at_least(1),
    )
    prepared_timeout = _property(
        "prepared_timeout",
        integer,
        None,
        "Seconds a prepared transaction lives (StarRocks 3.5.4 and later); 180 in at-least-once.",
        at_least(1),
    )
    compression = _property(
        "compression",
        Word(("lz4_frame",), "Unsupported compression '{}'; supported: lz4_frame"),
        "",
        "`lz4_frame`: compress bodies.",
    )
    partial_update = _property(
        "partial_update", boolean, False, "Rows change only the table's declared columns."
    )
    partial_update_mode = _property(
        "partial_update_mode", one_of("row", "column", "auto"), "", "How StarRocks carries it out."
    )
    merge_condition = _property(
        "merge_condition", str, "", "Column that must not decrease for a row to apply."
    )
    where = _property("where", str, "", "Only rows for which this holds are loaded.")
    partitions = _property("partitions", str, "", "Partitions to load into.")
    temporary_partitions = _property("temporary_partitions", str, "", "Temporary partitions.")
    negative = _property("negative", boolean, False, "Subtract SUM columns.")
    trim_space = _property(
        "trim_space", boolean, False, "StarRocks trims blanks around values; needs CSV."
    )
    load_mem_limit = _property("load_mem_limit", integer, None, "Bytes a load may use.")
    load_dop = _property("load_dop", integer, None, "Parallelism of a load on the server.")
    transmission = _property("transmission_compression_type", str, "", "Codec between BEs.")
    replicated_storage = _property("enable_replicated_storage", boolean, None, "Write replicas.")
    log_rejected = _property(
        "log_rejected_record_num", integer, None, "Bad rows StarRocks keeps; -1 for all."
    )
    warehouse = _property("warehouse", str, "", "Warehouse of a shared-data cluster.")

    strip_outer_array = _property(
        "strip_outer_array", boolean, True, "JSON bodies are one array.", no_effect=_OWN_BODY
    )
    ignore_json_size = _property(
        "ignore_json_size", boolean, True, "JSON bodies may be large.", no_effect=_OWN_BODY
    )
    enclose = _property(
        "enclose",
        str,
        "",
        "Quote character of CSV.",
        no_effect="separators are chosen that no value holds, so values need no quotes",
    )
    escape = _property(
        "escape",
        str,
        "",
        "Escape character of CSV.",
        no_effect="separators are chosen that no value holds, so values need no escapes",
    )
    skip_header = _property(
        "skip_header",
        integer,
        0,
        "Lines to skip.",
        refused="bodies have no header line; StarRocks would drop the first rows of each load",
    )
    jsonpaths = _property("jsonpaths", str, "", "Paths of fields.", refused=_OWN_BODY)
    json_root = _property("json_root", str, "", "Root of rows.", refused=_OWN_BODY)
    envelope = _property("envelope", str, "", "Wrapper of rows.", refused=_OWN_BODY)
    enable_merge_commit = _property(
        "enable_merge_commit",
        boolean,
        False,
        "StarRocks merges small loads of many writers into one version (3.4 and later); at least"
        " once.",
    )
    merge_commit_interval = _property(
        "merge_commit_interval_ms",
        integer,
        None,
        "How long StarRocks collects loads for one version; must be set with merge commit.",
        at_least(1),
    )
    merge_commit_parallel = _property(
        "merge_commit_parallel",
        integer,
        3,
        "Parallelism of a merged load on the server.",
        at_least(1),
    )
    merge_commit_async = _property(
        "merge_commit_async",
        boolean,
        True,
        "A request is answered once StarRocks has the rows, and its outcome asked for.",
    )

    def __init__(self, raw: Mapping[str, str]) -> None:
        super().__init__(raw)
        self.properties = {
            self.spelled(key)[len(PREFIX) :]: value
            for key, value in raw.items()
            if key.startswith(PREFIX)
        }
        self._check_properties()

    @classmethod
    def spelled(cls, key: str) -> str:
        """Load properties are headers, whose case does not matter."""
        return key.lower() if key.startswith(PREFIX) else key

    @property
    def format(self) -> str | None:
        """Csv or json where the user chose, else None."""
        return str(self.body_format) or ("csv" if self.trim_space else None)

    @property
    def separators(self) -> tuple[str, str] | None:
        """The user's CSV separators, None where he set none."""
        options = (LoadProperties.column_separator, LoadProperties.row_delimiter)
        if not any(self.is_set(option) for option in options):
            return None
        return str(self.column_separator), str(self.row_delimiter)

    @property
    def load_headers(self) -> dict[str, str]:
        """Headers of loads out of `sink.properties.*`, without what the body decides."""
        ours = {"format", "column_separator", "row_delimiter", "columns", "compression"}
        ours |= {"prepared_timeout", "idle_transaction_timeout", "enable_merge_commit"}
        ours |= {"merge_commit_interval_ms", "merge_commit_parallel", "merge_commit_async"}
        kept = {k: v for k, v in self.properties.items() if k not in ours and self._sent(k)}
        return {"strict_mode": "true", "timeout": "600", **kept}

    @property
    def merge_headers(self) -> dict[str, str]:
        """Headers that ask for merge commit, besides `load_headers`."""
        return {
            "enable_merge_commit": "true",
            "merge_commit_interval_ms": str(self.merge_commit_interval),
            "merge_commit_parallel": str(self.merge_commit_parallel),
            "merge_commit_async": "true" if self.merge_commit_async else "false",
        }

    @property
    def begin_headers(self) -> dict[str, str]:
        """Headers of begin."""
        given = {k: v for k, v in self.properties.items() if k in _BEGIN}
        return {"timeout": "600", **given}

    def prepare_headers(self, *, exactly_once: bool) -> dict[str, str]:
        """Headers of prepare: how long the transaction lives, upstream's default where not set."""
        default = None if exactly_once else 180
        seconds = self.prepared_timeout if self.prepared_timeout is not None else default
        return {} if seconds is None else {"prepared_timeout": str(seconds)}

    def _sent(self, name: str) -> bool:
        option = self._known().get(name)
        return option is None or not (option.no_effect or option.refused)

    @classmethod
    def _known(cls) -> dict[str, Option[Any]]:
        prefix = len(PREFIX)
        return {o.key[prefix:]: o for o in cls.declared() if o.key.startswith(PREFIX)}

    def _check_properties(self) -> None:
        known = self._known()
        for name in self.properties:
            if name in _PROTOCOL or not name:
                raise self.refusal(
                    PREFIX + name, "the header belongs to the load protocol, which is the sink's"
                )
            if name not in known:
                near = nearest(name, known)
                guess = f"; did you mean '{PREFIX}{near}'?" if near else ""
                self._tell(
                    f"option '{PREFIX}{name}' is unknown and goes to StarRocks as a header{guess}"
                )
        if self.trim_space and self.body_format == "json":
            raise self._wrong("trim_space", "it works on CSV, but 'format' is json")
        try:
            parse_columns(str(self.load_columns))
        except ValueError as error:
            raise self._wrong("columns", str(error)) from error

    def _wrong(self, name: str, why: str) -> OptionError:
        key = PREFIX + name
        return OptionError(
            f"invalid value '{self.properties.get(name, '')}' of option '{key}'",
            key=key,
            code="invalid-option",
            detail=f"{why}.",
        )
