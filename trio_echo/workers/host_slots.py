"""The clients of each host, for `max_clients_per_host`: the parent counts them for all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from trio_echo.gate import HostCounts

from .link import HostAnswer

if TYPE_CHECKING:
    from collections import Counter

    from .link import HostWanted


class Holder(Protocol):
    """A worker that has clients.

    Attributes:
        hosts: how many clients of each host were granted to it.
    """

    hosts: Counter[str]

    def send(self, command: HostAnswer) -> None:
        """Send it an answer."""


class HostSlots:
    """Answers workers whether they may serve one more client of a host.

    The parent knows what it granted to each worker, so it forgets exactly the clients of a worker
    that died.

    Args:
        limit: how many clients a host may have.
    """

    def __init__(self, limit: int) -> None:
        self._counts = HostCounts(limit)

    def request(self, holder: Holder, wanted: HostWanted) -> None:
        """Answer a worker's request."""
        granted = self._counts.take(wanted.host)
        if granted:
            holder.hosts[wanted.host] += 1
        holder.send(HostAnswer(wanted.number, granted))

    def free(self, holder: Holder, host: str) -> None:
        """Forget a client that left."""
        holder.hosts[host] -= 1
        if not holder.hosts[host]:
            del holder.hosts[host]  # else each host that ever came takes memory
        self._counts.free(host)

    def free_all(self, holder: Holder) -> None:
        """Forget the clients of a worker that died."""
        for host, clients in holder.hosts.items():
            self._counts.free(host, clients)
        holder.hosts.clear()
