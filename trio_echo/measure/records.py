"""Plain JSON values become frozen dataclasses, each checked against its type. No I/O."""

from __future__ import annotations

import dataclasses
import math
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Literal, TypeVar, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")
# A float may be written as a whole number; an int may not be written as a float.
_PLAIN = {bool: (bool,), int: (int,), float: (int, float), str: (str,), NoneType: (NoneType,)}


def build(kind: type[T], value: object, where: str = "") -> T:
    """Make a dataclass of what `json.loads` gave.

    Args:
        kind: the dataclass. Its fields are of plain types, `None`, literals, tuples of one type,
            dicts with text for keys, other such dataclasses, or unions of these.
        value: the opposite of `dataclasses.asdict`.
        where: the path to the value, for the message.

    Raises:
        ValueError: a field is missing, unknown or of a wrong type, a number is not finite, or the
            dataclass refuses its fields. One line, which names the path.
    """
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    fields = {field.name for field in dataclasses.fields(kind)}
    for name in fields.symmetric_difference(value):
        what = "missing" if name in fields else "unknown"
        raise ValueError(f"{_join(where, name)} is {what}")
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], value[name], _join(where, name)) for name in fields})


def _value(kind: object, value: object, where: str) -> object:
    arguments = get_args(kind)
    origin = get_origin(kind)
    if origin is UnionType:
        # The unions here are of a type and None.
        (kind,) = set(arguments) - {NoneType}
        return None if value is None else _value(kind, value, where)
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
        return {name: _value(arguments[1], one, _join(where, name)) for name, one in value.items()}
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
