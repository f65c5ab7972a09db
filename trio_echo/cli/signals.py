"""The signals with which a user or a service manager ends a command."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

if sys.platform == "win32":
    _STOP_SIGNALS = (signal.SIGINT, signal.SIGBREAK)
else:
    _STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def has_terminal() -> bool:
    """Return whether this process has a controlling terminal that is still open."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR))
    except OSError:
        return False
    return True


@contextmanager
def receive_stop_signals(*, hang_up: bool = False) -> Iterator[AsyncIterator[int]]:
    """Receive the stop signals; afterwards they are ignored, because the process is about to end.

    Trio restores the previous handlers. If those were the default ones, an impatient second signal
    would kill a process that is ending in good order.

    Args:
        hang_up: also receive SIGHUP (the terminal was closed), unless nohup(1) ignores it.
    """
    numbers = [*_STOP_SIGNALS]
    if sys.platform != "win32" and hang_up and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    with trio.open_signal_receiver(*numbers) as signals:
        yield signals
