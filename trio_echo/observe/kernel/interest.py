"""The choice of the TCP sockets that a snapshot shows."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from trio_echo.addresses import Endpoint, check_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .sockets import SocketRow

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


class _End(NamedTuple):
    """An endpoint in a form that can be compared."""

    address: _Address
    port: int


class _Binding(NamedTuple):
    """The endpoint of a socket without a connection, such as a listener.

    Attributes:
        dual: it may be an IPv6 socket that accepts IPv4 connections too.
    """

    end: _End
    dual: bool


class Interest:
    """Chooses rows: those of some ports, and those that belong to some sockets.

    The same port number on another address or of the other family belongs to another socket.

    Args:
        ports: local or remote ports.
    """

    def __init__(self, *ports: int) -> None:
        for port in ports:
            if not hasattr(port, "__index__"):
                raise TypeError(f"{port!r} is not a port number; name a socket: client=sock")
            check_endpoint("", port)
        self._ports = set(ports)
        self._bindings: set[_Binding] = set()
        self._pairs: set[frozenset[_End]] = set()

    def include(self, row: SocketRow, *, dual: bool) -> None:
        """Add a socket: its connection or, if it has none, the connections to its endpoint.

        Args:
            row: the socket.
            dual: whether it is an IPv6 socket that accepts IPv4 connections too.
        """
        if row.local is None:
            return
        if row.remote is None:
            self._bindings.add(_Binding(_plain(row.local), dual))
        else:
            self._pairs.add(frozenset([_plain(row.local), _plain(row.remote)]))

    def among(self, rows: Sequence[SocketRow], addresses: Iterable[str]) -> list[SocketRow]:
        """Return the rows of interest, in their order.

        Args:
            rows: the sockets of a system.
            addresses: of the system's interfaces.
        """
        own = {_plain(Endpoint(one, 0)).address for one in addresses}
        listeners = self._listeners(rows, own)
        return [
            row
            for row in rows
            if self._has_port(row) or row in listeners or self._is_connected_here(row, own)
        ]

    def _has_port(self, row: SocketRow) -> bool:
        return any(end is not None and end.port in self._ports for end in (row.local, row.remote))

    def _is_connected_here(self, row: SocketRow, own: set[_Address]) -> bool:
        if row.local is None or row.remote is None:
            return False
        ends = frozenset([_plain(row.local), _plain(row.remote)])
        return ends in self._pairs or any(
            _covers(binding, end, own) for binding in self._bindings for end in ends
        )

    def _listeners(self, rows: Sequence[SocketRow], own: set[_Address]) -> list[SocketRow]:
        """Find the listeners at our addresses and those of our connections."""
        unconnected = {
            row: _Binding(_plain(row.local), dual=True)
            for row in rows
            if row.local is not None and row.remote is None
        }
        found = []
        for row, binding in unconnected.items():
            if any(binding.end == other.end for other in self._bindings):
                found.append(row)
        for end in {end for pair in self._pairs for end in pair}:
            covering = [row for row, binding in unconnected.items() if _covers(binding, end, own)]
            # An IPv4 connection belongs to an IPv4 listener, if there is one. The tables do not say
            # whether an IPv6 listener accepts IPv4 connections.
            exact = [
                row
                for row in covering
                if unconnected[row].end.address.version == end.address.version
            ]
            found += exact or covering
        return found


def _plain(endpoint: Endpoint) -> _End:
    """Turn an IPv4-mapped address into IPv4, and drop the zone: not every table has one."""
    address = ipaddress.ip_address(endpoint.host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or address
    return _End(address, endpoint.port)


def _covers(binding: _Binding, end: _End, own: set[_Address]) -> bool:
    """Return whether a socket bound like this made, or accepted, the connection with this end."""
    if binding.end.port != end.port:
        return False
    if not binding.end.address.is_unspecified:
        return binding.end.address == end.address
    taken = {binding.end.address.version, 4} if binding.dual else {binding.end.address.version}
    if end.address.version not in taken:
        return False
    return end.address.is_loopback or end.address in own
