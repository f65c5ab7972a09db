"""TLS over a Trio stream: `trio.SSLStream`, and what it leaves out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

import trio

from .errors import HANDSHAKE, TlsError, naming

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
    except TlsError:
        if alert := wrapper.outgoing.read():
            with suppress(trio.BrokenResourceError):
                await transport.send_all(alert)
        raise
    return stream


class _Wrapper:
    """Does what `trio.SSLStream` asks of a context, and keeps the buffer of what is to be sent.

    Args:
        context: as it was made by the caller.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.outgoing: ssl.MemoryBIO

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, **options: Any
    ) -> ssl.SSLObject:
        self.outgoing = outgoing
        return self._context.wrap_bio(incoming, outgoing, **options)
