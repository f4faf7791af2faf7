"""Trees back to text: for stored views, SHOW CREATE TABLE and watermark columns.

Every name is quoted, and every nested operator other than a chain of the same is put in
parentheses, so that the text means the same whatever stands around it.
"""

from __future__ import annotations

from decimal import Decimal
from functools import singledispatch
from typing import TYPE_CHECKING

from penstock.errors import InternalError
from penstock.sql import tree
from penstock.sql.tree import LiteralKind
from penstock.types import quote_identifier, quote_identifiers, quote_literal, quote_path

if TYPE_CHECKING:
    from collections.abc import Iterable

_OPERATORS = (
    tree.Binary, tree.Unary, tree.Between, tree.InList, tree.InQuery, tree.Like, tree.IsNull,
    tree.IsTruth, tree.IsDistinctFrom, tree.IsJson, tree.Quantified, tree.AtTimeZone,
)  # fmt: skip


@singledispatch
def unparse(node: tree.Node) -> str:
    """The SQL text of an expression, query or relation.

    Examples:
        >>> from penstock.sql import parse_expression
        >>> unparse(parse_expression("a + 1 > b.c"))
        '(`a` + 1) > `b`.`c`'
    """
    raise InternalError(f"no text for {type(node).__name__}")


def _list(nodes: Iterable[tree.Node]) -> str:
    return ", ".join(map(unparse, nodes))


def _nested(node: tree.Expression) -> str:
    """The text of an operand: in parentheses where it is an operator itself."""
    text = unparse(node)
    return f"({text})" if isinstance(node, _OPERATORS) else text


def _not(negated: bool) -> str:  # noqa: FBT001
    return "NOT " if negated else ""


@unparse.register
def _(node: tree.Identifier) -> str:
    return quote_path(node.parts)


@unparse.register
def _(node: tree.Literal) -> str:
    match node.kind:
        case LiteralKind.STRING:
            return quote_literal(str(node.value))
        case LiteralKind.BINARY:
            return f"X'{node.value.hex().upper()}'" if isinstance(node.value, bytes) else "X''"
        case LiteralKind.DATE | LiteralKind.TIME | LiteralKind.TIMESTAMP:
            return f"{node.kind.value} {quote_literal(str(node.value))}"
        case LiteralKind.BOOLEAN:
            return "TRUE" if node.value else "FALSE"
        case LiteralKind.NULL | LiteralKind.UNKNOWN:
            return node.kind.name
        case LiteralKind.DOUBLE:
            text = str(node.value)
            return text if "e" in text else text + "E0"
        case LiteralKind.DECIMAL:
            text = format(Decimal(str(node.value)), "f")
            return text if "." in text else text + "."
    return str(node.value)


@unparse.register
def _(node: tree.Interval) -> str:
    end = f" TO {node.end_unit}" if node.end_unit else ""
    sign = "-" if node.negative else ""
    return f"INTERVAL {sign}{quote_literal(node.value)} {node.unit}{end}"


@unparse.register
def _(node: tree.Symbol) -> str:
    return node.name


@unparse.register
def _(node: tree.Star) -> str:
    return quote_path(node.qualifier) + ".*" if node.qualifier else "*"


@unparse.register
def _(node: tree.Parameter) -> str:  # noqa: ARG001
    return "?"


@unparse.register
def _(node: tree.Unary) -> str:
    gap = " " if node.operator == "NOT" else ""
    return f"{node.operator}{gap}{_nested(node.operand)}"


@unparse.register
def _(node: tree.Binary) -> str:
    texts = []
    left: tree.Expression = node
    while isinstance(left, tree.Binary) and left.operator == node.operator:
        texts.append(_nested(left.right))
        left = left.left
    return f" {node.operator} ".join([_nested(left), *reversed(texts)])


@unparse.register
def _(node: tree.Between) -> str:
    symmetric = "SYMMETRIC " if node.symmetric else ""
    limits = f"{_nested(node.low)} AND {_nested(node.high)}"
    return f"{_nested(node.operand)} {_not(node.negated)}BETWEEN {symmetric}{limits}"


@unparse.register
def _(node: tree.InList) -> str:
    return f"{_nested(node.operand)} {_not(node.negated)}IN ({_list(node.items)})"


@unparse.register
def _(node: tree.InQuery) -> str:
    return f"{_nested(node.operand)} {_not(node.negated)}IN ({unparse(node.query)})"


@unparse.register
def _(node: tree.Like) -> str:
    escape = f" ESCAPE {_nested(node.escape)}" if node.escape else ""
    pattern = _nested(node.pattern)
    return f"{_nested(node.operand)} {_not(node.negated)}{node.kind} {pattern}{escape}"


@unparse.register
def _(node: tree.IsNull) -> str:
    return f"{_nested(node.operand)} IS {_not(node.negated)}NULL"


@unparse.register
def _(node: tree.IsTruth) -> str:
    value = {True: "TRUE", False: "FALSE", None: "UNKNOWN"}[node.value]
    return f"{_nested(node.operand)} IS {_not(node.negated)}{value}"


@unparse.register
def _(node: tree.IsDistinctFrom) -> str:
    right = _nested(node.right)
    return f"{_nested(node.left)} IS {_not(node.negated)}DISTINCT FROM {right}"


@unparse.register
def _(node: tree.IsJson) -> str:
    return f"{_nested(node.operand)} IS {_not(node.negated)}JSON {node.what}"


@unparse.register
def _(node: tree.Quantified) -> str:
    inner = unparse(node.query) if node.query else _list(node.items)
    return f"{_nested(node.operand)} {node.operator} {node.quantifier} ({inner})"


@unparse.register
def _(node: tree.Exists) -> str:
    return f"EXISTS ({unparse(node.query)})"


@unparse.register
def _(node: tree.ScalarSubquery) -> str:
    return f"({unparse(node.query)})"


@unparse.register
def _(node: tree.Case) -> str:
    parts = ["CASE"]
    if node.operand:
        parts.append(unparse(node.operand))
    parts += [f"WHEN {unparse(w.condition)} THEN {unparse(w.result)}" for w in node.whens]
    if node.otherwise:
        parts.append(f"ELSE {unparse(node.otherwise)}")
    return " ".join([*parts, "END"])


@unparse.register
def _(node: tree.TypeSpec) -> str:
    return node.text


@unparse.register
def _(node: tree.Cast) -> str:
    name = "TRY_CAST" if node.safe else "CAST"
    return f"{name}({unparse(node.operand)} AS {unparse(node.type)})"


@unparse.register
def _(node: tree.Extract) -> str:
    return f"EXTRACT({node.unit} FROM {unparse(node.operand)})"


@unparse.register
def _(node: tree.TimeDifference) -> str:
    end = f" TO {node.end_unit}" if node.end_unit else ""
    return f"({_nested(node.later)} - {_nested(node.earlier)}) {node.unit}{end}"


@unparse.register
def _(node: tree.AtTimeZone) -> str:
    return f"{_nested(node.operand)} AT TIME ZONE {_nested(node.zone)}"


@unparse.register(tree.ArrayConstructor)
@unparse.register(tree.MultisetConstructor)
def _(node: tree.ArrayConstructor | tree.MultisetConstructor) -> str:
    name = "ARRAY" if isinstance(node, tree.ArrayConstructor) else "MULTISET"
    return f"{name}[{_list(node.items)}]"


@unparse.register
def _(node: tree.MapConstructor) -> str:
    return f"MAP[{', '.join(_list(entry) for entry in node.entries)}]"


@unparse.register
def _(node: tree.CollectionQuery) -> str:
    return f"{node.kind}({unparse(node.query)})"


@unparse.register
def _(node: tree.RowConstructor) -> str:
    plain = not node.explicit and len(node.items) != 1
    return f"{'' if plain else 'ROW'}({_list(node.items)})"


@unparse.register
def _(node: tree.ItemAccess) -> str:
    return f"{_nested(node.operand)}[{unparse(node.index)}]"


@unparse.register
def _(node: tree.FieldAccess) -> str:
    operand = unparse(node.operand)
    if isinstance(node.operand, (*_OPERATORS, tree.Identifier)):
        operand = f"({operand})"
    return f"{operand}.{quote_identifier(node.field)}"


@unparse.register
def _(node: tree.SortKey) -> str:
    order = " DESC" if node.descending else ""
    nulls = {True: " NULLS FIRST", False: " NULLS LAST", None: ""}[node.nulls_first]
    return unparse(node.expression) + order + nulls


@unparse.register
def _(node: tree.FrameBound) -> str:
    return f"{_nested(node.value)} {node.kind}" if node.value else node.kind


@unparse.register
def _(node: tree.WindowSpec) -> str:
    parts = [quote_identifier(node.base)] if node.base else []
    if node.partition_by:
        parts.append(f"PARTITION BY {_list(node.partition_by)}")
    if node.order_by:
        parts.append(f"ORDER BY {_list(node.order_by)}")
    if node.frame:
        first = unparse(node.frame.start)
        between = f"BETWEEN {first} AND {unparse(node.frame.end)}" if node.frame.end else first
        parts.append(f"{node.frame.unit} {between}")
    return f"({' '.join(parts)})"


@unparse.register
def _(node: tree.JsonClause) -> str:
    if node.type:
        return f"RETURNING {unparse(node.type)}"
    if node.kind == "WRAPPER":
        return f"{node.behavior} WRAPPER"
    value = f" {unparse(node.expression)}" if node.expression else ""
    return f"{node.behavior}{value} {node.kind}"


_PAIRED = {"JSON_OBJECT": ("KEY ", " VALUE "), "JSON_OBJECTAGG": ("KEY ", " VALUE ")}


def _function_name(node: tree.FunctionCall) -> str:
    """Built-in names stay bare: they may be reserved words with a meaning of their own."""
    if len(node.name) == 1 and node.name[0].replace("_", "a").isalnum():
        return node.name[0]
    return quote_path(node.name)


def _arguments(node: tree.FunctionCall) -> str:
    texts = [unparse(argument) for argument in node.arguments]
    name = node.simple_name
    if name == "TRIM" and len(texts) == 3:
        return f"{texts[0]} {texts[1]} FROM {texts[2]}"
    if name == "POSITION" and len(texts) >= 2:
        tail = f" FROM {texts[2]}" if len(texts) > 2 else ""
        return f"{_nested(node.arguments[0])} IN {texts[1]}{tail}"
    if name == "OVERLAY" and len(texts) >= 3:
        tail = f" FOR {texts[3]}" if len(texts) > 3 else ""
        return f"{texts[0]} PLACING {texts[1]} FROM {texts[2]}{tail}"
    if name in ("FLOOR", "CEIL", "CEILING") and isinstance(node.arguments[-1], tree.Symbol):
        return f"{texts[0]} TO {texts[1]}"
    if name in _PAIRED and len(texts) % 2 == 0:
        key, value = _PAIRED[name]
        pairs = zip(texts[::2], texts[1::2], strict=True)
        return ", ".join(f"{key}{first}{value}{second}" for first, second in pairs)
    return ", ".join(texts)


@unparse.register
def _(node: tree.FunctionCall) -> str:
    if node.bare:
        return node.name[0]
    inner = [("DISTINCT " if node.distinct else "") + _arguments(node)]
    if node.order_by:
        inner.append(f"ORDER BY {_list(node.order_by)}")
    inner += map(unparse, node.clauses)
    text = f"{_function_name(node)}({' '.join(part for part in inner if part)})"
    if node.within_group:
        text += f" WITHIN GROUP (ORDER BY {_list(node.within_group)})"
    if node.ignore_nulls is not None:
        text += " IGNORE NULLS" if node.ignore_nulls else " RESPECT NULLS"
    if node.filter:
        text += f" FILTER (WHERE {unparse(node.filter)})"
    if node.over:
        text += f" OVER {unparse(node.over)}"
    return text


@unparse.register
def _(node: tree.NamedArgument) -> str:
    return f"{quote_identifier(node.name)} => {unparse(node.value)}"


@unparse.register
def _(node: tree.TableArgument) -> str:
    word = "MODEL" if node.model else "TABLE"
    if isinstance(node.query, tree.TableQuery):
        text = f"{word} {quote_path(node.query.name)}"
    else:
        text = f"{word} ({unparse(node.query)})"
    if node.partition_by:
        text += f" PARTITION BY ({_list(node.partition_by)})"
    if node.order_by:
        text += f" ORDER BY ({_list(node.order_by)})"
    return text


@unparse.register
def _(node: tree.Hint) -> str:
    items = [f"{quote_literal(k)} = {quote_literal(v)}" for k, v in node.options]
    items += [quote_literal(argument) for argument in node.arguments]
    return f"{node.name}({', '.join(items)})"


def _hints(hints: tuple[tree.Hint, ...]) -> str:
    return f" /*+ {_list(hints)} */" if hints else ""


@unparse.register
def _(node: tree.SelectItem) -> str:
    alias = f" AS {quote_identifier(node.alias)}" if node.alias else ""
    return unparse(node.expression) + alias


@unparse.register
def _(node: tree.GroupingElement) -> str:
    return f"{node.kind} ({_list(node.items)})"


@unparse.register
def _(node: tree.Select) -> str:
    distinct = " DISTINCT" if node.distinct else ""
    parts = [f"SELECT{_hints(node.hints)}{distinct} {_list(node.items)}"]
    if node.from_:
        parts.append(f"FROM {unparse(node.from_)}")
    if node.where:
        parts.append(f"WHERE {unparse(node.where)}")
    if node.group_by is not None:
        parts.append(f"GROUP BY {_list(node.group_by)}")
    if node.having:
        parts.append(f"HAVING {unparse(node.having)}")
    if node.windows:
        windows = [f"{quote_identifier(w.name)} AS {unparse(w.spec)}" for w in node.windows]
        parts.append(f"WINDOW {', '.join(windows)}")
    if node.qualify:
        parts.append(f"QUALIFY {unparse(node.qualify)}")
    return " ".join(parts)


_COMPOUND = (tree.SetOperation, tree.OrderedQuery, tree.WithQuery)


def _operand(query: tree.Query) -> str:
    return f"({unparse(query)})" if isinstance(query, _COMPOUND) else unparse(query)


@unparse.register
def _(node: tree.SetOperation) -> str:
    everything = " ALL" if node.all else ""
    return f"{_operand(node.left)} {node.operator}{everything} {_operand(node.right)}"


@unparse.register
def _(node: tree.ValuesQuery) -> str:
    return f"VALUES {_list(node.rows)}"


@unparse.register
def _(node: tree.TableQuery) -> str:
    return f"TABLE {quote_path(node.name)}"


@unparse.register
def _(node: tree.OrderedQuery) -> str:
    nested = isinstance(node.body, (tree.OrderedQuery, tree.WithQuery))
    text = _operand(node.body) if nested else unparse(node.body)
    if node.order_by:
        text += f" ORDER BY {_list(node.order_by)}"
    if node.limit is not None:
        text += f" LIMIT {node.limit}"
    if node.offset is not None:
        text += f" OFFSET {node.offset}"
    return text


@unparse.register
def _(node: tree.WithQuery) -> str:
    tables = [
        f"{quote_identifier(t.name)}{_columns(t.columns)} AS ({unparse(t.query)})"
        for t in node.tables
    ]
    recursive = "RECURSIVE " if node.recursive else ""
    return f"WITH {recursive}{', '.join(tables)} {unparse(node.body)}"


def _columns(columns: tuple[str, ...]) -> str:
    return f" ({quote_identifiers(columns)})" if columns else ""


def _alias(alias: str | None, columns: tuple[str, ...]) -> str:
    return f" AS {quote_identifier(alias)}{_columns(columns)}" if alias else ""


@unparse.register
def _(node: tree.TableRef) -> str:
    as_of = f" FOR SYSTEM_TIME AS OF {_nested(node.as_of)}" if node.as_of else ""
    sample = f" TABLESAMPLE {node.sample}" if node.sample else ""
    alias = _alias(node.alias, node.columns)
    return f"{quote_path(node.name)}{_hints(node.hints)}{as_of}{sample}{alias}"


@unparse.register
def _(node: tree.SubqueryRef) -> str:
    lateral = "LATERAL " if node.lateral else ""
    return f"{lateral}({unparse(node.query)}){_alias(node.alias, node.columns)}"


@unparse.register
def _(node: tree.TableFunctionRef) -> str:
    lateral = "LATERAL " if node.lateral else ""
    return f"{lateral}TABLE({unparse(node.call)}){_alias(node.alias, node.columns)}"


@unparse.register
def _(node: tree.UnnestRef) -> str:
    ordinality = " WITH ORDINALITY" if node.ordinality else ""
    return f"UNNEST({_list(node.arguments)}){ordinality}{_alias(node.alias, node.columns)}"


@unparse.register
def _(node: tree.Join) -> str:
    right = unparse(node.right)
    if isinstance(node.right, tree.Join):
        right = f"({right})"
    natural = "NATURAL " if node.natural else ""
    text = f"{unparse(node.left)} {natural}{node.kind} JOIN {right}"
    if node.condition:
        return f"{text} ON {unparse(node.condition)}"
    return f"{text} USING{_columns(node.using)}" if node.using else text


@unparse.register
def _(node: tree.NamedExpression) -> str:
    prefix = node.prefix + " " if node.prefix else ""
    return f"{prefix}{unparse(node.expression)} AS {quote_identifier(node.name)}"


@unparse.register
def _(node: tree.PatternNode) -> str:
    if node.kind == "NAME":
        text = quote_identifier(node.name)
    else:
        joint = " | " if node.kind == "ALTERNATION" else " "
        text = f"({joint.join(map(unparse, node.children))})"
    if (node.minimum, node.maximum) == (1, 1):
        return text
    most = "" if node.maximum is None else str(node.maximum)
    return f"{text}{{{node.minimum}, {most}}}{'?' if node.reluctant else ''}"


@unparse.register
def _(node: tree.MatchRecognize) -> str:
    parts = []
    if node.partition_by:
        parts.append(f"PARTITION BY {_list(node.partition_by)}")
    if node.order_by:
        parts.append(f"ORDER BY {_list(node.order_by)}")
    if node.measures:
        parts.append(f"MEASURES {_list(node.measures)}")
    parts.append(node.rows_per_match)
    if node.after_match:
        parts.append(f"AFTER MATCH {node.after_match}")
    parts.append(f"PATTERN ({unparse(node.pattern)})")
    if node.within:
        parts.append(f"WITHIN {unparse(node.within)}")
    if node.subsets:
        subsets = [f"{quote_identifier(name)} ={_columns(of)}" for name, of in node.subsets]
        parts.append(f"SUBSET {', '.join(subsets)}")
    define = [f"{quote_identifier(d.name)} AS {unparse(d.expression)}" for d in node.define]
    parts.append(f"DEFINE {', '.join(define)}")
    inner = " ".join(part for part in parts if part)
    alias = _alias(node.alias, node.columns)
    return f"{unparse(node.input)} MATCH_RECOGNIZE ({inner}){alias}"
