"""What the values of a results file are made of: checked when they are read. No I/O."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from msgspec import Meta

T = TypeVar("T")

_INT64: Final = 2**63 - 1
Count: TypeAlias = Annotated[int, Meta(ge=0, le=_INT64)]
Ordinal: TypeAlias = Annotated[int, Meta(ge=1, le=_INT64)]
Nanoseconds: TypeAlias = Annotated[int, Meta(ge=0, le=_INT64)]
# The upper bound also refuses infinity, and no comparison holds for NaN.
Amount: TypeAlias = Annotated[float, Meta(ge=0, le=1e19)]
"""A measured rate, time or ratio."""

_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(.*)`", re.DOTALL)
_PATH = re.compile(r"(.*) - at (?:`key` in )?`\$\.?(.*)`", re.DOTALL)
_LONGEST = 150


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object. Its bounds are checked by `build`, not when Python code makes one."""


def build(kind: type[T], value: object, *, whole: bool = True) -> T:
    """Turn what `json.loads` returned into a record.

    Args:
        kind: of the record.
        value: the object.
        whole: whether every field must be there, also one that has a default in Python.

    Raises:
        ValueError: a field is missing, unknown, of a wrong type, out of its range, or not a finite
            number. The message is one line and begins with the field: `rounds[0].number: …`.
    """
    try:
        made = msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise ValueError(_in_our_words(str(exc))) from None
    if whole and (missing := _missing(value, msgspec.to_builtins(made), "")):
        raise ValueError(_shortened(f"{missing}: missing"))
    return made


def _missing(given: Any, whole: Any, path: str) -> str | None:
    """Return the path of the first field that took its default, if one did."""
    if isinstance(whole, dict):
        absent = whole.keys() - given.keys()
        if absent:
            return _joined(path, min(absent))
        parts = ((given[name], one, _joined(path, name)) for name, one in whole.items())
    elif isinstance(whole, (list, tuple)):
        pairs = zip(given, whole, strict=True)
        parts = ((one, other, f"{path}[{i}]") for i, (one, other) in enumerate(pairs))
    else:
        return None
    return next(filter(None, (_missing(*part) for part in parts)), None)


def _in_our_words(message: str) -> str:
    """Turn msgspec's "Expected `int`, got `str` - at `$.a`" into "a: expected int, got str"."""
    found = _PATH.fullmatch(message)
    what, path = (found[1], found[2]) if found else (message, "")
    if field := _FIELD.fullmatch(what):
        path = _joined(path, field[1])
        what = "missing" if "missing" in what.partition("field")[0] else "unknown field"
    else:
        what = what[0].lower() + what[1:].replace("`", "")
    return _shortened(f"{path}: {what}" if path else what)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"
