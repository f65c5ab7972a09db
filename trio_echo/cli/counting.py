"""What a cable did, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.observe.packets.passage import Fate

if TYPE_CHECKING:
    from trio_echo.lan import Cable

_WORDS = {Fate.QUEUE_FULL: "dropped by a full queue"}


def counted(cable: Cable) -> str:
    """Say how many frames crossed a cable, and what became of those that did not just pass."""
    parts = []
    for direction in reversed(cable.directions):
        counts = +direction.counts
        words = [f"{counts.total():,} frames"]
        words += [
            f"{count:,} {_WORDS.get(fate, fate)}"
            for fate, count in counts.items()
            if fate is not Fate.CARRIED
        ]
        parts.append(f"to {direction.target}: {', '.join(words)}")
    return "; ".join(parts)
