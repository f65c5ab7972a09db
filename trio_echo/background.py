"""An echo server for synchronous code: other people's tests, notebooks, plain threads."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from .addresses import Endpoint
from .events import ignore
from .faults import Faults, FaultSwitch
from .limits import Limits
from .listening import LOOPBACK
from .server import serve
from .trio_thread import TrioThread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from ssl import SSLContext

    import trio

    from .events import ServerObserver
    from .gate import HostSlots
    from .handler import TakeOver
    from .securing import CurrentContext
    from .totals import Tally


class BackgroundServer(TrioThread):
    """Runs `serve` in a thread with its own Trio loop, during a `with` block.

    It is listening when the block begins, and everything is closed when the block ends. A block
    cannot span the cells of a notebook: use `start` and `stop` there. Both raise what `serve`
    raises.

    Args:
        port: as for `serve`, but a free one by default.
        hosts: as for `serve`.
        listeners: as for `serve`.
        limits: as for `serve`. By default, clients that are still connected at the end are cut
            off at once.
        faults: as for `serve`.
        observer: as for `serve`. It is called in the server's thread; `list.append` is enough.
        observe_data: as for `serve`.
        take_over: as for `serve`; called in the server's thread.
        portable: as for `serve`.
        client_slots: as for `serve`. It is entered in the server's thread, so servers in different
            threads cannot share it.
        host_slots: as for `serve`; asked in the server's thread.
        ssl_context: as for `serve`; a function is called in the server's thread.
        tally: as for `serve`.
    """

    def __init__(
        self,
        port: int = 0,
        *,
        hosts: Sequence[str] = LOOPBACK,
        listeners: Sequence[trio.SocketListener] | None = None,
        limits: Limits = Limits(grace=0),
        faults: Faults | FaultSwitch = Faults(),
        observer: ServerObserver = ignore,
        observe_data: bool = True,
        take_over: TakeOver | None = None,
        portable: bool = False,
        client_slots: AbstractAsyncContextManager[object] | None = None,
        host_slots: HostSlots | None = None,
        ssl_context: SSLContext | CurrentContext | None = None,
        tally: Tally | None = None,
    ) -> None:
        super().__init__(
            partial(
                serve,
                port,
                hosts=hosts,
                listeners=listeners,
                limits=limits,
                faults=faults,
                observer=observer,
                observe_data=observe_data,
                take_over=take_over,
                portable=portable,
                client_slots=client_slots,
                host_slots=host_slots,
                ssl_context=ssl_context,
                tally=tally,
            )
        )
        self._addresses: tuple[Endpoint, ...] = ()

    def __repr__(self) -> str:
        where = ", ".join(map(str, self.addresses)) or "not started"
        return f"<{type(self).__name__}: {where}>"

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        """Where it listens: `(host, port)` pairs, as `socket.create_connection` takes them."""
        return self._addresses

    def _keep(self, reported: Sequence[trio.SocketListener]) -> None:
        self._addresses = tuple(
            Endpoint.from_sockaddr(one.socket.getsockname()) for one in reported
        )
