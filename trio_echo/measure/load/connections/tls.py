"""TLS for the connections of a load."""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

import msgspec
from msgspec import structs

from trio_echo.client_tls import client_context, server_name_of

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from .opening import Secure

# The most bytes of a record (RFC 8446, section 5.1). A receive of so many takes all of a record,
# and OpenSSL reads no further. So it never holds bytes that the poller does not report.
_RECORD = 16384
_WANTS = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Tls(msgspec.Struct, frozen=True):
    """How a load uses TLS.

    Attributes:
        server_name: what the server's certificate must be for; `None` for the server's host.
        ca: the file with the authorities to trust; `None` for those of the system.
        cert: the file with the load's own certificate, if it has one.
        key: the file with its key.
    """

    server_name: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def of(self, host: str) -> Tls:
        """Return this with the name of a server, if it has none."""
        return structs.replace(self, server_name=self.server_name or server_name_of(host))

    def context(self) -> ssl.SSLContext:
        """Make the context of its connections."""
        return client_context(ca=self.ca, cert=self.cert, key=self.key)

    def secure(self) -> Secure:
        """Return what puts TLS on a connected socket; its handshake is still to be made."""
        context = self.context()
        context.sslsocket_class = LoadSocket
        wrap = partial(
            context.wrap_socket, server_hostname=self.server_name, do_handshake_on_connect=False
        )
        return cast("Secure", wrap)


def described(sock: socket.socket) -> str | None:
    """Name the version and the cipher that a socket uses; `None` if it has no TLS."""
    if not isinstance(sock, ssl.SSLSocket):
        return None
    cipher = sock.cipher()
    return f"{sock.version()} {cipher[0] if cipher else ''}"


class LoadSocket(ssl.SSLSocket):
    """A socket with TLS that does not block, and then behaves like one without TLS.

    A send that was refused must be repeated with the same bytes: OpenSSL may have sent a part of
    the first record.
    """

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        """Receive a record, and those that follow a full one, as far as they have arrived.

        Raises:
            BlockingIOError: there is none.
        """
        del nbytes, flags  # the buffer is larger than a record
        view = memoryview(buffer)
        received = 0
        try:
            received = latest = super().recv_into(view, _RECORD)
            while latest == _RECORD and len(view) - received >= _RECORD:
                latest = super().recv_into(view[received:], _RECORD)
                received += latest
        except _WANTS:
            if not received:
                raise BlockingIOError from None
        except ssl.SSLZeroReturnError:  # the peer has ended, and so has this side
            pass
        return received

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """Send whole records while the kernel has room; returns how many bytes they hold.

        Raises:
            BlockingIOError: it has no room.
        """
        view = memoryview(data)
        sent = 0
        try:
            while sent < len(view):
                sent += super().send(view[sent : sent + _RECORD], flags)
        except _WANTS:
            if not sent:
                raise BlockingIOError from None
        return sent

    def end(self) -> None:
        """End this side, if the kernel has room for close_notify; the peer may still send.

        Raises:
            OSError: the connection has broken.
        """
        self._notify()
        socket.socket.shutdown(self, socket.SHUT_WR)  # that of an SSLSocket forgets TLS

    def close(self) -> None:
        """Send close_notify if the kernel has room, and close."""
        self._notify()
        super().close()

    def _notify(self) -> None:
        with suppress(OSError, ValueError):  # it has broken, or TLS has ended on it
            self.unwrap()
