"""TLS over a Trio stream: `trio.SSLStream`, and what it leaves out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

import trio

from .errors import HANDSHAKE, TlsError, naming
from .tls_problems import TlsProblem

if TYPE_CHECKING:
    import ssl
    from typing import Any

StreamT = TypeVar("StreamT", bound=trio.abc.Stream)


async def shake_hands(
    transport: StreamT,
    context: ssl.SSLContext,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    where: str | None = None,
) -> trio.SSLStream[StreamT]:
    """Begin TLS on a stream.

    If that fails, the peer learns why: Trio does not send it OpenSSL's alert (RFC 8446, section
    6.2). The stream is left open.

    Args:
        transport: a connected stream.
        context: of the same side.
        server_side: whether this side is the server.
        server_hostname: the name that the server's certificate must have.
        where: of the error.

    Raises:
        TlsError: the handshake failed.
        SocketCallError: the connection broke.
    """
    wrapper = _Wrapper(context)
    stream = trio.SSLStream(
        transport,
        cast("ssl.SSLContext", wrapper),
        server_hostname=server_hostname,
        server_side=server_side,
    )
    try:
        with naming(HANDSHAKE, where):
            await stream.do_handshake()
    except TlsError as exc:
        if not server_side and _wants_certificate(exc, wrapper.tls):
            problem = TlsProblem.CERTIFICATE_WANTED
            raise TlsError(HANDSHAKE, problem, exc.detail, where) from exc.__cause__
        if alert := wrapper.outgoing.read():
            with suppress(trio.BrokenResourceError):
                await transport.send_all(alert)
        raise
    return stream


def _wants_certificate(error: TlsError, tls: ssl.SSLObject) -> bool:
    """Return whether a server ended the handshake because the client has no certificate.

    In TLS 1.2, it then sends the alert handshake_failure (RFC 5246, section 7.4.6). It also sends
    that if there is no cipher in common, but before it has chosen one.
    """
    refused = error.problem is TlsProblem.ALERT and error.detail == "handshake failure"
    return refused and tls.cipher() is not None


class _Wrapper:
    """Does what `trio.SSLStream` asks of a context, and keeps the buffer of what is to be sent.

    Args:
        context: as it was made by the caller.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.outgoing: ssl.MemoryBIO
        self.tls: ssl.SSLObject

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any
    ) -> ssl.SSLObject:
        self.outgoing = outgoing
        self.tls = self._context.wrap_bio(incoming, outgoing, **options)
        return self.tls
