"""Bytes that arrive in chosen pieces, and every way to cut them."""

from __future__ import annotations

from collections import deque
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterator


class Arriving(trio.abc.ReceiveStream):
    """A stream that delivers these pieces one after the other, and then ends.

    Args:
        pieces: each `receive_some` returns one of them, or as much of it as was asked for.

    Attributes:
        received: what each `receive_some` returned.
    """

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = deque(piece for piece in pieces if piece)
        self.received: list[bytes] = []

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Return the next piece, or its first `max_bytes` bytes; `b""` at the end."""
        if max_bytes is not None and max_bytes < 1:
            raise ValueError("max_bytes must be at least 1")
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            return b""
        piece = self._pieces.popleft()
        if max_bytes is not None and len(piece) > max_bytes:
            self._pieces.appendleft(piece[max_bytes:])
            piece = piece[:max_bytes]
        self.received.append(piece)
        return piece

    async def aclose(self) -> None:
        """Do nothing: there is no resource."""
        await trio.lowlevel.checkpoint()


def cut(data: bytes, size: int) -> list[bytes]:
    """Cut data into pieces of `size` bytes; the last one may be shorter."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def every_cut(data: bytes) -> Iterator[list[bytes]]:
    """Cut data into pieces in every possible way, those with few pieces first.

    There are `2 ** (len(data) - 1)` ways.
    """
    places = range(1, len(data))
    for count in range(len(data)):
        for chosen in combinations(places, count):
            ends = (0, *chosen, len(data))
            yield [data[start:end] for start, end in pairwise(ends)]
