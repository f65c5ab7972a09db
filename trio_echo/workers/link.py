"""Messages between the parent and a worker: Python values over a socket, in order."""

from __future__ import annotations

import pickle
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Self

import trio

from trio_echo.addresses import Endpoint
from trio_echo.certificates import CertificateFiles
from trio_echo.exact import ExactReceiver, IncompleteReceiveError
from trio_echo.faults import Faults
from trio_echo.limits import Limits
from trio_echo.screen.backlog import Backlog

if TYPE_CHECKING:
    from types import TracebackType

# A frame is the size of a pickle, then the pickle of a list of values.
_SIZE_BYTES = 4
# The most values in a frame: they are handled in one go, and other tasks wait meanwhile.
_FRAME_VALUES = 64


@dataclass(frozen=True, slots=True)
class WorkerConfig:
    """The first message to a worker.

    Attributes:
        endpoints: numeric addresses, with the reserved port, to listen on.
        listeners: listeners to use instead, for `process.given_listener`.
        limits: for each worker, except `max_clients` and `max_clients_per_host`, which are for all
            workers together.
        faults: as for `serve`.
        quiet: report only the events that are `is_essential`.
        portable: as for `serve`.
        certificates: of TLS; each process reads the files itself. `None` for plain TCP.
        paced: report no more than a person can follow on a terminal.
    """

    endpoints: list[Endpoint]
    listeners: list[int | bytes]
    limits: Limits
    faults: Faults
    quiet: bool
    portable: bool
    certificates: CertificateFiles | None = None
    paced: bool = False


@dataclass(frozen=True, slots=True)
class HostWanted:
    """A worker asks whether a client of this host may be served.

    Attributes:
        number: that of the request.
        host: the client's address.
    """

    number: int
    host: str


@dataclass(frozen=True, slots=True)
class HostAnswer:
    """The answer to a `HostWanted`."""

    number: int
    granted: bool


@dataclass(frozen=True, slots=True)
class HostFreed:
    """A client of this host, which was granted, has left."""

    host: str


class Command(Enum):
    """The later messages to a worker, besides a `HostAnswer`."""

    STOP = auto()
    """Accept no more clients, and end when those connected have finished."""
    TAKE_SLOT = auto()
    """Serve one more client."""
    RELOAD = auto()
    """Read the files of TLS again."""
    PING = auto()
    """Answer with `Notice.PONG`."""


class Notice(Enum):
    """The messages from a worker, besides events, `Totals`, errors and what it asks for hosts."""

    LISTENING = auto()
    STOPPING = auto()
    SLOT_WANTED = auto()
    SLOT_FREED = auto()
    PONG = auto()


# If these waited for all events before them, a client that floods the screen would get ahead of the
# others each time.
_IN_ANY_ORDER = (HostFreed, HostWanted, Notice)


class OpaqueError(Exception):
    """Replaces an exception that cannot be pickled, with the same `repr`."""

    def __repr__(self) -> str:
        return str(self)


class Link:
    """One end of a socket pair. `post` never blocks; `write` is the task that sends.

    The values are pickled, so the two ends must trust each other: they are one program.

    Args:
        sock: one end of the pair; closing the link closes it.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._receiver = ExactReceiver(self._stream)
        self._size: int | None = None  # of the frame that is being received
        self._waiting: Backlog[object] = Backlog()
        self._state: object = None
        self._posted = trio.Event()
        self._sent = trio.Event()
        self._sent.set()
        self._broken = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stream.aclose()

    def post(self, value: object) -> None:
        """Send a value as soon as the other end takes it. If too many events wait, some are lost.

        A `LinesMissing` replaces those.
        """
        self._waiting.put(value, in_order=not isinstance(value, _IN_ANY_ORDER))
        self._wake()

    def post_state(self, value: object) -> None:
        """Send a value that is not `None`, before anything posted after it.

        It replaces a state that was not sent yet.
        """
        self._state = value
        self._wake()

    async def flush(self) -> None:
        """Wait until everything posted is sent, or the other end is gone."""
        await self._sent.wait()

    async def write(self) -> None:
        """Send what is posted, until cancelled or until the other end is gone."""
        try:
            while True:
                await self._posted.wait()
                self._posted = trio.Event()
                while self._waiting or self._state is not None:
                    await self._stream.send_all(self._next_frame())
                self._sent.set()
        except trio.BrokenResourceError:
            self._broken = True
            self._sent.set()

    def end(self) -> None:
        """Announce that this end sends no more; it can still receive."""
        with suppress(OSError):
            self._stream.socket.shutdown(socket.SHUT_WR)

    async def receive(self) -> list[object] | None:
        """Receive some values, or `None` at the end.

        A cancelled call loses nothing.
        """
        try:
            if self._size is None:
                self._size = int.from_bytes(await self._receiver.receive_exactly(_SIZE_BYTES))
            frame = await self._receiver.receive_exactly(self._size)
        except (IncompleteReceiveError, trio.BrokenResourceError):
            return None  # it died, perhaps in the middle of a frame
        self._size = None
        values: list[object] = pickle.loads(frame)  # noqa: S301  from our own program
        return values

    def _wake(self) -> None:
        self._posted.set()
        if self._sent.is_set() and not self._broken:
            self._sent = trio.Event()

    def _next_frame(self) -> bytes:
        values = [] if self._state is None else [self._state]
        self._state = None
        while self._waiting and len(values) < _FRAME_VALUES:
            values.append(self._waiting.take())
        frame = pickle.dumps(values)
        return len(frame).to_bytes(_SIZE_BYTES) + frame
