from __future__ import annotations

import errno
import pickle
import socket

import pytest
import trio

from trio_echo import SocketCallError
from trio_echo.errors import ZoneMissingError, naming, strerror, ungrouped

RESET = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")


def broken(message: str, cause: BaseException | None) -> trio.BrokenResourceError:
    error = trio.BrokenResourceError(message)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("127.0.0.1:9000", "[bind()] Address already in use: 127.0.0.1:9000"),
        (None, "[bind()] Address already in use"),
    ],
)
def test_it_reads_like_the_lectures_err_quit(where: str | None, text: str) -> None:
    reason = OSError(errno.EADDRINUSE, "Address already in use")
    assert str(SocketCallError("bind()", reason, where)) == text


def test_it_carries_the_systems_error_and_is_one() -> None:
    error = SocketCallError("recv()", RESET, "[::1]:9000")
    assert (error.call, error.reason, error.where) == ("recv()", RESET, "[::1]:9000")
    assert (error.errno, error.strerror) == (errno.ECONNRESET, "Connection reset by peer")
    assert isinstance(error, OSError)


def test_an_error_without_a_number_keeps_its_words() -> None:
    error = SocketCallError("connect()", OSError("all attempts failed"))
    assert (error.errno, error.strerror) == (None, "all attempts failed")


@pytest.mark.parametrize("reason", [RESET, socket.gaierror(socket.EAI_NONAME, "unknown")])
@pytest.mark.parametrize("where", [None, "localhost"])
def test_it_survives_pickling(reason: OSError, where: str | None) -> None:
    error = SocketCallError("getaddrinfo()", reason, where)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert type(copy) is SocketCallError
    assert str(copy) == str(error)
    assert (copy.call, copy.errno, copy.where) == (error.call, error.errno, error.where)
    assert (type(copy.reason), copy.reason.args) == (type(reason), reason.args)


def test_a_missing_zone_survives_pickling() -> None:
    error = ZoneMissingError("fe80::1", "fe80::1%eth0")
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  our own
    assert type(copy) is ZoneMissingError
    assert (str(copy), copy.where, copy.example) == (str(error), "fe80::1", "fe80::1%eth0")


def test_the_systems_error_is_taken_unchanged() -> None:
    error = SocketCallError.wrap("recv()", RESET, "here")
    assert (error.call, error.reason, error.where) == ("recv()", RESET, "here")


def test_the_systems_error_is_found_behind_a_broken_stream() -> None:
    assert SocketCallError.wrap("send()", broken("lost", RESET)).reason is RESET


@pytest.mark.parametrize("cause", [None, ValueError("no error of the system")])
@pytest.mark.parametrize(
    ("message", "shown"), [("peer is gone", "peer is gone"), ("", "connection lost")]
)
def test_the_words_of_a_stream_in_memory_are_kept(
    cause: Exception | None, message: str, shown: str
) -> None:
    error = SocketCallError.wrap("recv()", broken(message, cause))
    assert (error.errno, error.strerror) == (errno.ECONNABORTED, shown)


@pytest.mark.parametrize(
    ("number", "call"),
    [
        (errno.EAFNOSUPPORT, "socket()"),
        (errno.EPROTONOSUPPORT, "socket()"),
        (errno.EMFILE, "socket()"),
        (errno.EADDRINUSE, "bind()"),
        (errno.EACCES, "bind()"),
    ],
)
def test_the_number_shows_which_call_of_opening_a_socket_failed(number: int, call: str) -> None:
    error = SocketCallError.wrap("bind()", OSError(number, "no"), "127.0.0.1:9000")
    assert (error.call, error.errno, error.where) == (call, number, "127.0.0.1:9000")


@pytest.mark.parametrize("raised", [RESET, broken("lost", RESET)], ids=["socket", "stream"])
def test_a_block_names_the_call_it_makes(raised: Exception) -> None:
    with pytest.raises(SocketCallError) as caught, naming("recv()", "here"):
        raise raised
    error = caught.value
    assert (error.call, error.reason, error.where) == ("recv()", RESET, "here")
    assert error.__cause__ is raised


@pytest.mark.parametrize("raised", [SocketCallError("bind()", RESET), ValueError("a bug")], ids=str)
def test_named_errors_and_bugs_pass_unchanged(raised: Exception) -> None:
    with pytest.raises(type(raised)) as caught, naming("recv()"):
        raise raised
    assert caught.value is raised
    assert raised.__cause__ is None


@pytest.mark.parametrize("name", ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "EMFILE", "ENOENT"])
def test_each_error_of_the_system_has_words(name: str) -> None:
    words = strerror(getattr(errno, name))
    assert "unknown" not in words.lower()
    assert not words.endswith(".")  # they are part of a line


FIRST, SECOND = ValueError("first"), KeyError("second")


@pytest.mark.parametrize(
    "raised",
    [
        FIRST,
        ExceptionGroup("one", [FIRST]),
        ExceptionGroup("nested", [ExceptionGroup("deeper", [FIRST])]),
        ExceptionGroup("several", [FIRST, SECOND]),
        ExceptionGroup("several, nested", [ExceptionGroup("deeper", [FIRST, SECOND]), SECOND]),
    ],
    ids=str,
)
def test_the_first_exception_of_these_kinds_leaves_its_groups(raised: Exception) -> None:
    with pytest.raises(ValueError, match="first") as caught, ungrouped(ValueError, LookupError):
        raise raised
    assert caught.value is FIRST


@pytest.mark.parametrize(
    "group",
    [
        ExceptionGroup("another kind only", [SECOND]),
        ExceptionGroup("mixed", [FIRST, SECOND]),
        ExceptionGroup("mixed, nested", [FIRST, ExceptionGroup("deeper", [FIRST, SECOND])]),
        BaseExceptionGroup("interrupted", [FIRST, KeyboardInterrupt()]),
    ],
    ids=str,
)
def test_a_group_with_another_kind_passes_unchanged(group: BaseException) -> None:
    with pytest.raises(BaseExceptionGroup) as caught, ungrouped(ValueError):
        raise group
    assert caught.value is group


async def test_an_error_from_a_nursery_keeps_its_cause() -> None:
    async def fail() -> None:
        raise SocketCallError("recv()", RESET) from RESET

    with pytest.raises(SocketCallError) as caught, ungrouped(SocketCallError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
    assert caught.value.__cause__ is RESET


async def test_a_cancellation_does_not_hide_an_error() -> None:
    async def fail_while_cancelled() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            raise FIRST

    with trio.CancelScope() as scope:
        with pytest.raises(ValueError, match="first"), ungrouped(ValueError):
            await fail_while_cancelled()
        await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught


async def test_a_group_of_cancellations_passes() -> None:
    with trio.CancelScope() as scope, ungrouped(ValueError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
    assert scope.cancelled_caught
