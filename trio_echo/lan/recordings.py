"""Recordings of experiments: what one returned, and what crossed its cables. No I/O.

A recording is JSON. What JSON lacks, such as a named tuple or a dataclass of this project, is an
object with the name of its class, so that it comes back as what it was. What crossed a cable is a
pcapng file in base64.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import importlib
import json
from collections.abc import Mapping, Sequence
from socket import AddressFamily
from typing import Any, TypeAlias

from trio_echo.observe.packets import Passage
from trio_echo.observe.packets.files import pcapng

Crossed: TypeAlias = Mapping[str, tuple[tuple[str, ...], Sequence[Passage]]]
"""By its name, the ends of each cable and what crossed it."""

# What reading a file that is not ours may raise.
_BROKEN = (AttributeError, ImportError, LookupError, RecursionError, TypeError, ValueError)
_PROJECT = "trio_echo."
_CLASS = "class"


def pack(result: object, cables: Crossed) -> bytes:
    """Return a recording.

    Args:
        result: what the experiment returned: values of JSON, bytes, tuples, and those of this
            project's dataclasses, named tuples and enumerations.
        cables: what crossed them.

    Raises:
        TypeError: the result holds something else.
    """
    crossed = {
        name: {"ends": ends, "capture": _text(pcapng.pack(passages))}
        for name, (ends, passages) in cables.items()
    }
    document = {"result": _packed(result), "cables": crossed}
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def unpack(data: bytes) -> tuple[Any, Crossed]:
    """Read a recording; return what `pack` was given.

    Raises:
        ValueError: this is not a recording.
    """
    try:
        document = json.loads(data)
        cables = {
            name: (tuple(one["ends"]), tuple(pcapng.unpack(base64.b64decode(one["capture"]))))
            for name, one in document["cables"].items()
        }
        return _unpacked(document["result"]), cables
    except _BROKEN as exc:
        raise ValueError("not the recording of an experiment") from exc


def _packed(value: Any) -> object:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_packed(one) for one in value]
    if kind is dict and all(isinstance(key, str) and key != _CLASS for key in value):
        return {key: _packed(one) for key, one in value.items()}
    if kind is dict:
        return {_CLASS: "dict", "items": [_packed(list(one)) for one in value.items()]}
    if kind is tuple:
        return {_CLASS: "tuple", "items": [_packed(one) for one in value]}
    if kind is bytes:
        return {_CLASS: "bytes", "base64": _text(value)}
    if kind is AddressFamily:  # its numbers differ between systems
        return {_CLASS: kind.__name__, "name": value.name}
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name.startswith(_PROJECT):
        if isinstance(value, enum.Enum):
            return {_CLASS: name, "name": value.name}
        if dataclasses.is_dataclass(value):
            fields = [one.name for one in dataclasses.fields(value)]
            return {_CLASS: name, "fields": {one: _packed(getattr(value, one)) for one in fields}}
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return {_CLASS: name, "fields": _packed(value._asdict())}
    raise TypeError(f"a recording cannot hold {value!r}")


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(one) for one in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"class": "dict", "items": items}:
            return dict(_unpacked(items))
        case {"class": "tuple", "items": items}:
            return tuple(_unpacked(items))
        case {"class": "bytes", "base64": text}:
            return base64.b64decode(text)
        case {"class": "AddressFamily", "name": name}:
            return AddressFamily[name]
        case {"class": str(name), "name": member}:
            return _find(name)[member]
        case {"class": str(name), "fields": fields}:
            return _find(name)(**_unpacked(fields))
        case {"class": _}:
            raise ValueError(value)
    return {key: _unpacked(one) for key, one in value.items()}


def _find(name: str) -> Any:
    """Return a class of this project: a file must not choose what else is called."""
    if not name.startswith(_PROJECT):
        raise ValueError(name)
    module, _, kind = name.rpartition(".")
    found = getattr(importlib.import_module(module), kind)
    if not (dataclasses.is_dataclass(found) or issubclass(found, tuple | enum.Enum)):
        raise ValueError(name)
    return found


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
