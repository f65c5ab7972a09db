"""Happy eyeballs (RFC 8305): which addresses of a name are tried, when, and with what outcome."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import trio

from trio_echo.addresses import AddressError, Endpoint, Sockaddr, check_endpoint
from trio_echo.observe.tables import html_table, text_table
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTED, REFUSED, GIVEN_UP = "connected", "refused", "given up"

_NAME = "name.example"  # a domain that is reserved (RFC 2606, section 3)
_COLUMNS = ("tried", "began (ms)", "ended (ms)", "outcome")
_NUMERIC = {"began (ms)", "ended (ms)"}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One `connect()`. Times are seconds since the race began.

    Attributes:
        endpoint: the address that was tried.
        began: when `connect()` was called.
        ended: when it returned, raised, or was cancelled.
        outcome: `CONNECTED`, `REFUSED`, `GIVEN_UP` when another one was faster, or an error's text.
    """

    endpoint: Endpoint
    began: float
    ended: float
    outcome: str


@dataclass(frozen=True, slots=True, repr=False)
class Race:
    """All attempts, in the order in which they began; shown as a table.

    Attributes:
        attempts: one for each address that was tried.
        delay: seconds that an attempt has before the next one starts beside it.
    """

    attempts: tuple[Attempt, ...]
    delay: float

    def __repr__(self) -> str:
        return text_table(_COLUMNS, self._rows(), numbers=_NUMERIC)

    def _repr_html_(self) -> str:
        return html_table(_COLUMNS, self._rows(), numbers=_NUMERIC)

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (str(one.endpoint), f"{one.began * 1e3:.1f}", f"{one.ended * 1e3:.1f}", one.outcome)
            for one in self.attempts
        ]


async def race(*endpoints: tuple[str, int], delay: float = 0.25) -> Race:
    """Call `trio.open_tcp_stream` with a name that resolves to these endpoints, in this order.

    The name is not looked up in DNS. If the first two endpoints have the same family, Trio tries
    the first one of the other family second. The connection is closed at once.

    Args:
        endpoints: pairs of a numeric address and a port.
        delay: seconds, `open_tcp_stream`'s `happy_eyeballs_delay`.

    Raises:
        AddressError: a host is not a numeric address, or a port is not valid.
        ValueError: no endpoint was given.
    """
    if not endpoints:
        raise ValueError("give at least one endpoint")
    found = [_numeric(host, port) for host, port in endpoints]
    notes = _Notes(trio.current_time())
    resolver = trio.socket.set_custom_hostname_resolver(_Name(found))
    factory = trio.socket.set_custom_socket_factory(notes)
    try:
        stream = await trio.open_tcp_stream(_NAME, endpoints[0][1], happy_eyeballs_delay=delay)
    except OSError:
        pass  # every attempt failed; the notes say how
    else:
        await stream.aclose()
    finally:
        trio.socket.set_custom_hostname_resolver(resolver)
        trio.socket.set_custom_socket_factory(factory)
    return Race(tuple(sorted(notes.attempts, key=lambda one: one.began)), delay)


def _numeric(host: str, port: int) -> Any:
    """Return what `getaddrinfo` finds for an endpoint, without asking anybody."""
    check_endpoint(host, port)
    try:
        (found,) = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        raise AddressError(f"{host!r} is not a numeric address") from None
    return found


class _Name(trio.abc.HostnameResolver):
    """Resolves every name to the same endpoints."""

    def __init__(self, found: Sequence[Any]) -> None:
        self._found = found

    async def getaddrinfo(self, *_: object) -> Any:
        await trio.lowlevel.checkpoint()
        return list(self._found)

    async def getnameinfo(self, *_: object) -> Any:
        raise NotImplementedError  # connect() does not need it


class _Notes(trio.abc.SocketFactory):
    """Makes sockets that record each `connect`.

    Attributes:
        attempts: the attempts that have ended.
    """

    def __init__(self, start: float) -> None:
        self._start = start
        self.attempts: list[Attempt] = []

    def socket(self, family: int = -1, type: int = -1, proto: int = -1) -> trio.socket.SocketType:  # noqa: A002  Trio's names
        sock = trio.socket.from_stdlib_socket(socket.socket(family, type, proto))
        connect = sock.connect

        async def noted(address: Sockaddr) -> None:
            began = trio.current_time()
            outcome = GIVEN_UP
            try:
                await connect(address)
                outcome = CONNECTED
            except ConnectionRefusedError:
                outcome = REFUSED
                raise
            except OSError as exc:
                outcome = safe(exc.strerror or str(exc))
                raise
            finally:
                times = began - self._start, trio.current_time() - self._start
                endpoint = Endpoint.from_sockaddr(address)
                self.attempts.append(Attempt(endpoint, *times, outcome))

        # Trio's sockets cannot be subclassed, but an instance can have its own `connect`.
        cast("dict[str, object]", vars(sock))["connect"] = noted
        return sock
