"""Accepts the clients of a listener, many at once if many wait, and starts their tasks.

`trio.serve_tcp` accepts one client in each pass of Trio's scheduler. `trio.SocketListener.accept`
tries before it waits, and makes a `trio.SocketStream`, which sets options that the socket has
inherited. Then two coroutines of Trio stay around each client, and the last one closes the stream
in a cancelled scope. Together this cost more than half of a connection.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from typing import TYPE_CHECKING, Any

import trio

from .accepted import Accepted, accept_waiting, as_plain
from .addresses import Endpoint
from .listening import endpoint_of, fit_out

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Iterator

    from .handler import MakeRelay
    from .relays import Relays


class Reception(trio.abc.Listener[Any]):
    """Receives the clients of one listener.

    `trio.serve_tcp` and `trio.serve_listeners` call `accept` for each client, and then
    `start_soon`: this is their `handler_nursery`. So it is there before the listener is open.

    Args:
        relays: makes what echoes.
        welcome: called with each client; starts its task.
        room: awaited before clients are accepted.
        keepalive: for the sockets of clients.
        one_by_one: accept one client in each pass, in Trio's way.

    Attributes:
        listener: must be set before anything is called but `start_soon`.
    """

    def __init__(
        self,
        relays: Relays,
        welcome: Callable[[Accepted, MakeRelay], object],
        room: Callable[[], Awaitable[None]],
        keepalive: float,
        *,
        one_by_one: bool,
    ) -> None:
        self._relays = relays
        self._welcome = welcome
        self._room = room
        self._keepalive = keepalive
        self._one_by_one = one_by_one or relays.reactor is None
        self.listener: trio.SocketListener
        self._accept_one: Callable[[], Awaitable[trio.SocketStream]]
        self._queue: socket.socket
        self._local: Endpoint | None = None
        self._all_inherit = False
        self._arrived: deque[Accepted] = deque()

    def open(self, queue: socket.socket, *, own: bool) -> None:
        """Receive the clients of the listener, which has the options for them.

        Args:
            queue: the listener, as `open_queue` returns it.
            own: the server has opened it. Somebody else's listener may accept clients of other
                addresses than its own (IP_TRANSPARENT in ip(7)).
        """
        self._accept_one, self._queue = self.listener.accept, queue
        endpoint = endpoint_of(self.listener)
        if own and not ipaddress.ip_address(endpoint.host).is_unspecified:
            self._local = endpoint
        if own and not self._one_by_one:
            self.listener.accept = self.accept  # type: ignore[method-assign,assignment]

    async def accept(self) -> Accepted | trio.SocketStream:
        """Wait for clients, and return one of them.

        There is no checkpoint as long as more of them have been accepted: nobody is forgotten.
        """
        if not self._arrived:
            await self._room()
            if not self._one_by_one and self.listener.socket.fileno() != -1:
                await trio.lowlevel.wait_readable(self.listener.socket)
                self._arrived.extend(self._accept_waiting())
            if not self._arrived:  # or there was an error, which Trio meets again
                return await self._accept_one()
        return self._arrived.popleft()

    async def aclose(self) -> None:
        """Close the listener."""
        await self.listener.aclose()

    def start_soon(self, _run_handler: object, client: Any, _handler: object) -> None:
        """Start to serve a client that was accepted: what `accept` or Trio's returned."""
        reactor = self._relays.reactor
        if isinstance(client, trio.SocketStream):
            fit_out(client.socket, self._keepalive)
            if reactor is not None:
                client = Accepted(as_plain(client))
        if reactor is None:
            self._welcome(Accepted(client.socket), self._relays.of_stream(client))
        else:
            self._welcome(client, self._relays.of_socket(client.sock, reactor))

    def _accept_waiting(self) -> Iterator[Accepted]:
        for sock, address in accept_waiting(self._queue):
            # Those who connected before the listener had its options come first.
            if not self._all_inherit:
                self._all_inherit = fit_out(sock, self._keepalive)
            yield Accepted(sock, Endpoint.from_sockaddr(address), self._local)
