"""What a server or a client reports to its observer, as frozen values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from .addresses import Endpoint
from .errors import SocketCallError


@dataclass(frozen=True, slots=True)
class Connection:
    """One accepted connection.

    Attributes:
        number: counts the connections of a server from 1. Unlike an endpoint, it is never reused.
            Each of several processes counts its own.
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
    """This system lacks an endpoint's address family; the server listens on the others."""

    error: SocketCallError


@dataclass(frozen=True, slots=True)
class AcceptFailed:
    """A client could not be accepted, for example because too many files are open.

    Trio tries again. There is at most one such event a minute.
    """

    error: SocketCallError


@dataclass(frozen=True, slots=True)
class CertificatesReloaded:
    """The files of TLS were read again; later clients get the new certificate."""


@dataclass(frozen=True, slots=True)
class CertificatesKept:
    """The files of TLS were read again and cannot be used; the old certificate stays."""

    error: SocketCallError


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """A process of `workers.supervise` died, and its clients lost their connection.

    Attributes:
        number: which of the workers, from 1.
        cause: its exit status, negative for a signal; or why it could not be started again. `None`
            if it was killed because it did not answer or did not end.
        clients: how many clients lost their connection.
        pause: seconds until another process replaces it. `None` if the server stops.
    """

    number: int
    cause: int | SocketCallError | None
    clients: int
    pause: float | None


@dataclass(frozen=True, slots=True)
class WorkerReplaced:
    """A worker that died has been replaced, and the new one listens."""

    number: int


@dataclass(frozen=True, slots=True)
class LinesMissing:
    """Events were left out here: too many waited to be shown.

    Attributes:
        lines: how many lines of the screen they would have been.
        connection: the client's, if all were caused by one.
    """

    lines: int
    connection: Connection | None = None


@dataclass(frozen=True, slots=True)
class ClientsWaiting:
    """All client slots are taken; further clients wait for their turn."""

    max_clients: int


class Refusal(Enum):
    """Why clients are refused."""

    NETWORK = auto()
    """Their address is in no network of `Limits.allow`."""
    TOO_MANY = auto()
    """Their host already has `Limits.max_clients_per_host` clients."""


@dataclass(frozen=True, slots=True)
class ClientsRefused:
    """Clients were closed as soon as they were accepted.

    For each reason there is at most one such event a second.

    Attributes:
        reason: why.
        clients: how many, since the last such event.
        remote: the last one's end.
    """

    reason: Refusal
    clients: int
    remote: Endpoint


@dataclass(frozen=True, slots=True)
class HandshakeFailed:
    """TLS with a client failed; it was not served, and is closed.

    Attributes:
        connection: the client's.
        error: a `SocketCallError`, mostly a `TlsError`. Anything else is a bug.
    """

    connection: Connection
    error: Exception


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A client's turn has come; what it sends is echoed from now on."""

    connection: Connection


@dataclass(frozen=True, slots=True)
class DataReceived:
    """Bytes came from a client, at most 64 KiB at once; they are about to be sent back."""

    connection: Connection
    data: bytes


@dataclass(frozen=True, slots=True)
class ClientFailed:
    """The connection to a client failed; `ClientClosed` follows.

    Attributes:
        connection: the client's.
        error: a `SocketCallError` if the network was the cause. Anything else is a bug.
    """

    connection: Connection
    error: Exception


@dataclass(frozen=True, slots=True)
class ClientIdle:
    """No byte moved to or from a client for `idle_timeout` seconds; `ClientClosed` follows."""

    connection: Connection
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class ClientResetOnPurpose:
    """The server reset a client on purpose (`Faults.reset_after`); `ClientClosed` follows."""

    connection: Connection
    echoed: int


@dataclass(frozen=True, slots=True)
class ClientClosedOnPurpose:
    """The server closed a client on purpose (`Faults.close_after`, `lifetime`).

    `ClientClosed` follows.
    """

    connection: Connection
    echoed: int


@dataclass(frozen=True, slots=True)
class ClientClosed:
    """The connection to a client is closed; `echoed` bytes were sent back."""

    connection: Connection
    echoed: int


@dataclass(frozen=True, slots=True)
class Draining:
    """The server accepts no more clients; those connected have some seconds to finish.

    Attributes:
        clients: how many are connected, including those that wait for their turn.
        grace: how many seconds they have.
    """

    clients: int
    grace: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """The server has closed everything.

    Attributes:
        clients: how many were served.
        echoed: how many bytes were sent back.
        cut_off: how many clients lost their connection: they were still connected, or waited for
            their turn.
        refused: how many clients were refused.
        failed_handshakes: how many clients were not served because TLS failed.
    """

    clients: int
    echoed: int
    cut_off: int
    refused: int = 0
    failed_handshakes: int = 0


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
    | CertificatesReloaded
    | CertificatesKept
    | WorkerDied
    | WorkerReplaced
    | LinesMissing
    | ClientsWaiting
    | ClientsRefused
    | HandshakeFailed
    | ClientConnected
    | DataReceived
    | ClientFailed
    | ClientIdle
    | ClientResetOnPurpose
    | ClientClosedOnPurpose
    | ClientClosed
    | Draining
    | Stopped
)
ClientEvent: TypeAlias = DataSent | EchoReceived
ServerObserver: TypeAlias = Callable[[ServerEvent], object]
"""Called with each event of a server. It runs in the event loop and must return at once."""
ClientObserver: TypeAlias = Callable[[ClientEvent], object]
"""Called with each event of a client. It runs in the event loop and must return at once."""


# Named once: a union made in each call would cost more than the rest of it.
_CLIENTS_FAILURES = (ClientFailed, HandshakeFailed)
_OF_THE_SERVER = (Listening, FamilyMissing, AcceptFailed, CertificatesKept, WorkerDied)


def is_essential(event: ServerEvent) -> bool:
    """Return whether an event is about the server itself, not about what its clients do."""
    if isinstance(event, _CLIENTS_FAILURES):
        return not isinstance(event.error, SocketCallError)  # a bug
    return isinstance(event, _OF_THE_SERVER)


def ignore(_event: object) -> None:
    """Do nothing: the observer of a server or a client that was given none."""
