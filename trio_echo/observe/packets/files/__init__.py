"""Capture files: pcap and pcapng, of any program, and what the cables of `trio_echo.lan` add."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trio_echo.screen.text import safe
from trio_echo.writing import followed, whole

from . import blocks, pcap, pcapng
from .errors import CaptureError
from .pcap import Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trio_echo.observe.packets.passage import Passage

__all__ = ["CaptureError", "Contents", "Frame", "read", "write"]


class Contents(NamedTuple):
    """What a capture file holds.

    Attributes:
        name: of the file, without its folder, safe to print.
        frames: in the order of the file.
        passages: what a cable did with them; `None` if the file does not say.
    """

    name: str
    frames: Sequence[Frame]
    passages: Sequence[Passage] | None


def read(path: str | Path) -> Contents:
    """Read a capture file.

    Raises:
        CaptureError: it is not a capture, or cannot be understood: one line, with the file's name.
        OSError: it cannot be read.
    """
    name = safe(Path(path).name)
    data = Path(path).read_bytes()
    try:
        if not data.startswith(blocks.MAGIC):
            return Contents(name, pcap.unpack(data), None)
        passages = _passages(data)
        if passages is None:
            return Contents(name, [one.frame for one in blocks.packets(data)], None)
    except CaptureError as exc:
        raise CaptureError(f"{name}: {exc}") from None
    return Contents(name, [Frame(one.time, one.data) for one in passages], passages)


def write(path: str | Path, frames: Iterable[Frame], passages: Sequence[Passage] | None) -> None:
    """Write a capture file in the format that its name asks for.

    Args:
        path: with `.pcapng` at its end for the passages, if there are some.
        frames: for all other names.
        passages: what crossed a cable; `None` or empty if that is not known.

    Raises:
        OSError: it cannot be written.
    """
    keeps_passages = passages and Path(path).suffix == ".pcapng"
    with whole(followed(path)) as file:
        file.write(pcapng.pack(passages) if passages and keeps_passages else pcap.pack(frames))


def _passages(data: bytes) -> list[Passage] | None:
    try:
        return pcapng.unpack(data)
    except CaptureError:
        return None  # another program's file
