"""An option and a set of options: parsing, checks, notes, near-miss hints, reference come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, cast, overload

from penstock.config.secret import Secret, shown_value
from penstock.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

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
        no_effect: Why any other value than the default changes nothing here; told to the user.
        refused: Why any other value than the default is refused.
        clamp: Smallest and largest value; what lies outside is moved there, and the user told.
    """

    key: str
    parse: Callable[[str], T]
    default: T
    doc: str
    check: Callable[[T], None] | None = None
    aliases: tuple[str, ...] = ()
    no_effect: str = ""
    refused: str = ""
    clamp: tuple[int, int] | None = None
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

    def read(self, text: str) -> T:
        """The value of a text.

        Raises:
            ValueError: It cannot be read or is out of bounds; the text says what was expected.
        """
        value = self.parse(text)
        if self.clamp is not None:
            low, high = self.clamp
            value = cast("T", max(low, min(high, cast("int", value))))
        if self.check is not None:
            self.check(value)
        return value

    def note(self, text: str, value: T) -> str:
        """What the user must know about the value he gave; empty where it is simply honoured."""
        if self.no_effect and value != self.default:
            return f"option '{self.key}' has no effect here: {self.no_effect}"
        if self.clamp is not None and self.parse(text) != value:
            return f"option '{self.key}' = '{text}' is out of bounds and taken as {value}"
        return ""


class Options:
    """Base of option sets; fields are `Option`s, prefixes collect free keys.

    Class attributes:
        connector: Name used in messages.
        noun: What it is the name of.
        prefixes: Key prefixes that are kept as they are, reached through `with_prefix`. An option
            declared under such a prefix is parsed as any other.
        refused_prefixes: Prefixes of keys that are known and refused, and why.
        also: Option sets of other uses of the same table: their keys are checked and left alone.
    """

    connector: ClassVar[str] = ""
    noun: ClassVar[str] = "connector"
    prefixes: ClassVar[tuple[str, ...]] = ()
    refused_prefixes: ClassVar[Mapping[str, str]] = {}
    also: ClassVar[tuple[type[Options], ...]] = ()
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
        self.notes: list[str] = []
        for given, text in raw.items():
            key = self.spelled(given)
            option = by_key.get(key)
            if option is not None:
                value = self.values[option.key] = self._parsed(option, given, text)
                self._tell(option.note(text, value))
            elif not (
                key in self.ignored
                or key.startswith(self.prefixes)
                or any(other.checks(given, key, text) for other in self.also)
            ):
                raise self._unknown(given, [*by_key, *self._keys_of_other_uses()])
        missing = [o.key for o in declared if o.default is REQUIRED and o.key not in self.values]
        if missing:
            raise OptionError(
                f"missing required option '{missing[0]}' of {self.noun} '{self.connector}'",
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

    @classmethod
    def spelled(cls, key: str) -> str:
        """The key as it is declared; sets with keys in any case say how."""
        return key

    @classmethod
    def checks(cls, given: str, key: str, text: str) -> bool:
        """Whether the key is one of this set's, its value read and found good.

        Raises:
            OptionError: It is one, and the value is bad, or the key is refused.
        """
        for option in cls.declared():
            if key in {option.key, *option.aliases}:
                cls._parsed(option, given, text)
                return True
        for prefix, reason in cls.refused_prefixes.items():
            if key.startswith(prefix):
                raise cls.refusal(given, reason)
        return key.startswith(cls.prefixes)

    @classmethod
    def _keys_of_other_uses(cls) -> list[str]:
        return [option.key for other in cls.also for option in other.declared()]

    def is_set(self, option: Option[Any]) -> bool:
        """Whether the user gave the option himself."""
        return option.key in self.values

    def with_prefix(self, prefix: str) -> dict[str, str]:
        """The free keys under `prefix`, prefix removed."""
        return {k[len(prefix) :]: v for k, v in self.raw.items() if k.startswith(prefix)}

    def _tell(self, note: str) -> None:
        if note:
            self.notes.append(note)

    @classmethod
    def _parsed(cls, option: Option[T], key: str, text: str) -> T:
        try:
            value = option.read(text)
        except ValueError as error:
            shown = Secret(text) if option.parse is Secret else shown_value(key, text)
            raise OptionError(
                f"invalid value '{shown}' of option '{key}'",
                key=key,
                code="invalid-option",
                detail=f"{error}.",
            ) from error
        if option.refused and value != option.default:
            raise cls.refusal(key, option.refused)
        return value

    def _unknown(self, key: str, known: Iterable[str]) -> OptionError:
        for prefix, reason in self.refused_prefixes.items():
            if key.startswith(prefix):
                return self.refusal(key, reason)
        return OptionError(
            f"unknown option '{key}' of {self.noun} '{self.connector}'",
            key=key,
            known=known,
            code="unknown-option",
        )

    @classmethod
    def refusal(cls, key: str, reason: str) -> OptionError:
        """The error for a key that is known and not honoured; `reason` starts lower case."""
        return OptionError(
            f"unsupported option '{key}' of {cls.noun} '{cls.connector}'",
            key=key,
            code="unsupported-option",
            detail=f"{reason[0].upper()}{reason[1:]}.",
            hint="Remove the option.",
        )


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


@dataclass(frozen=True, slots=True)
class AtLeast:
    """A check: the value is not below `minimum`."""

    minimum: float

    def __call__(self, value: float) -> None:
        if value < self.minimum:
            message = f"expected {self}"
            raise ValueError(message)

    def __str__(self) -> str:
        return f"at least {self.minimum}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """A parser: one of some words, in any case."""

    words: tuple[str, ...]

    def __call__(self, text: str) -> str:
        if text.strip().lower() not in self.words:
            message = f"expected {self}"
            raise ValueError(message)
        return text.strip().lower()

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"


def at_least(minimum: float) -> AtLeast:
    """A check: the value is not below `minimum`."""
    return AtLeast(minimum)


def one_of(*allowed: str) -> OneOf:
    """A parser: one of some words, in any case."""
    return OneOf(allowed)
