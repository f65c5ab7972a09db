"""Happy eyeballs (RFC 8305): which addresses of a name are tried, when, and what comes of each."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import trio

from trio_echo.addresses import Endpoint, Sockaddr
from trio_echo.canvas import BLACK, BLUE, GREY, SKY, VERMILION, Picture
from trio_echo.text import safe

from .tables import html_table, text_table

if TYPE_CHECKING:
    from collections.abc import Sequence

CONNECTED, REFUSED, GIVEN_UP = "connected", "refused", "given up"

_NAME = "name.example"  # a domain that nobody can have (RFC 2606, section 3)
_COLUMNS = ("tried", "began (ms)", "ended (ms)", "outcome")
_NUMERIC = {"began (ms)", "ended (ms)"}
_COLOURS = {CONNECTED: BLUE, GIVEN_UP: SKY}

# Inches.
_WIDTH, _ROW, _AROUND = 7.5, 0.42, 1.05


@dataclass(frozen=True, slots=True)
class Attempt:
    """One `connect()`. Times are seconds since the whole began.

    Attributes:
        endpoint: with whom.
        began: when it was called.
        ended: when it returned, raised, or was cancelled.
        outcome: `CONNECTED`, `REFUSED`, `GIVEN_UP` when another one was faster, or an error's text.
    """

    endpoint: Endpoint
    began: float
    ended: float
    outcome: str


@dataclass(frozen=True, slots=True, repr=False)
class Race:
    """All attempts, in the order in which they began; it is shown as a table.

    Attributes:
        attempts: at addresses that were never tried, there is none.
        delay: seconds that an attempt had before the next one began beside it.
    """

    attempts: tuple[Attempt, ...]
    delay: float

    @property
    def winner(self) -> Attempt | None:
        """The attempt that brought the connection, if one did."""
        return next((one for one in self.attempts if one.outcome == CONNECTED), None)

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
    """Call `trio.open_tcp_stream` with a name that stands for these endpoints, in this order.

    Nobody is asked for that name. Where the order has one family twice before the other one's
    first, Trio tries that one second. The connection is closed at once.

    Args:
        endpoints: pairs of a numeric address and a port.
        delay: seconds, `open_tcp_stream`'s `happy_eyeballs_delay`.

    Raises:
        ValueError: no endpoint is given.
    """
    if not endpoints:
        raise ValueError("give at least one endpoint")
    notes = _Notes(trio.current_time())
    resolver = trio.socket.set_custom_hostname_resolver(_Name(endpoints))
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


def draw(race: Race) -> Picture:
    """Draw each attempt as a bar over time; what came of it stands beside.

    Raises:
        ValueError: there was none.
    """
    count = len(race.attempts)
    if count == 0:
        raise ValueError("nothing was tried")
    words = "; ".join(
        f"{one.endpoint} {one.began * 1e3:.0f} to {one.ended * 1e3:.0f} ms, {one.outcome}"
        for one in race.attempts
    )
    delay = race.delay * 1e3
    told = f"delay {delay:.0f} ms: {words}"
    picture = Picture(_WIDTH, _AROUND + _ROW * count, told)
    axes = picture.figure.add_subplot(xlabel="time since the call (ms)")
    end = max(*(one.ended * 1e3 for one in race.attempts), delay)
    axes.axvline(delay, color=BLACK, linestyle=(0, (1, 2)), linewidth=1.2)
    for row, one in enumerate(race.attempts):
        began, ended = one.began * 1e3, one.ended * 1e3
        colour = _COLOURS.get(one.outcome, VERMILION)
        # The line around it shows an attempt that is too short for a bar.
        axes.barh(row, ended - began, left=began, height=0.5, color=colour, edgecolor=colour)
        axes.annotate(
            f"{one.outcome} at {ended:.1f} ms" if one.outcome == CONNECTED else one.outcome,
            (ended, row),
            (6, 0),
            textcoords="offset points",
            va="center",
            color=GREY if one.outcome == GIVEN_UP else BLACK,
        )
    axes.set_title(f"the delay: {delay:.0f} ms (dotted)", fontsize=10)
    axes.set(xlim=(0, end * 1.5), ylim=(count - 0.5, -0.5))
    axes.set_yticks(range(count), [str(one.endpoint) for one in race.attempts])
    axes.grid(axis="x", color=GREY, alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    picture.figure.tight_layout()
    return picture


class _Name(trio.abc.HostnameResolver):
    """Answers for every name with the same endpoints."""

    def __init__(self, endpoints: Sequence[tuple[str, int]]) -> None:
        self._endpoints = endpoints

    async def getaddrinfo(self, *_: object) -> Any:
        await trio.lowlevel.checkpoint()
        return [
            found
            for host, port in self._endpoints
            for found in socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        ]

    async def getnameinfo(self, *_: object) -> Any:
        raise NotImplementedError  # no connect() asks for it


class _Notes(trio.abc.SocketFactory):
    """Makes sockets whose `connect` is noted.

    Attributes:
        attempts: those that have ended.
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

        # Trio's sockets cannot be subclassed; but this one's own `connect` can be another one.
        cast("dict[str, object]", vars(sock))["connect"] = noted
        return sock
