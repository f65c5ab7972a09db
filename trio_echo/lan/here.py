"""Trio's sockets and names on a host: `with host.here():`.

Trio asks a socket factory for each new socket, and a resolver for each name. These two ask the
host that is "here", in a context variable, which the tasks that are started here inherit. Without
a host, they do what was done before.
"""

from __future__ import annotations

import socket
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import trio

from trio_echo.errors import ungrouped

from .errors import LanError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .host import Host

_here: ContextVar[Host | None] = ContextVar("trio_echo.lan.here", default=None)


_installed: trio.lowlevel.RunVar[bool] = trio.lowlevel.RunVar("trio_echo.lan.installed", False)


@contextmanager
def at(host: Host) -> Iterator[None]:
    """Open sockets and look up names on a host, during this block."""
    _install()
    token = _here.set(host)
    try:
        with ungrouped(LanError):  # in Trio's functions, one may raise it for each address
            yield
    finally:
        _here.reset(token)


def _install() -> None:
    """Install the factory and the resolver once in a run of Trio, until its end.

    Tasks that were started in a block may open sockets after it.
    """
    if not _installed.get():
        _installed.set(True)
        factory, resolver = _Factory(), _Resolver()
        factory.before = trio.socket.set_custom_socket_factory(factory)
        resolver.before = trio.socket.set_custom_hostname_resolver(resolver)


class _Factory(trio.abc.SocketFactory):
    before: trio.abc.SocketFactory | None = None

    def socket(
        self,
        family: socket.AddressFamily | int = socket.AF_INET,
        type: socket.SocketKind | int = socket.SOCK_STREAM,  # noqa: A002  Trio's name
        proto: int = 0,
    ) -> trio.socket.SocketType:
        host = _here.get()
        if host is not None:
            return host.socket(family, type, proto)
        if self.before is not None:
            return self.before.socket(family, type, proto)
        return trio.socket.from_stdlib_socket(socket.socket(family, type, proto))


class _Resolver(trio.abc.HostnameResolver):
    before: trio.abc.HostnameResolver | None = None

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  Trio's name
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        here = _here.get()
        if here is not None and host is not None:
            return _look_up(here, host.decode("ascii"), port, family, type, proto, flags)
        if self.before is not None:
            return await self.before.getaddrinfo(host, port, family, type, proto, flags)
        arguments = host, port, family, type, proto, flags
        return await trio.to_thread.run_sync(socket.getaddrinfo, *arguments, abandon_on_cancel=True)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        if self.before is not None:
            return await self.before.getnameinfo(sockaddr, flags)
        return await trio.to_thread.run_sync(
            socket.getnameinfo, sockaddr, flags, abandon_on_cancel=True
        )


def _look_up(
    host: Host,
    name: str,
    port: bytes | str | int | None,
    family: int,
    kind: int,
    protocol: int,
    flags: int,
) -> list[Any]:
    """Do what getaddrinfo(3) does on a host, which knows the names of the hosts only."""
    found = []
    for address in host.directory.get(name.lower(), ()):
        with suppress(socket.gaierror):  # the wrong family
            found += socket.getaddrinfo(
                address, port, family, kind, protocol, flags | socket.AI_NUMERICHOST
            )
    if not found:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return found
