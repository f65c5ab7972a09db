"""What several terminals show, side by side."""

from __future__ import annotations

from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING

from trio_echo.observe.tables import text_table
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping

# Longer lines are cut: a screen takes half a page.
_LONGEST, _KEPT = 68, 40
_SCREEN = (
    "border:1px solid #6b6b6b;border-radius:4px;padding:6px 10px;margin:2px 0;"
    "font-size:80%;white-space:pre-wrap;overflow-wrap:anywhere;background:none;color:inherit"
)


class Screens:
    """What several screens show; a notebook shows them side by side.

    Args:
        texts: by the names of the screens.
        source: `live`, or where it comes from.

    Attributes:
        texts: as above.
        source: as above.
    """

    def __init__(self, texts: Mapping[str, str], source: str = "live") -> None:
        self.texts = dict(texts)
        self.source = source

    def __getitem__(self, name: str) -> str:
        return self.texts[name]

    def __repr__(self) -> str:
        rows = zip_longest(*map(_lines, self.texts.values()), fillvalue="")
        return text_table(list(self.texts), rows, f"({self.source})")

    def _repr_html_(self) -> str:
        screens = "".join(
            f'<div style="flex:1 1 20em;text-align:left"><b>{escape(name)}</b>'
            f'<pre style="{_SCREEN}">{escape(chr(10).join(_lines(text)))}</pre></div>'
            for name, text in self.texts.items()
        )
        return (
            f'<div style="display:flex;flex-wrap:wrap;gap:12px">{screens}</div>'
            f"<small>({escape(self.source)})</small>"
        )


def _lines(text: str) -> list[str]:
    return [_cut(safe(line)) for line in text.strip("\n").split("\n")]


def _cut(line: str) -> str:
    if len(line) <= _LONGEST:
        return line
    return f"{line[:_KEPT]}… ({len(line) - _KEPT} more characters)"
