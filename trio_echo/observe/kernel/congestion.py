"""Congestion control over time: TCP_INFO of a connection, again and again. It needs Linux.

async with kernel.sampled(stream) as samples:
    await stream.send_all(bytes(1_000_000))
pictures.congestion(samples)
"""

from __future__ import annotations

import errno
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import trio

from trio_echo.errors import SocketCallError, ungrouped
from trio_echo.tcp_info import Congestion, congestion

from .snapshot import unwrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from trio_echo.tcp_info import Socket

    from .snapshot import SocketLike


class Sample(NamedTuple):
    """What the system knew at one time.

    Attributes:
        time: in nanoseconds since the epoch, as a captured frame's.
        congestion: the values.
    """

    time: int
    congestion: Congestion


@asynccontextmanager
async def sampled(
    connection: SocketLike, *, interval: float = 0.001
) -> AsyncIterator[list[Sample]]:
    """Sample a connection until the block is left or the connection is closed.

    The list grows meanwhile: by the values at the beginning, by each one that differs from the last
    one, and by those at the end, if the connection is still open.

    Args:
        connection: a connected TCP socket, or a stream or a client on one.
        interval: seconds between two looks.

    Raises:
        SocketCallError: of `getsockopt()`: it is not an open TCP connection, or this is not Linux.
        ValueError: the interval is not more than 0.
    """
    if not interval > 0:
        raise ValueError(f"the interval must be more than 0 seconds: {interval}")
    sock: Socket = unwrapped(connection)
    samples: list[Sample] = []
    if not _look(sock, samples):
        words = "no open TCP connection, or not on Linux"
        raise SocketCallError("getsockopt()", OSError(errno.ENOTCONN, words))
    with ungrouped(Exception):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run, sock, samples, interval)
            try:
                yield samples
            finally:
                nursery.cancel_scope.cancel()
                _look(sock, samples, last=True)


async def _run(sock: Socket, samples: list[Sample], interval: float) -> None:
    is_open = True
    while is_open:
        await trio.sleep(interval)
        is_open = _look(sock, samples)


def _look(sock: Socket, samples: list[Sample], *, last: bool = False) -> bool:
    """Add a sample if it is new or the last one; return whether the connection is still open."""
    found = congestion(sock)
    if found is not None and (last or not samples or found != samples[-1].congestion):
        samples.append(Sample(time.time_ns(), found))
    return found is not None
