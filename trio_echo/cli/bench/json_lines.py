"""`bench --json-lines`: each second of a run as a line of JSON, written while it goes on."""

from __future__ import annotations

import errno
import math
import os
import sys
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec
import trio

from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from trio_echo.measure.live import Second

STANDARD_OUTPUT = "-"

# Seconds that a slow reader has at the end to take the lines that are left.
_GRACE = 5.0
# Nobody reads the pipe any more: on Windows the second.
_NOBODY_READS = {errno.EPIPE, errno.EINVAL}


@dataclass
class Lines:
    """Where the lines go.

    Attributes:
        fd: the descriptor of the file.
        incomplete: whether a line could not be written, although somebody may read them.
    """

    fd: int
    incomplete: bool = False


def becomes_file(path: Path) -> bool:
    """Return whether lines go to a file, or could not: not to standard output, a pipe, a device."""
    return str(path) != STANDARD_OUTPUT and (path.is_file() or path.is_dir() or not path.exists())


@contextmanager
def opened(path: Path | None) -> Iterator[Lines | None]:
    """Open the file of the lines; yields `None` without one.

    Raises:
        OSError: it cannot be opened.
    """
    if path is None:
        yield None
    elif str(path) == STANDARD_OUTPUT:
        if sys.stdout is None:  # as after >&- in a shell
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        yield Lines(sys.stdout.fileno())
    else:
        with path.open("wb", buffering=0) as file:
            yield Lines(file.fileno())


@asynccontextmanager
async def written(lines: Lines | None) -> AsyncIterator[Callable[[Second], object] | None]:
    """Yield a function that writes a second as a line, and returns at once; `None` without a file.

    A reader that is slow or has gone does not hold up the measurement: a thread writes. Lines that
    a reader has not taken some seconds after the end are dropped, and that is reported.

    Args:
        lines: `incomplete` is set if some were not written.
    """
    if lines is None:
        yield None
        return
    ready, waiting = trio.open_memory_channel[bytes](math.inf)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_write_all, lines, waiting)
        with ready:
            yield lambda second: ready.send_nowait(msgspec.json.encode(second) + b"\n")
        nursery.cancel_scope.deadline = trio.current_time() + _GRACE
    if nursery.cancel_scope.cancelled_caught:
        lines.incomplete = True
        click.echo(f"--json-lines: the last lines were not read within {_GRACE:g} s", err=True)


async def _write_all(lines: Lines, waiting: trio.MemoryReceiveChannel[bytes]) -> None:
    async for line in waiting:
        try:
            await trio.to_thread.run_sync(partial(_write, lines.fd), line, abandon_on_cancel=True)
        except OSError as exc:
            if exc.errno not in _NOBODY_READS:
                lines.incomplete = True
                click.echo(f"--json-lines: {safe(exc.strerror or str(exc))}", err=True)
            break
    async for _ in waiting:  # the measurement goes on
        pass


def _write(fd: int, line: bytes) -> None:
    while line:
        line = line[os.write(fd, line) :]
