"""The client slots of `max_clients`, shared by several processes: the parent grants them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from trio_echo.events import ClientsWaiting

from .link import Command

if TYPE_CHECKING:
    from trio_echo.events import ServerObserver


class Holder(Protocol):
    """A worker that holds slots."""

    slots: int

    def send(self, command: Command) -> None:
        """Send it a command."""


class ClientSlots:
    """The slots of `max_clients`, granted to workers in the order of their requests.

    A worker requests a slot for each client. The parent knows how many each worker holds, so it
    gets back exactly those of a worker that died.
    """

    def __init__(self, total: int, observer: ServerObserver) -> None:
        self._total = total
        self._left = total
        self._waiting: deque[Holder] = deque()
        self._report = observer
        self._reported_full = False

    def request(self, holder: Holder) -> None:
        """Queue for a slot."""
        if self._left:
            self._reported_full = False
        elif not self._reported_full:
            self._reported_full = True
            self._report(ClientsWaiting(self._total))
        self._waiting.append(holder)
        self._grant()

    def free(self, holder: Holder) -> None:
        """Take back the slot of a client that left."""
        holder.slots -= 1
        self._left += 1
        self._grant()

    def free_all(self, holder: Holder) -> None:
        """Take back the slots of a worker that died, and remove it from the queue."""
        self._left += holder.slots
        holder.slots = 0
        self._waiting = deque(one for one in self._waiting if one is not holder)
        self._grant()

    def _grant(self) -> None:
        while self._left and self._waiting:
            holder = self._waiting.popleft()
            holder.slots += 1
            self._left -= 1
            holder.send(Command.TAKE_SLOT)
