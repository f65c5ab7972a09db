"""What happened, as frozen values: the server and the client report them, others show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from .addresses import Endpoint
from .errors import SocketCallError


@dataclass(frozen=True, slots=True)
class Connection:
    """One accepted connection.

    Attributes:
        number: counts the connections of one server from 1; an endpoint may come back, it does not.
            Where several processes serve, each counts its own.
        local: the server's end.
        remote: the client's end.
    """

    number: int
    local: Endpoint
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class Listening:
    """The server accepts connections on this endpoint."""

    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class FamilyMissing:
    """This system lacks the address family of an endpoint; the server listens on the others."""

    error: SocketCallError


@dataclass(frozen=True, slots=True)
class AcceptFailed:
    """No client can be accepted for now, for lack of descriptors, say; it is tried again."""

    error: SocketCallError


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A process of `workers.supervise` has ended that should not have, and its clients with it.

    Attributes:
        number: which of the workers, from 1.
        cause: its exit status, negative for a signal; or why it could not be started again. `None`
            if it did not answer, or did not end, and was killed.
        clients: how many clients lost their connection.
        pause: seconds until another process takes its place; `None` where none does, because the
            server stops.
    """

    number: int
    cause: int | SocketCallError | None
    clients: int
    pause: float | None


@dataclass(frozen=True, slots=True)
class WorkerReplaced:
    """Another process has taken the place of a worker that died, and listens."""

    number: int


@dataclass(frozen=True, slots=True)
class LinesMissing:
    """Events were left out here, for too many waited to be shown.

    Attributes:
        lines: how many the screen would have had of them.
        connection: of the client that caused them; `None` if several may have.
    """

    lines: int
    connection: Connection | None = None


@dataclass(frozen=True, slots=True)
class ClientsWaiting:
    """All places are taken: from now on, further clients wait for their turn."""

    max_clients: int


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A client's turn has come: what it sends is echoed from now on."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes came from a client, at most 64 KiB at once; they are on their way back to it."""

    connection: Connection
    data: bytes


@dataclass(frozen=True, slots=True)
class ClientFailed:
    """The connection to a client failed; `ClientClosed` follows.

    Attributes:
        connection: whose.
        error: `SocketCallError` where the network was the cause, anything else is a bug.
    """

    connection: Connection
    error: Exception


@dataclass(frozen=True, slots=True)
class ClientIdle:
    """No byte moved to or from a client for `idle_timeout` seconds; `ClientClosed` follows."""

    connection: Connection
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class ClientReset:
    """The server reset a client on purpose (`Faults.reset_after`); `ClientClosed` follows."""

    connection: Connection
    echoed: int


@dataclass(frozen=True, slots=True)
class ClientClosed:
    """The connection to a client is closed, for whatever reason; `echoed` bytes went back."""

    connection: Connection
    echoed: int


@dataclass(frozen=True, slots=True)
class Draining:
    """The server accepts no more, and its clients have some seconds to finish.

    Attributes:
        clients: how many are connected, also those that wait for their turn.
        grace: how many seconds.
    """

    clients: int
    grace: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server has closed everything.

    Attributes:
        clients: how many were served in all.
        echoed: how many bytes went back in all.
        cut_off: how many clients lost their connection by that: they were connected still, or
            waited for their turn.
    """

    clients: int
    echoed: int
    cut_off: int


@dataclass(frozen=True, slots=True)
class DataSent:
    """The client handed a whole message of `count` bytes to the kernel."""

    count: int


@dataclass(frozen=True, slots=True)
class EchoReceived:
    """The client received as many bytes as it had sent."""

    data: bytes


ServerEvent: TypeAlias = (
    Listening
    | FamilyMissing
    | AcceptFailed
    | WorkerDied
    | WorkerReplaced
    | LinesMissing
    | ClientsWaiting
    | ClientConnected
    | DataReceived
    | ClientFailed
    | ClientIdle
    | ClientReset
    | ClientClosed
    | Draining
    | Stopped
)
ClientEvent: TypeAlias = DataSent | EchoReceived
ServerObserver: TypeAlias = Callable[[ServerEvent], object]
"""Called with each event of a server, within its event loop: it must return at once."""
ClientObserver: TypeAlias = Callable[[ClientEvent], object]
"""Called with each event of a client, within its event loop: it must return at once."""


def is_essential(event: ServerEvent) -> bool:
    """Tell where a server listens, and what is wrong with itself, from what its clients do."""
    if isinstance(event, ClientFailed):
        return not isinstance(event.error, SocketCallError)  # a bug
    return isinstance(event, Listening | FamilyMissing | AcceptFailed | WorkerDied)


def ignore(_event: object) -> None:
    """Observe nothing: what a server or a client does that was given no observer."""
