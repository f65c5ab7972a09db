"""A failed socket call as a typed exception: which call, on what, and why."""

from __future__ import annotations

import errno
import os
import ssl
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from .tls_problems import TlsProblem, problem_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

HANDSHAKE = "do_handshake()"
"""The call that begins TLS, as in Python's `ssl`."""

# Windows' socket errors begin here.
_WINSOCK = 10_000

# What `socket()` refuses. Trio opens a socket and binds or connects it in one call; the error's
# number shows which of the two failed.
_OPENING = ("bind()", "connect()")
_SOCKET_ERRNOS = {
    errno.EAFNOSUPPORT,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOBUFS,
    errno.ENOMEM,
    errno.EPROTONOSUPPORT,
}


def strerror(number: int) -> str:
    """Return the system's words for an error number, also for a socket's on Windows.

    Those are Winsock's numbers, from 10000 on. `os.strerror` asks the C library, which does not
    know them.
    """
    if sys.platform == "win32" and number >= _WINSOCK:
        import ctypes

        return ctypes.FormatError(number).rstrip(".")
    return os.strerror(number)


class SocketCallError(OSError):
    """A socket call failed.

    Attributes:
        call: the call as the lecture writes it: `"bind()"`, `"connect()"`, `"recv()"`, …
        reason: the operating system's error (`socket.gaierror` if a name was not found). `errno`
            and `strerror` come from it.
        where: what the call was made on, such as `"127.0.0.1:9000"`, or `None`.
    """

    def __init__(self, call: str, reason: OSError, where: str | None = None) -> None:
        super().__init__(reason.errno, reason.strerror or str(reason))
        self.call = call
        self.reason = reason
        self.where = where

    def __str__(self) -> str:
        place = "" if self.where is None else f": {self.where}"
        return f"[{self.call}] {self.strerror}{place}"

    def __reduce__(self) -> tuple[type[SocketCallError], tuple[object, ...]]:
        return type(self), (self.call, self.reason, self.where)

    @classmethod
    def wrap(cls, call: str, exc: Exception, where: str | None = None) -> SocketCallError:
        """Name the call that raised `exc`.

        Trio's `BrokenResourceError` has the system's error as its cause. A stream in memory has no
        such cause, so the words of `exc` are used. An error of TLS becomes a `TlsError`.

        Args:
            call: if this is `bind()` or `connect()`, and the number one of `socket()`'s, the
                error is named `socket()`.
            exc: an `OSError` or a `trio.BrokenResourceError`.
            where: as in `SocketCallError`.
        """
        reason = exc if isinstance(exc, OSError) else exc.__cause__
        if isinstance(reason, ssl.SSLError):
            return TlsError(call, *problem_of(reason, handshake=call == HANDSHAKE), where)
        if not isinstance(reason, OSError):
            reason = OSError(errno.ECONNABORTED, str(exc) or "connection lost")
        elif reason is not exc:
            # Trio's streams use a @contextmanager. From Python 3.12 on, the traceback of an
            # exception that one of these replaces is a cycle (cpython #129280). `exc` has the
            # same frames in its own traceback.
            reason.__traceback__ = None
        if call in _OPENING and reason.errno in _SOCKET_ERRNOS:
            call = "socket()"
        return cls(call, reason, where)


class naming:  # noqa: N801  a verb, as contextlib.suppress
    """Name the call that a `with` block makes.

    An `OSError` or a `trio.BrokenResourceError` becomes a `SocketCallError`, as `wrap` makes it. A
    `SocketCallError` passes unchanged.

    As a class it costs a fraction of a microsecond, and leaves no cycles (see `wrap`).

    Args:
        call: such as `"recv()"`.
        where: what the call is made on.
    """

    __slots__ = ("_call", "_where")

    def __init__(self, call: str, where: str | None = None) -> None:
        self._call = call
        self._where = where

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(exc, SocketCallError):
            return
        if isinstance(exc, OSError | trio.BrokenResourceError):
            raise SocketCallError.wrap(self._call, exc, self._where) from exc


class ZoneMissingError(SocketCallError):
    """A link-local address lacks its zone, the interface to use (RFC 4007, section 6).

    Attributes:
        example: the address with the zone of an interface, such as `"fe80::1%eth0"`.
    """

    def __init__(self, host: str, example: str) -> None:
        words = f"a link-local address needs a zone, such as {example}"
        super().__init__("getaddrinfo()", OSError(errno.EINVAL, words), host)
        self.example = example

    def __reduce__(self) -> tuple[type[SocketCallError], tuple[object, ...]]:
        return type(self), (self.where, self.example)


class TlsError(SocketCallError):
    """TLS with a peer failed, or a file for it; `__cause__` has the words of OpenSSL.

    Attributes:
        problem: why.
        detail: OpenSSL's reason in a few words, if there is one.
    """

    def __init__(
        self, call: str, problem: TlsProblem, detail: str = "", where: str | None = None
    ) -> None:
        words = problem.value.format(detail=detail)
        super().__init__(call, OSError(errno.EPROTO, words), where)
        self.problem = problem
        self.detail = detail

    def __reduce__(self) -> tuple[type[SocketCallError], tuple[object, ...]]:
        return type(self), (self.call, self.problem, self.detail, self.where)


class WorkerError(Exception):
    """A process of `workers.supervise` ended before it listened.

    Attributes:
        number: which of the workers, from 1.
        status: its exit status, negative for a signal. `None` if it was killed because it did
            not answer.
    """

    def __init__(self, number: int, status: int | None) -> None:
        cause = "no answer" if status is None else f"exit status {status}"
        super().__init__(f"worker {number} did not start: {cause}")
        self.number = number
        self.status = status


@contextmanager
def ungrouped(*kinds: type[Exception]) -> Iterator[None]:
    """Take an exception of these kinds out of the groups that nurseries put it in.

    Several are one broken connection, seen from two tasks: the one of the earliest kind is raised.
    A cancellation among them comes back at the next checkpoint. A group with anything else in it
    is raised unchanged.
    """
    error: BaseException | None = None
    try:
        yield
    except BaseExceptionGroup as group:
        errors, rest = group.split(kinds)
        if errors is None or (rest is not None and rest.split(trio.Cancelled)[1] is not None):
            raise
        error = next(filter(None, map(group.subgroup, kinds)))
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
    if error is not None:
        error.__suppress_context__ = True  # the group
        raise error
