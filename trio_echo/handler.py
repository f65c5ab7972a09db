"""What belongs to one client: its nursery, its echo, how it ends, and what is reported of that.

Whatever a client causes ends here, and becomes an event.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

import trio

from .accepted import Accepted
from .addresses import Endpoint
from .errors import SocketCallError
from .events import (
    ClientClosed,
    ClientClosedOnPurpose,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientResetOnPurpose,
    Connection,
    DataReceived,
    HandshakeFailed,
)
from .securing import SecureClient
from .totals import Ending

if TYPE_CHECKING:
    from collections.abc import Callable

    from .events import ServerObserver
    from .idleness import IdleWatch, WatchedClient
    from .relay import BaseRelay, Tap
    from .tcp_info import Socket

    MakeRelay: TypeAlias = Callable[[], BaseRelay]
    TakeOver: TypeAlias = Callable[[Connection, BaseRelay], object]

# How many of the server's own endpoints are remembered, so that its clients share them.
_OWN_ENDPOINTS = 64


class ClientHandler:
    """Serves the clients of one server, each in its own task, and counts them.

    Args:
        report: called with each client's events.
        observe_data: whether there are `DataReceived` events.
        take_over: called after a client's first piece, with its relay.
        idle_watch: ends idle clients; `None` if there is no limit.
        handshake_timeout: how many seconds the TLS handshake may take.

    Attributes:
        served: how many clients there were.
        ended: how those that are gone ended.
        shaking_hands: how many clients are in the TLS handshake: they are not served yet.
        failed_handshakes: how many clients were not served because TLS failed.
        cut_off: how many were in the handshake when the server stopped.
    """

    def __init__(
        self,
        report: ServerObserver,
        *,
        observe_data: bool,
        take_over: TakeOver | None,
        idle_watch: IdleWatch | None,
        handshake_timeout: float,
    ) -> None:
        self.served = 0
        self.ended: Counter[Ending] = Counter()
        self.shaking_hands = 0
        self.failed_handshakes = 0
        self.cut_off = 0
        self._echoed_to_gone = 0
        self._echoed = 0
        self._relays: set[BaseRelay] = set()  # of the clients that are served
        self._numbers = count(1)
        self._handshake_timeout = handshake_timeout
        self._report = report
        self._observe_data = observe_data
        self._take_over = take_over
        self._idle_watch = idle_watch
        self._own_endpoint = lru_cache(_OWN_ENDPOINTS)(_same)

    @property
    def connected(self) -> int:
        """How many clients are served now."""
        return len(self._relays)

    @property
    def echoed(self) -> int:
        """How many bytes were sent back to clients that are gone, or seen by `count_echoed`."""
        return max(self._echoed, self._echoed_to_gone)

    def count_echoed(self) -> None:
        """Count the bytes that were sent back to clients that are connected.

        The relays count for themselves, so that a message costs nothing more. Another thread may
        call this. A client that leaves meanwhile may be missed, but must not be counted twice.
        """
        to_gone = self._echoed_to_gone
        to_others = sum(relay.echoed for relay in tuple(self._relays))
        self._echoed = max(self._echoed, to_gone + to_others)

    async def serve(self, client: Accepted, make_relay: MakeRelay) -> None:
        """Echo in the client's own nursery, close its socket, and report how that ended.

        Once the nursery has ended, nothing of the client is left. An idle client is ended by the
        nursery's cancel scope. (One coroutine does it all: each frame that sleeps costs a
        connection some 200 bytes.)

        Args:
            client: was accepted.
            make_relay: makes what echoes on it. A `SecureClient` begins TLS before.
        """
        sock = client.sock
        secure: SecureClient | None = None
        try:
            if isinstance(make_relay, SecureClient):
                secure = make_relay
                sock.getpeername()
            else:
                relay = make_relay()
                relay.begin()
            connection = self._connection(client)
        except OSError:
            sock.close()
            return  # reset before it was accepted: like ECONNABORTED, it was never a client
        if secure is not None:
            if not await self._begin(secure, connection):
                return
            relay = secure()
        del client, make_relay  # they would take memory as long as the client is connected
        self.served += 1
        if self._observe_data:
            relay.tap = self._tap(connection, relay)
        self._relays.add(relay)
        failure: Exception | None = None
        ending = Ending.CLOSED
        watched: WatchedClient | None = None
        try:
            self._report(ClientConnected(connection))
            async with trio.open_nursery() as nursery:
                if self._idle_watch is not None:
                    watched = self._idle_watch.add(sock, nursery.cancel_scope)
                    relay.moved = watched.moved
                try:
                    await relay.run()
                    if secure is not None:
                        await secure.answer_farewell()
                except SocketCallError as exc:
                    failure = exc  # an everyday failure of the network, without a group
            if self._idle_watch is not None and nursery.cancel_scope.cancelled_caught:
                ending = Ending.IDLE
                self._report(ClientIdle(connection, self._idle_watch.limit))
        except Exception as exc:  # noqa: BLE001  the crash boundary: only this client ends
            failure = exc
        except BaseException:
            ending = Ending.CUT_OFF
            raise
        finally:
            if watched is not None:
                watched.leave()
            if secure is not None:
                await secure.leave()
            sock.close()
            self._relays.remove(relay)
            relay.tap = None  # it may refer to the relay: no cycle
            self._echoed_to_gone += relay.echoed
            if relay.was_reset or relay.was_closed:
                ending = Ending.FAULT
            elif failure is not None:
                ending = Ending.by(failure)
            self.ended[ending] += 1
            if relay.was_reset:
                self._report(ClientResetOnPurpose(connection, relay.echoed))
            elif relay.was_closed:
                self._report(ClientClosedOnPurpose(connection, relay.echoed))
            elif failure is not None:
                self._report(ClientFailed(connection, failure))
            del failure  # its traceback refers to this frame: no cycle
            self._report(ClientClosed(connection, relay.echoed))

    def fail(self, sock: Socket, error: Exception) -> None:
        """Report a client that failed before its turn, with the events that every client has."""
        try:
            connection = self._connection(Accepted(sock))
        except OSError:
            return
        self.served += 1
        self.ended[Ending.by(error)] += 1
        self._report(ClientConnected(connection))
        self._report(ClientFailed(connection, error))
        self._report(ClientClosed(connection, 0))

    def _connection(self, client: Accepted) -> Connection:
        """Count a new client.

        Raises:
            OSError: it has left.
        """
        sock, remote, local = client
        if remote is None:
            remote = Endpoint.from_sockaddr(sock.getpeername())
        if local is None:
            local = self._own_endpoint(Endpoint.from_sockaddr(sock.getsockname()))
        trio.lowlevel.current_task().name = f"client {remote}"  # shown in the task tree
        return Connection(next(self._numbers), local, remote)

    async def _begin(self, client: SecureClient, connection: Connection) -> bool:
        """Begin TLS with a client, or close its socket; return whether TLS began."""
        began = failed = False
        self.shaking_hands += 1
        try:
            try:
                await client.begin(self._handshake_timeout, str(connection.remote))
            finally:
                self.shaking_hands -= 1
            began = True
        except Exception as exc:  # noqa: BLE001  the crash boundary: only this client ends
            failed = True
            self.failed_handshakes += 1
            self._report(HandshakeFailed(connection, exc))
            await client.linger()
        finally:
            if not began:
                client.sock.close()
                self.cut_off += not failed
        return began

    def _tap(self, connection: Connection, relay: BaseRelay) -> Tap:
        """Return what reports a client's pieces; if others take over, only the first one."""
        report, take_over = self._report, self._take_over

        def tap(data: bytes) -> None:
            report(DataReceived(connection, data))
            if take_over is not None:
                take_over(connection, relay)

        return tap


def _same(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint; behind a cache, the first of all equal ones."""
    return endpoint
