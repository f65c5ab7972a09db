"""Frames as a table, and as a capture file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from html import escape
from typing import TYPE_CHECKING

from trio_echo.observe.tables import html_table, text_table

from . import files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from .files import Frame
    from .passage import Passage

# These columns are aligned to the right.
_NUMERIC = {"time (ms)", "seq", "ack", "window", "MSS", "bytes", "arrives (ms)"}


class Listing(ABC):
    """Frames that `str()` and a notebook show as a table.

    Attributes:
        frames: as they entered the link, or were captured.
    """

    frames: tuple[Frame, ...]
    _passages: Sequence[Passage]

    @property
    @abstractmethod
    def title(self) -> str:
        """Return what it shows, in one line."""

    @property
    @abstractmethod
    def _columns(self) -> tuple[str, ...]: ...

    @abstractmethod
    def _rows(self) -> Iterable[tuple[str, ...]]: ...

    def save(self, path: str | Path) -> None:
        """Write a capture file, which tcpdump and Wireshark open.

        Args:
            path: If it ends in `.pcapng`, the file also keeps what a cable did with each frame.

        Raises:
            OSError: it cannot be written.
        """
        files.write(path, self.frames, self._passages)

    def __repr__(self) -> str:
        return f"{self.title}\n{text_table(self._columns, self._rows(), numbers=_NUMERIC)}"

    def _repr_html_(self) -> str:
        table = html_table(self._columns, self._rows(), numbers=_NUMERIC)
        return f"<p>{escape(self.title)}</p>{table}"
