"""What a cable did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.packets.passage import Fate

if TYPE_CHECKING:
    from trio_echo.lan import Network

_WORDS = {Fate.QUEUE_FULL: "dropped by a full queue"}


def counted(net: Network) -> str:
    """Say how many frames crossed the cable, and what became of those that did not just pass."""
    parts = []
    for direction in reversed(net.cable.directions):
        counts = +direction.counts
        words = [f"{counts.total():,} frames"]
        words += [
            f"{count:,} {_WORDS.get(fate, fate)}"
            for fate, count in counts.items()
            if fate is not Fate.CARRIED
        ]
        parts.append(f"to {direction.target}: {', '.join(words)}")
    if overruns := net.overruns:
        parts.append(f"{overruns:,} more were dropped: too many for the cable, or too long")
    return "; ".join(parts)
