"""What a process and its worker tell each other: Python values over a socket, in order."""

from __future__ import annotations

import pickle
import socket
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Self

import trio

from trio_echo.addresses import Endpoint
from trio_echo.exact import ExactReceiver, IncompleteReceiveError
from trio_echo.faults import Faults
from trio_echo.limits import Limits
from trio_echo.screen.backlog import Backlog

if TYPE_CHECKING:
    from types import TracebackType

# A frame is the size of a pickle, and the pickle of a list of values.
_SIZE_BYTES = 4
# So many values go into a frame at most: handling them at once holds up the rest.
_FRAME_VALUES = 64


@dataclass(frozen=True, slots=True)
class Job:
    """What a worker is told first.

    Attributes:
        endpoints: numeric addresses, with the reserved port, to listen on.
        listeners: those to use instead, as `process.given_listener` takes them.
        limits: of each worker, but for `max_clients`, which holds for all of them together.
        faults: as for `serve`.
        quiet: leave out the events that are not `is_essential`.
        portable: as for `serve`.
    """

    endpoints: list[Endpoint]
    listeners: list[int | bytes]
    limits: Limits
    faults: Faults
    quiet: bool
    portable: bool


class Command(Enum):
    """What a worker is told later."""

    STOP = auto()
    """Accept no more, and end when the clients have finished."""
    TAKE_PLACE = auto()
    """One client more may be served."""
    ANSWER = auto()
    """Say `Notice.ALIVE`."""


class Notice(Enum):
    """What a worker says, beside the events, the newest `Stopped` and a `SocketCallError`."""

    LISTENING = auto()
    STOPPING = auto()
    PLACE_WANTED = auto()
    PLACE_LEFT = auto()
    ALIVE = auto()


class OpaqueError(Exception):
    """Stands for an exception that cannot be sent, and looks like it."""

    def __repr__(self) -> str:
        return str(self)


class Link:
    """One end of a socket pair. `post` never blocks; `write` is the task that sends.

    The values are pickled, so the two ends must trust each other: they are one program.

    Args:
        sock: one end; it is closed with the link.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        self._receiver = ExactReceiver(self._stream)
        self._size: int | None = None  # of the frame that has begun to come
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
        """Send a value as soon as the other end takes it. Of too many events, some are left out."""
        self._waiting.put(value)
        self._wake()

    def post_state(self, value: object) -> None:
        """Send a value that is not `None`, no later than what is posted after it.

        It takes the place of a state that was not sent yet.
        """
        self._state = value
        self._wake()

    async def flush(self) -> None:
        """Wait until all that was posted has been sent, or cannot be any more."""
        await self._sent.wait()

    async def write(self) -> None:
        """Send what is posted, until cancelled or until nobody is there to receive it."""
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
        """Say to the other end that nothing more comes; what it sends is still received."""
        with suppress(OSError):
            self._stream.socket.shutdown(socket.SHUT_WR)

    async def receive(self) -> list[object] | None:
        """Receive some values; `None` when no more come.

        A cancellation loses none of them.
        """
        try:
            if self._size is None:
                self._size = int.from_bytes(await self._receiver.receive_exactly(_SIZE_BYTES))
            frame = await self._receiver.receive_exactly(self._size)
        except (IncompleteReceiveError, trio.BrokenResourceError):
            return None  # it died, perhaps amid a frame
        self._size = None
        values: list[object] = pickle.loads(frame)  # noqa: S301  from our own other half
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
