"""An option and a set of options: parsing, checks, near-miss hints and reference derive from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, overload

from penstock.config.secret import Secret
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
REQUIRED: Any = object()


@dataclass(frozen=True)
class Option(Generic[T]):
    """One option.

    Args:
        key: The key as users write it, upstream's.
        parse: Text to value; raises ValueError with what was expected.
        default: The value where none is given, or `REQUIRED`.
        doc: One sentence for the reference.
        check: Raises ValueError where the parsed value is out of bounds.
        aliases: Old spellings that are understood too.
    """

    key: str
    parse: Callable[[str], T]
    default: T
    doc: str
    check: Callable[[T], None] | None = None
    aliases: tuple[str, ...] = ()
    name: str = field(default="", init=False, compare=False)

    def __set_name__(self, owner: type, name: str) -> None:
        object.__setattr__(self, "name", name)

    @overload
    def __get__(self, instance: None, owner: type) -> Option[T]: ...
    @overload
    def __get__(self, instance: Options, owner: type) -> T: ...
    def __get__(self, instance: Options | None, owner: type) -> Option[T] | T:
        if instance is None:
            return self
        value: T = instance.values.get(self.key, self.default)
        return value


class Options:
    """Base of option sets; fields are `Option`s, prefixes collect free keys.

    Class attributes:
        connector: Name used in messages.
        prefixes: Key prefixes that are kept as they are, reached through `with_prefix`.
    """

    connector: ClassVar[str] = ""
    prefixes: ClassVar[tuple[str, ...]] = ()
    ignored: ClassVar[tuple[str, ...]] = ("connector", "property-version")

    def __init__(self, raw: Mapping[str, str]) -> None:
        """Parse `raw`.

        Raises:
            OptionError: A key is unknown (with the nearest known one), a required key is missing,
                or a value cannot be read.
        """
        self.raw = dict(raw)
        self.values: dict[str, Any] = {}
        declared = self.declared()
        by_key = {key: option for option in declared for key in (option.key, *option.aliases)}
        for key, text in raw.items():
            if key in self.ignored or any(key.startswith(prefix) for prefix in self.prefixes):
                continue
            option = by_key.get(key)
            if option is None:
                raise OptionError(
                    f"unknown option '{key}' of connector '{self.connector}'",
                    key=key,
                    known=by_key,
                    code="unknown-option",
                )
            self.values[option.key] = self._parsed(option, key, text)
        missing = [o.key for o in declared if o.default is REQUIRED and o.key not in self.values]
        if missing:
            raise OptionError(
                f"missing required option '{missing[0]}' of connector '{self.connector}'",
                key=missing[0],
                code="missing-option",
                detail=f"Missing: {', '.join(missing)}." if len(missing) > 1 else "",
            )

    @classmethod
    def declared(cls) -> list[Option[Any]]:
        """All options of the set, in order of declaration."""
        found = {}
        for base in reversed(cls.__mro__):
            found.update({n: o for n, o in vars(base).items() if isinstance(o, Option)})
        return list(found.values())

    def is_set(self, option: Option[Any]) -> bool:
        """Whether the user gave the option himself."""
        return option.key in self.values

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """The free keys under `prefix`, prefix removed."""
        return {k[len(prefix) :]: v for k, v in self.raw.items() if k.startswith(prefix)}

    def _parsed(self, option: Option[Any], key: str, text: str) -> object:
        try:
            value = option.parse(text)
            if option.check is not None:
                option.check(value)
        except ValueError as error:
            shown = Secret(text) if option.parse is Secret else text
            raise OptionError(
                f"invalid value '{shown}' of option '{key}'",
                key=key,
                code="invalid-option",
                detail=f"{error}.",
            ) from error
        return value


def boolean(text: str) -> bool:
    """Flink's boolean.

    Examples:
        >>> boolean("TRUE"), boolean("false")
        (True, False)
    """
    lowered = text.strip().lower()
    if lowered not in {"true", "false"}:
        message = "expected true or false"
        raise ValueError(message)
    return lowered == "true"


def integer(text: str) -> int:
    """A whole number."""
    try:
        return int(text.strip())
    except ValueError as error:
        message = "expected a whole number"
        raise ValueError(message) from error


def at_least(minimum: float) -> Callable[[float], None]:
    """A check: the value is not below `minimum`."""

    def check(value: float) -> None:
        if value < minimum:
            message = f"expected at least {minimum}"
            raise ValueError(message)

    return check


def one_of(*allowed: str) -> Callable[[str], str]:
    """A parser: one of some words, in any case."""

    def parse(text: str) -> str:
        if text.strip().lower() not in allowed:
            message = f"expected one of {', '.join(allowed)}"
            raise ValueError(message)
        return text.strip().lower()

    return parse
