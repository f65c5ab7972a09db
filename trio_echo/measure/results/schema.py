"""Write `results.schema.json`: `python -m trio_echo.measure.results.schema`.

It is a JSON Schema (draft 2020-12). Types and bounds come from the annotations of `Run` and what it
is made of, the words from their docstrings.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..records import Record
from .run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH: Final = Path(__file__).with_name("results.schema.json")

_ATTRIBUTE = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def generated(whole: type[Record] = Run, title: str = "Results of trio-echo bench") -> str:
    """Return the schema of a record as the text of its file."""
    definitions: dict[str, Any] = msgspec.json.schema(whole)["$defs"]
    for kind in _records(Record):
        if (found := definitions.get(kind.__name__)) is not None:
            _describe(found, inspect.getdoc(kind) or "")
    schema = definitions.pop(whole.__name__) | {"title": title, "$defs": definitions}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | schema, indent=2, ensure_ascii=False) + "\n"


def _records(kind: type[Record]) -> Iterator[type[Record]]:
    for one in kind.__subclasses__():
        yield one
        yield from _records(one)


def _describe(definition: dict[str, Any], docstring: str) -> None:
    """Take the words of a docstring; and require every field, as `build` does."""
    words, _, attributes = docstring.partition("\n\nAttributes:\n")
    definition["description"] = _line(words)
    properties = definition["properties"]
    for name, text in _ATTRIBUTE.findall(attributes.partition("\n\n")[0]):
        properties[name] = {"description": _line(text)} | properties[name]
    for one in properties.values():
        one.pop("default", None)
        one.get("anyOf", []).sort(key={"type": "null"}.__eq__)  # msgspec's versions differ
    definition["required"] = list(properties)


def _line(text: str) -> str:
    line = " ".join(text.split()).replace("`None`", "null")
    return line[0].upper() + line[1:]


if __name__ == "__main__":
    PATH.write_text(generated(), encoding="utf-8", newline="\n")
