"""Who is served, and who waits, when the number of clients is limited.

Some of those who wait have been accepted. The others stay in the system's queue, where a client
takes no descriptor.
"""

from __future__ import annotations

import math
import socket
from contextlib import nullcontext
from typing import TYPE_CHECKING

import trio

from .accepted import BATCH, accept_waiting
from .events import ClientsWaiting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from .events import ServerObserver
    from .tcp_info import Socket

# How many batches of clients fill the longest queue that a listener has, unless somebody raised
# `net.core.somaxconn`.
_BATCHES = 4096 // BATCH
# How many clients wait for their turn after they were accepted. With one, a worker would have to
# ask for each slot in turn.
_MAY_WAIT = 64


class Admission:
    """Serves a limited number of clients at once, in the order they came.

    Args:
        max_clients: how many; `None` for no limit.
        client_slots: entered for each client as well; it may wait there. `None` for nothing.
        report: called with a `ClientsWaiting` each time all slots are taken.
        fail: called with a client, and the exception that came while it waited.

    Attributes:
        limited: whether a client may have to wait.
        waiting: how many were accepted and wait for their turn.
        cut_off: how many were not served before the server stopped.
    """

    def __init__(
        self,
        max_clients: int | None,
        client_slots: AbstractAsyncContextManager[object] | None,
        report: ServerObserver,
        fail: Callable[[Socket, Exception], object],
    ) -> None:
        self.limited = max_clients is not None or client_slots is not None
        self.waiting = 0
        self.cut_off = 0
        self._slots = trio.CapacityLimiter(max_clients or math.inf)
        self._shared_slots = nullcontext() if client_slots is None else client_slots
        self._report = report
        self._fail = fail
        self._reported_full = False
        self._kept_out = trio.lowlevel.ParkingLot()

    async def room(self) -> None:
        """Wait until few clients wait for their turn."""
        while self.waiting >= _MAY_WAIT:
            await self._kept_out.park()

    async def serve(self, sock: Socket, serve: Callable[[], Awaitable[None]]) -> None:
        """Serve a client once it has a slot, and close its socket.

        Args:
            sock: the client's.
            serve: serves it.
        """
        if self._slots.available_tokens >= 1:
            self._reported_full = False
        elif not self._reported_full:
            self._reported_full = True
            self._report(ClientsWaiting(int(self._slots.total_tokens)))
        self.waiting += 1
        waits = True
        with sock:
            try:
                async with self._slots, self._shared_slots:
                    waits = False
                    self._waits_no_longer()
                    await serve()
            except Exception as exc:
                if not waits:
                    raise
                waits = False
                self._waits_no_longer()
                self._fail(sock, exc)  # the crash boundary: only this client ends
            finally:
                if waits:
                    self._waits_no_longer()
                    self.cut_off += not _has_left(sock)

    def turn_away(self, queue: socket.socket) -> None:
        """Count the clients that still wait to be accepted when the server stops.

        Those who come meanwhile must not keep it running: it looks at one queue full of clients.
        """
        for _batch in range(_BATCHES):
            waiting = list(accept_waiting(queue))
            for sock, _ in waiting:
                with sock:
                    self.cut_off += not _has_left(sock)
            if not waiting:
                return

    def _waits_no_longer(self) -> None:
        self.waiting -= 1
        self._kept_out.unpark_all()


def _has_left(sock: Socket) -> bool:
    """Return whether a client that waits to be served has left, without sending anything."""
    plain = socket.socket(fileno=sock.fileno())
    try:
        return plain.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:  # it has reset the connection
        return True
    finally:
        plain.detach()
