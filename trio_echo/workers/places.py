"""Places for clients, shared by several processes: the parent hands them out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from trio_echo.events import ClientsWaiting

from .link import Command

if TYPE_CHECKING:
    from trio_echo.events import ServerObserver


class Holder(Protocol):
    """A worker, as far as places go."""

    places: int

    def tell(self, command: Command) -> None:
        """Send it a command."""


class Places:
    """The places of `max_clients`: handed out to workers, in the order of their asking.

    Each client asks through its worker. Here it is known who holds how many, so that those of a
    worker that died come back, neither more nor less.
    """

    def __init__(self, total: int, observer: ServerObserver) -> None:
        self._total = total
        self._left = total
        self._waiting: deque[Holder] = deque()
        self._report = observer
        self._said_full = False

    @property
    def waiting(self) -> int:
        """How many clients wait for a place."""
        return len(self._waiting)

    def want(self, holder: Holder) -> None:
        """Queue for a place."""
        if self._left:
            self._said_full = False
        elif not self._said_full:
            self._said_full = True
            self._report(ClientsWaiting(self._total))
        self._waiting.append(holder)
        self._hand_out()

    def free(self, holder: Holder) -> None:
        """Give back a place that a client has left."""
        holder.places -= 1
        self._left += 1
        self._hand_out()

    def free_all(self, holder: Holder) -> None:
        """Give back the places of a worker that has died, and leave the queue."""
        self._left += holder.places
        holder.places = 0
        self._waiting = deque(one for one in self._waiting if one is not holder)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._left and self._waiting:
            holder = self._waiting.popleft()
            holder.places += 1
            self._left -= 1
            holder.tell(Command.TAKE_PLACE)
