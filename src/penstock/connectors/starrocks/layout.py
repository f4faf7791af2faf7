"""How a table's columns become the fields of a body, and the header `columns` that names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.types import load_form
from penstock.errors import ValidationError
from penstock.formats.load_text import Form
from penstock.types import quote_identifier
from penstock.wire.stream_load import parse_columns

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from penstock.connectors.starrocks.options import StarRocksOptions
    from penstock.connectors.starrocks.target import TargetColumn
    from penstock.types import Schema

OP = "__op"


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a row on its way to StarRocks.

    Args:
        header: Value of `columns`.
        names: Names of the fields in the order of a row's columns, `__op` last where it is sent.
        forms: How the values of each field are written.
        order: Fields in the order in which `header` names them: positions into `names`.
    """

    header: str
    names: tuple[str, ...]
    forms: tuple[Form, ...]
    order: tuple[int, ...]

    @property
    def with_op(self) -> bool:
        """Whether rows end with `__op`."""
        return self.names[-1:] == (OP,)


def make_layout(
    schema: Schema, target: Mapping[str, str], *, keyed: bool, given: str, by_name: bool
) -> Layout:
    """The layout of a sink.

    Args:
        schema: Of the rows.
        target: Type of each target column, by its name there.
        keyed: The target has a primary key, so rows say whether they upsert or delete.
        given: The user's `columns`; empty to name each column after itself.
        by_name: The user's fields are the schema's names (format json), else its order.

    Raises:
        ValidationError: The user's fields are not those of a row.
    """
    for name in schema.names:
        if any(char in "\r\n\0" for char in name):
            raise _not_sendable(name)
    names = {name.lower(): name for name in target}
    columns = [names.get(name.lower(), name) for name in schema.names]
    types = [target.get(name, "") for name in columns]
    forms = [load_form(kind, c.type) for kind, c in zip(types, schema.columns, strict=True)]
    if given:
        return _given(schema, forms, given, keyed=keyed, by_name=by_name)
    taken = set(names)
    fields, derived = [], []
    for name, form in zip(columns, forms, strict=True):
        if form is not Form.HEX:
            fields.append(name)
            continue
        # Servers differ in how they read bytes; a function says how these are written.
        source = _unused(f"{name}_hex", taken)
        fields.append(source)
        derived.append(f"{quote_identifier(name)}=to_binary({quote_identifier(source)},'hex')")
    if keyed:
        fields.append(OP)
        forms.append(Form.PLAIN)
    header = ",".join([quote_identifier(name) for name in fields] + derived)
    return Layout(header, tuple(fields), tuple(forms), tuple(range(len(fields))))


def _given(schema: Schema, forms: list[Form], header: str, *, keyed: bool, by_name: bool) -> Layout:
    """The user's header; where it says nothing of `__op`, deletes must not become upserts."""
    parsed = parse_columns(header)
    if keyed and not any(name == OP for name, _ in parsed):
        header = f"{header},`{OP}`"
        parsed.append((OP, ""))
    sources = [name for name, expression in parsed if not expression]
    plain = [name for name in sources if name != OP]
    if by_name:
        places = {name.lower(): place for place, name in enumerate(schema.names)}
        strange = [name for name in plain if name.lower() not in places]
        absent = sorted(set(places) - {name.lower() for name in plain})
        if strange or absent:
            raise _mismatch(schema, plain, strange or absent)
        positions = [places[name.lower()] for name in plain]
    elif len(plain) != len(schema.names):
        raise _mismatch(schema, plain, plain)
    else:
        positions = list(range(len(plain)))
    names = [""] * len(plain)
    for place, name in zip(positions, plain, strict=True):
        names[place] = name
    with_op = keyed and OP in sources
    if with_op:
        names.append(OP)
        forms = [*forms, Form.PLAIN]
    in_turn = iter(positions)
    order = [
        len(plain) if name == OP else next(in_turn) for name in sources if with_op or name != OP
    ]
    return Layout(header, tuple(names), tuple(forms), tuple(order))


def _not_sendable(name: str) -> ValidationError:
    return ValidationError(
        f"column {name!r} of the sink table holds a line end",
        code="load-columns",
        detail="A load names its columns in a header, where no line end can stand.",
        hint="Rename the column in StarRocks and in the sink table.",
    )


def _mismatch(schema: Schema, fields: Sequence[str], wrong: Sequence[str]) -> ValidationError:
    return ValidationError(
        f"'sink.properties.columns' does not list the sink table's columns: {', '.join(wrong)}",
        code="load-columns",
        detail=f"Fields of a row: {', '.join(schema.names)}. Listed: {', '.join(fields)}.",
        hint="List each column of the sink table once, in its order, then `name = expression`.",
    )


def _unused(name: str, taken: set[str]) -> str:
    while name.lower() in taken:
        name += "_"
    taken.add(name.lower())
    return name


def check_properties(name: str, options: StarRocksOptions, columns: Sequence[TargetColumn]) -> None:
    """Whether partial and conditional updates fit the target.

    Raises:
        ValidationError: They do not.
    """
    keys = {column.name.lower() for column in columns if column.key.startswith("PRI")}
    if options.partial_update and not keys:
        raise ValidationError(
            f"'sink.properties.partial_update' of sink table \"{name}\" needs a primary key",
            code="partial-update-without-key",
            detail="Only primary key table support partial update.",
            hint="Make the target a PRIMARY KEY table, or remove the option.",
        )
    condition = _condition(options)
    if not condition:
        return
    known = {column.name.lower() for column in columns}
    problem = ""
    if not keys:
        problem = "The target has no primary key, so no row replaces another."
    elif condition not in known:
        problem = f"Column {condition} does not exist in the target."
    elif condition in keys:
        problem = f"It is a key column, which never changes: {condition}."
    if problem:
        raise ValidationError(
            f"'sink.properties.merge_condition' of sink table \"{name}\" does not fit its target",
            code="merge-condition",
            detail=problem,
            hint=f"Name one of: {', '.join(sorted(known - keys))}.",
        )


def condition_of(options: StarRocksOptions, names: Sequence[str]) -> int | None:
    """Position of merge_condition's column among a row's columns."""
    lowered = [name.lower() for name in names]
    condition = _condition(options)
    return lowered.index(condition) if condition in lowered else None


def _condition(options: StarRocksOptions) -> str:
    return str(options.merge_condition).strip("` ").lower()
