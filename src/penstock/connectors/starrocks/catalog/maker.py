"""Creates a table in StarRocks, or says how one that is there differs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from penstock.connectors.starrocks.catalog.ddl import column_types, design
from penstock.connectors.starrocks.catalog.options import HANDED_ON, CreationOptions
from penstock.connectors.starrocks.catalog.tables import FoundColumn, change, read_table
from penstock.connectors.starrocks.options import StarRocksOptions
from penstock.connectors.starrocks.target import TargetConnection
from penstock.errors import OptionError
from penstock.types import STRING, TypeRoot

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from penstock.connectors.base import NewTable, TableDesign
    from penstock.connectors.starrocks.catalog.types import StarRocksType
    from penstock.types import Schema


@dataclass(frozen=True, slots=True)
class StarRocksMaker:
    """Implements `TableMaker` for one table.

    Args:
        fixed: Options of the table that are given: where it is, and who asks.
        creation: Options of created tables, those of the statement win.
        from_catalog: Whether `fixed` is the catalog's, so that a statement cannot change it.
    """

    fixed: Mapping[str, str]
    creation: Mapping[str, str]
    from_catalog: bool

    @classmethod
    def of_sink(cls, options: Mapping[str, str]) -> StarRocksMaker:
        """For the table that a sink with these WITH options writes to.

        Raises:
            OptionError: An option is wrong.
        """
        fixed = {k: v for k, v in options.items() if not CreationOptions.holds(k)}
        StarRocksOptions(fixed)
        return cls(fixed, {}, from_catalog=False)

    @property
    def database(self) -> str:
        return self.fixed["database-name"]

    @property
    def name(self) -> str:
        return self.fixed["table-name"]

    def adapted(self, schema: Schema) -> Schema:
        """TIME becomes text, as StarRocks keeps it."""
        columns = (
            replace(c, type=STRING.with_nullable(c.type.nullable))
            if c.type.root is TypeRoot.TIME
            else c
            for c in schema.columns
        )
        return replace(schema, columns=tuple(columns))

    def design(self, new: NewTable) -> TableDesign:
        self._sink(new)
        return design(self.database, self.name, new, self._creation(new))

    def sink_options(self, options: Mapping[str, str]) -> dict[str, str]:
        kept = {k: v for k, v in options.items() if not CreationOptions.holds(k)}
        return {**self.fixed, **kept}

    def differences(self, new: NewTable) -> list[str] | None:
        with contextlib.closing(TargetConnection(self._sink(new))) as connection:
            found = read_table(connection, self.database, self.name)
        if found is None:
            return None
        wanted = column_types(new, self._creation(new))
        there = {column.name.lower(): column for column in found.columns}
        lines = [line for c in new.schema.columns for line in _unlike(c.name, there, wanted, new)]
        names = {column.name.lower() for column in new.schema.columns}
        lines += [
            f"{column.name}: is NOT NULL in StarRocks and gets no value"
            for column in found.columns
            if column.required and column.name.lower() not in names
        ]
        key = tuple(name.lower() for name in new.schema.primary_key)
        if key != tuple(name.lower() for name in found.primary_key):
            lines.append(
                f"primary key: ({', '.join(found.primary_key)}) in StarRocks,"
                f" ({', '.join(new.schema.primary_key)}) in the query"
            )
        return lines

    def create(self, new: NewTable) -> None:
        with contextlib.closing(TargetConnection(self._sink(new))) as connection:
            change(connection, self.design(new).ddl)

    def _creation(self, new: NewTable) -> CreationOptions:
        given = {k: v for k, v in new.options.items() if CreationOptions.holds(k)}
        return CreationOptions({**self.creation, **given})

    def _sink(self, new: NewTable) -> StarRocksOptions:
        """The sink's options, those of the statement among them."""
        if self.from_catalog:
            for key, value in new.options.items():
                own = key == "connector" and value == self.fixed[key]
                if not (own or CreationOptions.holds(key) or key.startswith(HANDED_ON)):
                    raise OptionError(
                        f"option '{key}' cannot be given to a table of a catalog",
                        key=key,
                        code="unsupported-option",
                        detail="The catalog says where its tables are and who asks.",
                        hint="Leave it out; 'sink.*' and 'table.*' can be given.",
                    )
        return StarRocksOptions(self.sink_options(new.options))


def _unlike(
    name: str,
    there: Mapping[str, FoundColumn],
    wanted: Mapping[str, StarRocksType],
    new: NewTable,
) -> Iterator[str]:
    column = there.get(name.lower())
    if column is None:
        yield f"{name}: does not exist in StarRocks, {wanted[name].text()} in the query"
        return
    if column.type is None or not column.type.holds(wanted[name]):
        yield f"{name}: {column.text} in StarRocks, {wanted[name].text()} in the query"
    if column.generated:
        yield f"{name}: is computed by StarRocks"
    nullable = next(c.type.nullable for c in new.schema.columns if c.name == name)
    if nullable and not column.nullable:
        yield f"{name}: NOT NULL in StarRocks, may be NULL in the query"
