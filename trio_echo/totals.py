"""What a server has done so far, in numbers, and how others read them while it runs."""

from __future__ import annotations

import errno
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

from .errors import NO_ANSWER, SocketCallError
from .events import Refusal

_RESET = frozenset({errno.ECONNABORTED, errno.ECONNRESET, errno.EPIPE})


class Ending(Enum):
    """How a connection to a client ended."""

    CLOSED = auto()
    """The client ended its sending side, and got everything back."""
    RESET = auto()
    """The client reset it."""
    NO_ANSWER = auto()
    """The client's machine vanished."""
    IDLE = auto()
    """`Limits.idle_timeout` ended it."""
    FAULT = auto()
    """The server reset or closed it on purpose (`Faults`)."""
    CUT_OFF = auto()
    """The server stopped, or its worker died."""
    FAILED = auto()
    """Another error of the network or the system."""
    BUG = auto()
    """An exception that no network causes."""

    @classmethod
    def by(cls, error: Exception) -> Ending:
        """Return how a connection ended that failed with this error."""
        if not isinstance(error, SocketCallError):
            return cls.BUG
        if error.errno in _RESET:
            return cls.RESET
        return cls.NO_ANSWER if error.errno in NO_ANSWER else cls.FAILED


class ReadTotals(Protocol):
    """Returns a server's totals; see `Tally.totals`."""

    def __call__(self, *, exact: bool) -> Totals:
        """Return them."""


@dataclass(frozen=True, slots=True)
class Totals:
    """What a server has done so far.

    Attributes:
        clients: how many clients it has served.
        connected: how many of them are connected.
        waiting: how many more were accepted and are not served yet: they wait for their turn, or
            for the end of the TLS handshake.
        echoed: how many bytes were sent back.
        cut_off: how many lost their connection when it stopped, with those that waited.
        ended: how the connections of the others of `clients` ended.
        refused: how many clients it has refused.
        accept_errors: how often a client could not be accepted.
        failed_handshakes: how many clients it has not served because TLS failed.
    """

    clients: int = 0
    connected: int = 0
    waiting: int = 0
    echoed: int = 0
    cut_off: int = 0
    ended: Counter[Ending] = field(default_factory=Counter)
    refused: Counter[Refusal] = field(default_factory=Counter)
    accept_errors: int = 0
    failed_handshakes: int = 0

    def __add__(self, other: Totals) -> Totals:
        return Totals(
            self.clients + other.clients,
            self.connected + other.connected,
            self.waiting + other.waiting,
            self.echoed + other.echoed,
            self.cut_off + other.cut_off,
            self.ended + other.ended,
            self.refused + other.refused,
            self.accept_errors + other.accept_errors,
            self.failed_handshakes + other.failed_handshakes,
        )


class Tally:
    """Reads the totals of a server that was given it: `serve(tally=tally)`.

    Any thread may read it.
    """

    def __init__(self) -> None:
        self._read: ReadTotals = _nothing

    def attach(self, read: ReadTotals) -> None:
        """Let a server answer from now on. Servers call this."""
        self._read = read

    def totals(self, *, exact: bool = True) -> Totals:
        """Return the totals now, also after the server has ended.

        Args:
            exact: look at each connected client for the bytes that it got back. Otherwise those
                since the last exact call may be missing until the client leaves.
        """
        return self._read(exact=exact)


def _nothing(*, exact: bool) -> Totals:
    return Totals()
