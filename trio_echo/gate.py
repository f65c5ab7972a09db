"""Who is let in, by address. A client that is refused is closed as soon as it was accepted."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Protocol, TypeAlias

import trio

from .addresses import Endpoint
from .events import ClientsRefused, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .accepted import Accepted
    from .events import ServerObserver
    from .handler import MakeRelay
    from .limits import Limits
    from .tcp_info import Socket

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# Seconds from one report of refused clients to the next: a flood of them must not fill the screen.
_INTERVAL = 1.0

_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")  # RFC 4291, section 2.5.5.2
_MAPPED_BITS = 96


class HostSlots(Protocol):
    """Counts the clients of each host."""

    async def take(self, host: str) -> bool:
        """Count a client; return `False` if its host has as many as it may have."""

    def free(self, host: str) -> None:
        """Forget a client that was counted."""


class HostCounts:
    """How many clients each host has.

    Args:
        limit: how many it may have.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str] = Counter()

    def take(self, host: str) -> bool:
        """Count a client; return `False` if its host has as many as it may have."""
        if self._counts[host] >= self._limit:
            return False
        self._counts[host] += 1
        return True

    def free(self, host: str, clients: int = 1) -> None:
        """Forget clients that were counted."""
        self._counts[host] -= clients
        if not self._counts[host]:
            del self._counts[host]


class _OwnHostSlots:
    """The counts of a server that shares them with nobody."""

    def __init__(self, limit: int) -> None:
        self._counts = HostCounts(limit)
        self.free = self._counts.free

    async def take(self, host: str) -> bool:
        return self._counts.take(host)


class Gate:
    """Refuses clients of networks that are not allowed, and those beyond the limit for a host.

    Args:
        limits: `allow` and `max_clients_per_host` are used here.
        host_slots: count the clients of each host, instead of this server on its own.
        report: called with a `ClientsRefused`, at most once a second for each reason.
        fail: called with a client, and the exception that came while it was checked.

    Attributes:
        limited: whether anybody can be refused.
        refused: how many clients were refused.
        waiting: how many clients wait for the answer of `host_slots`.
        cut_off: how many of them still waited when the server stopped.
    """

    def __init__(
        self,
        limits: Limits,
        host_slots: HostSlots | None,
        report: ServerObserver,
        fail: Callable[[Socket, Exception], object],
    ) -> None:
        self._allowed = None if limits.allow is None else [_plain_network(n) for n in limits.allow]
        if host_slots is None and limits.max_clients_per_host is not None:
            host_slots = _OwnHostSlots(limits.max_clients_per_host)
        self._slots = host_slots
        self._report = report
        self._fail = fail
        self._unreported: dict[Refusal, tuple[int, Endpoint]] = {}
        self._came = trio.Event()
        self.limited = not (self._allowed is None and self._slots is None)
        self.refused: Counter[Refusal] = Counter()
        self.waiting = 0
        self.cut_off = 0

    async def serve(
        self,
        serve: Callable[[Accepted, MakeRelay], Awaitable[None]],
        client: Accepted,
        make_relay: MakeRelay,
    ) -> None:
        """Serve a client, or refuse it, and close its socket.

        Args:
            serve: serves it.
            client: was accepted.
            make_relay: makes what echoes.
        """
        with client.sock as sock:
            try:
                remote = client.remote or Endpoint.from_sockaddr(sock.getpeername())
            except OSError:
                return  # reset before it was accepted: it was never a client
            try:
                address = plain_address(remote.host)
                refusal = await self._refusal(address)
            except Exception as exc:  # noqa: BLE001  the crash boundary: only this client ends
                self._fail(sock, exc)
                return
            if refusal is not None:
                self._refuse(refusal, remote)
                return
            try:
                await serve(client, make_relay)
            finally:
                if self._slots is not None:
                    self._slots.free(str(address))

    async def _refusal(self, address: Address) -> Refusal | None:
        """Count a client of its host, or return why it is refused."""
        if not (self._allowed is None or any(address in one for one in self._allowed)):
            return Refusal.NETWORK
        if self._slots is None:
            return None
        self.waiting += 1
        try:
            return None if await self._slots.take(str(address)) else Refusal.TOO_MANY
        except trio.Cancelled:
            self.cut_off += 1
            raise
        finally:
            self.waiting -= 1

    async def report_refusals(self) -> None:
        """Report refused clients, once a second at most, until cancelled."""
        while True:
            await self._came.wait()
            self.flush()
            await trio.sleep(_INTERVAL)

    def flush(self) -> None:
        """Report the refused clients that were not reported yet."""
        self._came = trio.Event()
        unreported, self._unreported = self._unreported, {}
        for reason, (clients, remote) in unreported.items():
            self._report(ClientsRefused(reason, clients, remote))

    def _refuse(self, reason: Refusal, remote: Endpoint) -> None:
        self.refused[reason] += 1
        clients, _ = self._unreported.get(reason, (0, None))
        self._unreported[reason] = clients + 1, remote
        self._came.set()


def plain_address(host: str) -> Address:
    """Read an address; an IPv4 address in an IPv6 one (`::ffff:192.0.2.1`) is an IPv4 address."""
    address = ipaddress.ip_address(host)
    return (isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped) or address


def _plain_network(network: Network) -> Network:
    """Do the same for a network."""
    if not (isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED)):
        return network
    address = int(network.network_address) & 0xFFFFFFFF
    return ipaddress.IPv4Network((address, network.prefixlen - _MAPPED_BITS))
