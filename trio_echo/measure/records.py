"""Plain JSON values become frozen dataclasses, each checked against its type. No I/O.

What a type does not say is said beside it: `Annotated[int, Range(1, 9)]`.
"""

from __future__ import annotations

import dataclasses
import math
from types import NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Literal,
    NamedTuple,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
# A float may be written as a whole number; an int may not be written as a float.
_PLAIN = {bool: (bool,), int: (int,), float: (int, float), str: (str,), NoneType: (NoneType,)}


class Range(NamedTuple):
    """The least and the most that a number may be."""

    least: float
    most: float

    def allows(self, value: float) -> bool:
        """Tell whether it is one of them."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"within {self.least:,.10g} to {self.most:,.10g}"


class Among(NamedTuple):
    """The texts that one may be."""

    texts: tuple[str, ...]

    def allows(self, text: str) -> bool:
        """Tell whether it is one of them."""
        return text in self.texts

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.texts))


# What a signed integer of 64 bits holds.
_MOST = 2**63 - 1
Count: TypeAlias = Annotated[int, Range(0, _MOST)]
Ordinal: TypeAlias = Annotated[int, Range(1, _MOST)]
Nanoseconds: TypeAlias = Annotated[int, Range(0, _MOST)]
Amount: TypeAlias = Annotated[float, Range(0, 1e19)]
"""What is measured: a rate, a time, a ratio."""


def build(kind: type[T], value: object, where: str = "") -> T:
    """Make a dataclass of what `json.loads` gave.

    Args:
        kind: the dataclass. Its fields are of plain types, `None`, literals, tuples of one type,
            dicts with text for keys, other such dataclasses, unions of these, or one of these
            with a `Range` or `Among`.
        value: the opposite of `dataclasses.asdict`.
        where: the path to the value, for the message.

    Raises:
        ValueError: a field is missing, unknown, of a wrong type or out of its range, a number is
            not finite, or the dataclass refuses its fields. One line, which names the path.
    """
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    fields = {field.name for field in dataclasses.fields(kind)}
    for name in fields.symmetric_difference(value):
        what = "missing" if name in fields else "unknown"
        raise ValueError(f"{_join(where, name)} is {what}")
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{name: _value(hints[name], value[name], _join(where, name)) for name in fields})


def _value(kind: object, value: object, where: str) -> object:
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        # The unions here are of a type and None.
        (kind,) = set(arguments) - {NoneType}
        return None if value is None else _value(kind, value, where)
    if origin is Annotated:
        value = _value(arguments[0], value, where)
        for limit in arguments[1:]:
            if not limit.allows(value):
                raise _wrong(where, str(limit), value)
        return value
    if origin is Literal:
        if value not in arguments:
            raise _wrong(where, "one of " + ", ".join(map(repr, arguments)), value)
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        return tuple(_value(arguments[0], one, f"{where}[{i}]") for i, one in enumerate(value))
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        return {
            _value(arguments[0], name, f"a name in {where}"): _value(
                arguments[1], one, _join(where, name)
            )
            for name, one in value.items()
        }
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return build(kind, value, where)
    assert isinstance(kind, type)  # noqa: S101  the dataclasses of this project
    if type(value) not in _PLAIN[kind]:  # True is an int to isinstance
        raise _wrong(where, f"of type {kind.__name__}", value)
    if isinstance(value, int) and kind is float:
        value = _float(value, where)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(where, "a finite number", value)
    return value


def _float(value: int, where: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{where} is too large") from None


def _join(where: str, name: object) -> str:
    return f"{where}.{name}" if where else f"{name}"


def _wrong(where: str, expected: str, value: object) -> ValueError:
    shown = repr(value)
    if len(shown) > 40:
        shown = shown[:40] + "…"
    return ValueError(f"{where or 'it'} is not {expected}: {shown}")
