"""TLS on a client's socket, for the reactor: OpenSSL works on buffers in memory.

If OpenSSL works on the socket itself, each record of 16 KiB costs two system calls to receive and
one to send. Here, one call receives four records, and one sends them back.
"""

from __future__ import annotations

import os
import ssl
from contextlib import suppress

# The most that a record carries (RFC 8446, section 5.1), and its size with the usual ciphers.
_RECORD = 16 * 1024
_SEALED = _RECORD + 22
# How many bytes to receive at once.
_TAKE = 4 * _SEALED
# How many records to decrypt before other clients get their turn. A record of one byte takes as
# long as 2 KiB of a full one.
_MANY = 64


class TlsSocket:
    """The server's side of TLS with one client. No call waits.

    What is decrypted is encrypted again at once, to be sent back: after an error, OpenSSL encrypts
    nothing any more.

    Args:
        descriptor: of a connected, non-blocking socket. It is left open.
        context: of the server.

    Attributes:
        ready: whether `receive` has something without the socket, which no system reports: what
            came with the end of the handshake or with many small records, or the end of the stream
            or an error that came with what `receive` has just returned.
        unsent: encrypted bytes that had no room.
    """

    __slots__ = (
        "_covered",
        "_descriptor",
        "_failure",
        "_incoming",
        "_outgoing",
        "_tls",
        "ready",
        "unsent",
    )

    def __init__(self, descriptor: int, context: ssl.SSLContext) -> None:
        self.ready = False
        self._descriptor = descriptor
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._failure: ssl.SSLError | None = None
        self.unsent = b""
        # How many bytes of the client's are in what is unsent.
        self._covered = 0

    def do_handshake(self) -> None:
        """Shake hands, as far as possible now. If it fails, the client learns why.

        Raises:
            ssl.SSLWantReadError: call again when the socket is readable.
            ssl.SSLWantWriteError: call again when it is writable.
            OSError: the handshake failed (`ssl.SSLError`), or the connection broke.
        """
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                try:
                    self._put(os.read(self._descriptor, _TAKE))
                except BlockingIOError:
                    raise ssl.SSLWantReadError from None
            except ssl.SSLError:
                with suppress(OSError):
                    self._flush()
                raise
            else:
                self.ready = self._incoming.pending > 0
                self._flush()
                return

    def receive(self) -> bytes:
        """Receive what has come, up to 80 KiB, and encrypt it for `send_back`.

        Returns:
            At least one byte; none after a close_notify.

        Raises:
            ssl.SSLWantReadError or BlockingIOError: nothing whole has come.
            ssl.SSLWantWriteError: call again when the socket is writable. OpenSSL has answered
                something, such as a KeyUpdate, and there is no room.
            OSError: that was not TLS (`ssl.SSLError`), there was no close_notify
                (`ssl.SSLEOFError`), or the connection broke.
        """
        if self.unsent:
            self._flush()
        try:
            if self.ready:
                return self._without_socket()
            sealed = os.read(self._descriptor, _TAKE)
            if len(sealed) <= _SEALED:
                self._put(sealed)
                data = self._tls.read(_RECORD)
                if not data:
                    return data
                self._tls.write(data)
                self.unsent = self._outgoing.read()
                if self._incoming.pending:
                    data = self._decrypt_all([data], b"")
            else:
                data = self._decrypt_all([], sealed)
        except ssl.SSLWantReadError:
            self._flush()
            raise
        self._covered = len(data)
        return data

    def send_back(self) -> int:
        """Send back what was received, as much as there is room for.

        Returns:
            How many bytes of the client's have been sent with that: all that were received, or none
            if a part has had no room.

        Raises:
            BlockingIOError: there is no room.
            OSError: the connection broke.
        """
        sent = os.write(self._descriptor, self.unsent)
        if sent < len(self.unsent):
            self.unsent = self.unsent[sent:]
            return 0
        self.unsent = b""
        covered, self._covered = self._covered, 0
        return covered

    def unwrap(self) -> None:
        """Send close_notify, or the alert about what made `receive` fail.

        Raises:
            ssl.SSLWantWriteError: call again when the socket is writable.
            OSError: OpenSSL has failed before, or the connection broke.
        """
        try:
            with suppress(ssl.SSLWantReadError):  # the client has not sent its own
                self._tls.unwrap()
        finally:
            self._flush()

    def _put(self, sealed: bytes) -> None:
        """Give OpenSSL what was received; nothing is the end."""
        if sealed:
            self._incoming.write(sealed)
        else:
            self._incoming.write_eof()

    def _decrypt_all(self, pieces: list[bytes], sealed: bytes) -> bytes:
        """Decrypt whole records, at most 64, and encrypt them for `send_back`.

        Args:
            pieces: what was decrypted before.
            sealed: what OpenSSL does not have yet. It gets no more than a full record at once, as
                its buffers never shrink.

        Raises:
            ssl.SSLError: see `receive`. Not if there are bytes to return before.
        """
        view = memoryview(sealed)
        records = [self.unsent]
        try:
            for start in range(0, len(sealed) or 1, _SEALED):
                self._incoming.write(view[start : start + _SEALED])
                with suppress(ssl.SSLWantReadError):
                    while self._incoming.pending:
                        if len(pieces) < _MANY and (piece := self._tls.read(_RECORD)):
                            pieces.append(piece)
                            self._tls.write(piece)
                            records.append(self._outgoing.read())
                        else:
                            self.ready = True
                            break
                if self.ready:
                    self._incoming.write(view[start + _SEALED :])
                    break
        except ssl.SSLError as exc:
            if not pieces:
                raise
            self.ready, self._failure = True, exc.with_traceback(None)  # no cycle
        self.unsent = b"".join(records)
        if not pieces and not self.ready:
            raise ssl.SSLWantReadError
        return b"".join(pieces)

    def _without_socket(self) -> bytes:
        """Return or raise what is here already."""
        self.ready = False
        failure, self._failure = self._failure, None
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # its traceback refers to this frame: no cycle
        data = self._decrypt_all([], b"") if self._incoming.pending else b""
        self._covered = len(data)
        return data

    def _flush(self) -> None:
        """Send what OpenSSL has to say, after what had no room.

        Raises:
            ssl.SSLWantWriteError: there is no room for all of it.
            OSError: the connection broke.
        """
        self.unsent += self._outgoing.read()
        try:
            if self.unsent:
                self.send_back()
        except BlockingIOError:
            pass
        if self.unsent:
            raise ssl.SSLWantWriteError
