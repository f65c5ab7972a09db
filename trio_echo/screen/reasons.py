"""Why something failed, in the user's language: errors, refused clients, workers that died."""

from __future__ import annotations

import errno
import signal
import socket
import sys
from typing import TYPE_CHECKING

from trio_echo.errors import (
    NO_ANSWER,
    SocketCallError,
    TlsError,
    WorkerError,
    ZoneMissingError,
)
from trio_echo.events import Refusal
from trio_echo.exact import IncompleteReceiveError
from trio_echo.messages import N_

from .text import safe

if TYPE_CHECKING:
    from gettext import NullTranslations


# POSIX's own words, shown on every system.
_REASONS = {
    errno.EACCES: N_("Permission denied"),
    errno.EADDRINUSE: N_("Address already in use"),
    errno.EADDRNOTAVAIL: N_("Cannot assign requested address"),
    errno.EAFNOSUPPORT: N_("Address family not supported by protocol"),
    errno.ECONNABORTED: N_("Software caused connection abort"),
    errno.ECONNREFUSED: N_("Connection refused"),
    errno.ECONNRESET: N_("Connection reset by peer"),
    errno.EHOSTUNREACH: N_("No route to host"),
    errno.EISDIR: N_("Is a directory"),
    errno.EMFILE: N_("Too many open files"),
    errno.ENETUNREACH: N_("Network is unreachable"),
    errno.ENFILE: N_("Too many open files in system"),
    errno.ENOBUFS: N_("No buffer space available"),
    errno.ENOENT: N_("No such file or directory"),
    errno.ENOTDIR: N_("Not a directory"),
    errno.EPIPE: N_("Broken pipe"),
    errno.ETIMEDOUT: N_("Connection timed out"),
}
_REFUSALS = {
    Refusal.NETWORK: N_("its address is not allowed"),
    Refusal.TOO_MANY: N_("too many clients of its address"),
}
_NO_ADDRESS = N_("The host has no address of that family")
_LOOKUP_REASONS = {
    getattr(socket, name): message
    for name, message in (
        ("EAI_ADDRFAMILY", _NO_ADDRESS),  # some systems lack some of these
        ("EAI_NODATA", _NO_ADDRESS),
        ("EAI_FAMILY", _NO_ADDRESS),
        ("EAI_AGAIN", N_("Temporary failure in name resolution")),
        ("EAI_NONAME", N_("No such host is known")),
    )
    if hasattr(socket, name)
}
if sys.platform == "win32":
    _LOOKUP_REASONS[11004] = _NO_ADDRESS  # WSANO_DATA; Python has no name for it


class Reasons:
    """Says why something failed. No text from outside stays unsafe for a terminal.

    Args:
        translations: the language, from `language.translations`.
    """

    def __init__(self, translations: NullTranslations) -> None:
        self._ = translations.gettext

    def describe(self, error: Exception) -> str:
        """Describe in one line which call failed, why, and on what."""
        if isinstance(error, IncompleteReceiveError):
            text = self._("[recv()] connection closed after {received} of {expected} bytes")
            return text.format(received=len(error.partial), expected=error.expected)
        if isinstance(error, ZoneMissingError):
            text = self._("[{call}] a link-local address needs a zone, such as {example}: {host}")
            host, example = safe(error.where or ""), safe(error.example)
            return text.format(call=error.call, example=example, host=host)
        if isinstance(error, SocketCallError):
            where = "" if error.where is None else f": {safe(error.where)}"
            return self.of_call(error) + where
        if isinstance(error, WorkerError):
            text = self._("[TCP server] worker {number} did not start: {cause}")
            return text.format(number=error.number, cause=self.of_end(error.status))
        # The network never causes these: it is a bug, shown with the exception's name.
        return self._("internal error: {error}").format(error=safe(repr(error)))

    def of_call(self, error: SocketCallError) -> str:
        """Say which call failed, and why, but not on what."""
        return f"[{error.call}] {self._reason(error)}"

    def of_client(self, error: Exception) -> str:
        """Say why the connection to a client failed."""
        text = "{error}"
        if isinstance(error, SocketCallError) and error.errno in NO_ANSWER:
            text = self._("{error} (the client no longer answers)")
        return text.format(error=self.describe(error))

    def of_end(self, cause: int | SocketCallError | None) -> str:
        """Say why a worker's process ended (see `WorkerDied.cause`)."""
        if cause is None:
            return self._("no answer")
        if isinstance(cause, SocketCallError):
            return self.describe(cause)
        try:
            return signal.Signals(-cause).name
        except ValueError:  # it exited by itself, or by a signal without a name
            return self._("exit status {status}").format(status=cause)

    def of_refusal(self, refusal: Refusal) -> str:
        """Say why a client was refused."""
        return self._(_REFUSALS[refusal])

    def _reason(self, error: SocketCallError) -> str:
        if isinstance(error, TlsError):
            return self._(error.problem.value).format(detail=safe(error.detail))
        by_number = _LOOKUP_REASONS if isinstance(error.reason, socket.gaierror) else _REASONS
        message = by_number.get(error.errno or 0)
        return safe(error.strerror or "") if message is None else self._(message)
