"""A snapshot of the kernel's tables: every TCP socket on some ports.

The same as `netstat` and `ss` show, as values. The rows come from psutil, which reads each system's
tables. The queues come from sock_diag(7), on Linux only. A socket that no table lists (without a
port, or bound but not listening) is shown if the snapshot gets the socket object.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import psutil
import trio

from trio_echo.addresses import Endpoint, Sockaddr

from .interest import Interest
from .sockets import Snapshot, SocketRow
from .tables import OWN_TABLES, Tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from trio_echo.client import EchoClient

    from .sockdiag import Queues

_FAMILIES = (socket.AF_INET, socket.AF_INET6)

# Seconds between looks while waiting for a state: no system reports changes of its tables.
_INTERVAL = 0.001


class _Descriptor(Protocol):
    """What the standard library's sockets and Trio's have in common."""

    def fileno(self) -> int: ...
    def getsockname(self) -> object: ...
    def getpeername(self) -> object: ...
    def getsockopt(self, level: int, option: int, size: int, /) -> bytes: ...
    @property
    def family(self) -> int: ...
    @property
    def type(self) -> int: ...


SocketLike: TypeAlias = "_Descriptor | trio.SocketStream | trio.SocketListener | EchoClient"
"""A TCP socket of the standard library or of Trio, or an object that holds one."""


def snapshot(*ports: int, **sockets: SocketLike) -> Snapshot:
    """Take a snapshot of every TCP socket that has one of these ports, at either end.

    Args:
        ports: local or remote ports. Without ports and sockets: all ports.
        sockets: sockets of this process, by the names to show. Each is shown in any state, with its
            peer and the listener of its connection. For a socket without a connection, such as a
            listener, the connections to its address and port are shown. A closed one is left out.

    Raises:
        AddressError: a port is not a port number.
        TypeError: a socket is not a TCP socket, or has no name.
    """
    return look(Interest(*ports) if ports or sockets else None, sockets)


def look(
    interest: Interest | None, sockets: Mapping[str, SocketLike], tables: Tables = OWN_TABLES
) -> Snapshot:
    """Take a snapshot of the sockets of interest, or of all, and of these sockets.

    Args:
        interest: what to show; the sockets are added to it. `None` shows everything.
        sockets: as for `snapshot`.
        tables: of the system that has the sockets.
    """
    named = {name: _unwrap(name, one) for name, one in sockets.items()}
    own = {name: _row(name, one) for name, one in named.items() if one.fileno() != -1}
    listed, note = tables.rows()
    if interest is not None:
        for name, row in own.items():
            interest.include(row, dual=_is_dual(named[name]))
        listed = interest.among(listed, tables.addresses())
    rows = []
    for row in listed:
        names = [name for name, one in own.items() if _is_same(one, row)]
        # A socket that other processes share is shown as this process's.
        rows += [_as_listed(own.pop(name), row) for name in names] or [_with_owner(row)]
    rows = list(_with_queues([*rows, *own.values()], tables.queues()))
    rows.sort(key=_order)
    return Snapshot(tuple(rows), note)


async def until(
    condition: Callable[[Snapshot], object], /, *ports: int, **sockets: SocketLike
) -> Snapshot:
    """Take snapshots until one meets a condition; return that one.

    Args:
        condition: called with each snapshot.
        ports: as for `snapshot`.
        sockets: as for `snapshot`.
    """
    return await first(condition, lambda: snapshot(*ports, **sockets))


async def first(condition: Callable[[Snapshot], object], take: Callable[[], Snapshot]) -> Snapshot:
    """Take snapshots until one meets a condition; return that one."""
    while not condition(taken := take()):  # noqa: ASYNC110  there is no event to wait for
        await trio.sleep(_INTERVAL)
    return taken


def _order(row: SocketRow) -> tuple[bool, bool, int, Endpoint, Endpoint]:
    nowhere = Endpoint("", 0)
    ends = row.local or nowhere, row.remote or nowhere
    return row.state != "LISTEN", row.local is None, row.family, *ends


def unwrapped(one: SocketLike) -> Any:
    """Return the socket inside a client or a stream, of whatever kind; a socket is its own."""
    inner: Any = one
    for attribute in ("stream", "transport_stream", "socket"):  # ours, TLS's, Trio's
        inner = getattr(inner, attribute, inner)
    return inner


def _unwrap(name: str, one: SocketLike) -> _Descriptor:
    inner = unwrapped(one)
    if getattr(inner, "family", None) not in _FAMILIES or inner.type != socket.SOCK_STREAM:
        raise TypeError(f"{name} is not a TCP socket: {one!r}")
    return cast("_Descriptor", inner)


def _row(name: str, sock: _Descriptor) -> SocketRow:
    """Describe a socket of this process from what the object itself knows."""
    local = remote = None
    with suppress(OSError):  # on Windows, a new socket has no address
        local = _endpoint(sock.getsockname())
    with suppress(OSError):
        remote = _endpoint(sock.getpeername())
    return SocketRow(
        family=socket.AddressFamily(sock.family),
        state="CLOSE",
        local=local if local and local.port else None,
        remote=remote,
        name=name,
        owned=True,
        process_id=os.getpid(),
        process_name=_process_name(os.getpid()),
        descriptor=sock.fileno(),
    )


def _is_dual(sock: _Descriptor) -> bool:
    """Return whether it is an IPv6 socket that accepts IPv4 connections too."""
    if sock.family != socket.AF_INET6:
        return False
    return not any(sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 4))


def _as_listed(own: SocketRow, listed: SocketRow) -> SocketRow:
    return replace(own, state=listed.state, local=listed.local, remote=listed.remote)


def _endpoint(sockaddr: object) -> Endpoint | None:
    return Endpoint.from_sockaddr(cast("Sockaddr", sockaddr)) if sockaddr else None


def _is_same(own: SocketRow, listed: SocketRow) -> bool:
    # Several sockets may share an endpoint, and several processes a socket: compare files.
    own_inode, inode = _inode(own), _inode(listed)
    if own_inode and inode:
        return inode == own_inode
    if listed.process_id == own.process_id and listed.descriptor is not None:
        return listed.descriptor == own.descriptor
    return (listed.local, listed.remote) == (own.local, own.remote)


def _with_owner(row: SocketRow) -> SocketRow:
    if row.process_id is None:
        return row
    return replace(row, owned=True, process_name=_process_name(row.process_id))


def _process_name(pid: int) -> str | None:
    try:
        name = psutil.Process(pid).name()
    except psutil.Error:  # it has ended
        return None
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _with_queues(rows: Iterable[SocketRow], found: list[Queues]) -> Iterator[SocketRow]:
    by_inode = {one.inode: one for one in found if one.inode}
    by_ends: dict[tuple[Endpoint | None, Endpoint | None], Queues]
    by_ends = {(one.local, one.remote): one for one in found}
    for row in rows:
        # Several listeners may share an endpoint (SO_REUSEPORT), but not a file.
        one = by_inode.get(_inode(row)) or by_ends.get((row.local, row.remote))
        # A socket that has lost its peer may have the same endpoint as a listener.
        if one is None or (one.remote is None) != (row.state == "LISTEN"):
            yield row
            continue
        owned = row.owned or bool(one.inode)
        if row.state == "LISTEN":
            yield replace(row, owned=owned, accept_queue=one.receive, backlog=one.send)
        else:
            yield replace(
                row,
                owned=owned,
                receive_queue=one.receive,
                send_queue=one.send,
                got_end=one.got_end,
                sent_control=one.sent_control,
            )


def _inode(row: SocketRow) -> int:
    if row.process_id is None or row.descriptor is None:
        return 0
    try:
        return Path(f"/proc/{row.process_id}/fd/{row.descriptor}").stat().st_ino
    except OSError:
        return 0
