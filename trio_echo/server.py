"""The echo server: listeners, a nursery for each client, limits, and an orderly end.

The task tree, and who ends whom::

    serve()
    ├── reactor: on Linux, echoes for all clients unless that takes waiting
    ├── idle watch: if there is an idle timeout, ends idle clients
    └── clients: a nursery that outlives the listeners, so that clients can finish
        ├── ClientHandler.serve ── the client's own nursery: its echo
        ├── ClientHandler.serve ── …
        └── listeners: a nursery with a trio.serve_tcp for each address

Stopping cancels `listeners` at once and `clients` after the grace period. What goes wrong with a
client ends its `ClientHandler.serve` and becomes an event.
"""

from __future__ import annotations

import errno
from contextlib import ExitStack, nullcontext
from functools import partial
from ssl import SSLContext
from typing import TYPE_CHECKING, Any

import trio

from .accepted import open_queue
from .accepting import reported_accept_errors
from .addresses import DEFAULT_PORT, Endpoint
from .admission import Admission
from .errors import SocketCallError, naming, ungrouped
from .events import Draining, FamilyMissing, Listening, Stopped, ignore
from .faults import Faults, FaultSwitch
from .gate import Gate
from .handler import ClientHandler
from .idleness import open_idle_watch
from .limits import Limits
from .listening import (
    FREE_PORT_ATTEMPTS,
    LOOPBACK,
    check_listeners,
    endpoint_of,
    endpoints_of,
    fit_out_listener,
    listen_at,
)
from .reactor import open_reactor
from .reception import Reception
from .relays import Relays
from .totals import Ending, Totals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from .accepted import Accepted
    from .accepting import AcceptErrors
    from .events import ServerObserver
    from .gate import HostSlots
    from .handler import MakeRelay, TakeOver
    from .securing import CurrentContext
    from .totals import Tally

GC_THRESHOLD = 10_000
"""For the `gc.set_threshold` of a process that only serves.

A client is about a hundred objects, and never leaves cycles behind. Python looks for cycles after
every 700 objects by default, which is a tenth of a connection's cost. Cycles from elsewhere are
still found: at most this many objects wait for the collector.
"""


async def serve(
    port: int = DEFAULT_PORT,
    *,
    hosts: Sequence[str] = LOOPBACK,
    listeners: Sequence[trio.SocketListener] | None = None,
    limits: Limits = Limits(),
    faults: Faults | FaultSwitch = Faults(),
    observer: ServerObserver = ignore,
    observe_data: bool = True,
    take_over: TakeOver | None = None,
    portable: bool = False,
    stop: trio.Event | None = None,
    client_slots: AbstractAsyncContextManager[object] | None = None,
    host_slots: HostSlots | None = None,
    ssl_context: SSLContext | CurrentContext | None = None,
    tally: Tally | None = None,
    task_status: trio.TaskStatus[list[trio.SocketListener]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Echo what TCP clients send, until cancelled or stopped.

    Args:
        port: the port to listen on. 0 takes a free one, the same for all addresses.
        hosts: names, IPv4 and IPv6 addresses, with a zone if needed (`fe80::1%eth0`). If this
            system lacks an address family, its addresses are left out, with an event.
        listeners: used instead of `hosts` and `port`, if a service manager or another process
            has opened them. They are closed at the end.
        limits: how many clients, how long they may be idle or silent, how long they may take to
            finish.
        faults: how the echo goes wrong on purpose, to test a client. With a `FaultSwitch`, that
            can change while the server runs.
        observer: called with each event. It runs in the event loop and must return at once. If it
            raises while a client is served, that client ends with a `ClientFailed`; otherwise the
            server ends with that exception.
        observe_data: whether there are `DataReceived` events. Without them, bytes are echoed
            without a copy.
        take_over: called after the first `DataReceived` of each client, with its connection and
            its relay. It may replace the relay's `tap`, which gets later pieces for less than an
            event costs.
        portable: echo with Trio's streams on every system, even if there is a faster way.
        stop: once set, no more clients are accepted, those connected have `limits.grace` seconds
            to finish, and `serve` returns. Cancelling `serve` ends everything at once instead.
        client_slots: entered for each client, beside `limits.max_clients`; it may wait there.
            Servers that share a `trio.CapacityLimiter` share one limit.
        host_slots: asked for each client, instead of `limits.max_clients_per_host`, by servers
            that share that limit.
        ssl_context: clients speak TLS, with this context. A function that returns one is called
            before each handshake, so that certificates can change. `None` for plain TCP.
        tally: reads what the server has done so far.
        task_status: `await nursery.start(serve)` returns the listeners, one for each address.

    Raises:
        AddressError: a host or the port is not valid.
        SocketCallError: `getaddrinfo()`, `socket()` or `bind()` failed: it cannot listen.
        TypeError: `hosts` is a single name, or a listener is not a `trio.SocketListener`.
        ValueError: there are no hosts or no listeners, or a listener cannot be served.
    """
    stop = trio.Event() if stop is None else stop
    switch = faults if isinstance(faults, FaultSwitch) else FaultSwitch(faults) if faults else None
    with (
        ExitStack() as closing,
        ungrouped(SocketCallError),
        reported_accept_errors(observer) as accept_errors,
    ):
        sources: Sequence[Endpoint | trio.SocketListener]
        if listeners is None:
            sources = await endpoints_of(hosts, port)
        else:
            for listener in listeners:
                if isinstance(listener, trio.SocketListener):
                    closing.callback(listener.socket.close)
            check_listeners(listeners)
            sources = listeners
        async with (
            nullcontext() if portable or switch is not None else open_reactor() as reactor,
            open_idle_watch(limits.idle_timeout) as idle_watch,
        ):
            observe_data = observe_data and observer is not ignore
            handler = ClientHandler(
                observer,
                observe_data=observe_data,
                take_over=take_over,
                idle_watch=idle_watch,
                handshake_timeout=limits.handshake_timeout,
            )
            context = (lambda: ssl_context) if isinstance(ssl_context, SSLContext) else ssl_context
            relays = Relays(reactor, switch, context)
            for attempts_left in reversed(range(FREE_PORT_ATTEMPTS)):
                server = _Server(limits, observer, handler, relays, client_slots, host_slots)
                if tally is not None:
                    tally.attach(partial(server.totals, accept_errors))
                try:
                    await server.run(sources, stop, task_status)
                except SocketCallError as exc:
                    collision = port == 0 and exc.errno == errno.EADDRINUSE
                    if not collision or not attempts_left:
                        raise
                else:
                    return


class _Server:
    """One run of `serve`: its listeners, who is accepted, and the end."""

    def __init__(
        self,
        limits: Limits,
        observer: ServerObserver,
        handler: ClientHandler,
        relays: Relays,
        client_slots: AbstractAsyncContextManager[object] | None,
        host_slots: HostSlots | None,
    ) -> None:
        self._limits = limits
        self._report = observer
        self._handler = handler
        self._relays = relays
        self._admission = Admission(limits.max_clients, client_slots, observer, handler.fail)
        self._gate = Gate(limits, host_slots, observer, handler.fail)
        self._serve: Callable[[Accepted, MakeRelay], Awaitable[None]] = handler.serve
        if self._admission.limited:
            self._serve = self._serve_in_turn
        if self._gate.limited:
            self._serve = partial(self._gate.serve, self._serve)
        self._listening = trio.Event()

    async def run(
        self,
        sources: Sequence[Endpoint | trio.SocketListener],
        stop: trio.Event,
        task_status: trio.TaskStatus[list[trio.SocketListener]],
    ) -> None:
        """Serve clients that come to endpoints, or to open listeners."""
        try:
            with ungrouped(SocketCallError):
                async with trio.open_nursery() as clients:
                    with ExitStack() as queues:
                        async with trio.open_nursery() as listeners:
                            if self._gate.limited:
                                listeners.start_soon(self._gate.report_refusals)
                            start = partial(self._start, listeners, clients, queues)
                            opened, missing = await listen_at(sources, start)
                            for error in missing:
                                self._report(FamilyMissing(error))
                            self._listening.set()
                            for listener in opened:
                                self._report(Listening(endpoint_of(listener)))
                            task_status.started(opened)
                            await stop.wait()
                            listeners.cancel_scope.cancel()
                    if clients_left := self._handler.connected + self._waiting:
                        self._report(Draining(clients_left, self._limits.grace))
                    clients.cancel_scope.deadline = trio.current_time() + self._limits.grace
        finally:
            if self._listening.is_set():
                self._gate.flush()
                served, echoed, refused, failed = (
                    self._handler.served,
                    self._handler.echoed,
                    self._gate.refused,
                    self._handler.failed_handshakes,
                )
                self._report(Stopped(served, echoed, self._cut_off, refused.total(), failed))

    def totals(self, accept_errors: AcceptErrors, *, exact: bool) -> Totals:
        """Return what this server has done so far; see `Tally.totals`."""
        handler, gate = self._handler, self._gate
        if exact:
            handler.count_echoed()
        return Totals(
            clients=handler.served,
            connected=handler.connected,
            waiting=self._waiting,
            echoed=handler.echoed,
            cut_off=self._cut_off,
            ended=handler.ended.copy(),
            refused=gate.refused.copy(),
            accept_errors=accept_errors.count,
            failed_handshakes=handler.failed_handshakes,
        )

    @property
    def _waiting(self) -> int:
        return self._gate.waiting + self._admission.waiting + self._handler.shaking_hands

    @property
    def _cut_off(self) -> int:
        served = self._handler.ended[Ending.CUT_OFF]
        waited = self._handler.cut_off + self._gate.cut_off + self._admission.cut_off
        return served + waited

    async def _start(
        self,
        listeners: trio.Nursery,
        clients: trio.Nursery,
        queues: ExitStack,
        source: Endpoint | trio.SocketListener,
    ) -> trio.SocketListener:
        """Start to accept clients at an endpoint, or from a listener; return the listener.

        `trio.serve_tcp` listens at an endpoint. It accepts all who come, so if clients are
        limited, a listener is opened here, and its reception keeps them waiting.
        """
        limited = self._admission.limited
        own = isinstance(source, Endpoint)
        reception = Reception(
            self._relays,
            partial(self._welcome, clients),
            self._room,
            self._limits.keepalive,
            one_by_one=limited,
        )
        # Trio passes it to `reception.start_soon`, with streams only.
        handler: Any = self._serve
        if isinstance(source, Endpoint) and limited:
            (source,) = await trio.open_tcp_listeners(source.port, host=source.host)
        if isinstance(source, Endpoint):
            serve_tcp: Any = partial(trio.serve_tcp, handler, source.port, host=source.host)
            name = f"trio.serve_tcp, {source.host}"
            (reception.listener,) = await listeners.start(
                partial(serve_tcp, handler_nursery=reception), name=name
            )
        else:
            reception.listener = source
            serve_listeners: Any = partial(trio.serve_listeners, handler, [reception])
            name = f"trio.serve_listeners, {endpoint_of(source).host}"
            await listeners.start(partial(serve_listeners, handler_nursery=reception), name=name)
        listener = reception.listener
        fit_out_listener(listener, self._limits.keepalive)
        with naming("socket()", str(endpoint_of(listener))):
            queue = queues.enter_context(open_queue(listener))
        if self._relays.reactor is not None:
            queues.enter_context(self._relays.reactor.watching(queue))
        queues.callback(self._admission.turn_away, queue)
        reception.open(queue, own=own)
        return listener

    def _welcome(self, clients: trio.Nursery, client: Accepted, make_relay: MakeRelay) -> None:
        """Start the task of a client that was accepted."""
        serve = self._serve if self._listening.is_set() else self._serve_later
        clients.start_soon(serve, client, make_relay)

    async def _serve_later(self, client: Accepted, make_relay: MakeRelay) -> None:
        """Serve a client that came early: if another address fails, nobody is served."""
        with client.sock:
            await self._listening.wait()
            await self._serve(client, make_relay)

    async def _room(self) -> None:
        """Wait until the server listens everywhere, and few clients wait for their turn."""
        if not self._listening.is_set():
            await self._listening.wait()
        await self._admission.room()

    async def _serve_in_turn(self, client: Accepted, make_relay: MakeRelay) -> None:
        await self._admission.serve(client.sock, partial(self._handler.serve, client, make_relay))
