"""Trying a call, and its outcome."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest
import trio

from trio_echo.errors import strerror
from trio_echo.observe.experiments.attempt import attempt


async def test_a_calls_result_is_shown_awaited_or_not() -> None:
    with trio.socket.socket() as sock:
        bound = await attempt(sock.bind, ("127.0.0.1", 0))
        assert str(bound) == "bind() worked"
        assert sock.getsockname()[1] != 0
        name = await attempt(sock.getsockname)
        assert name.result == sock.getsockname()
        assert repr(name) == f"getsockname() returned {sock.getsockname()!r}"


async def test_a_systems_error_is_shown_with_its_name_in_c() -> None:
    with trio.socket.socket() as sock:
        outcome = await attempt(sock.bind, ("192.0.2.1", 0))
    assert isinstance(outcome.error, OSError)
    assert outcome.error.errno == errno.EADDRNOTAVAIL
    assert str(outcome).startswith(
        f"bind() raised OSError ({errno.errorcode[errno.EADDRNOTAVAIL]}): "
    )
    assert "[Errno" not in str(outcome)


async def test_an_error_that_is_not_the_systems_is_shown_by_its_type() -> None:
    with trio.socket.socket() as sock:
        outcome = await attempt(sock.bind, ("127.0.0.1", 70000))
    assert str(outcome).startswith("bind() raised OverflowError: ")

    def look_up() -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    assert str(await attempt(look_up)) == "look_up() raised gaierror: no such name"


async def test_an_error_of_tls_has_no_name_in_c_and_an_error_without_words_only_its_type() -> None:
    async def receive_some() -> None:
        raise trio.BrokenResourceError from ssl.SSLEOFError(errno.ENOEXEC, "EOF occurred")

    assert str(await attempt(receive_some)).splitlines() == [
        "receive_some() raised BrokenResourceError",
        "    because of SSLEOFError: EOF occurred",
    ]


async def test_an_errors_cause_has_its_own_line() -> None:
    async def receive_some() -> None:
        reset = ConnectionResetError(errno.ECONNRESET, "what Trio was doing: reset")
        raise trio.BrokenResourceError("broken\x1b[2J") from reset

    assert str(await attempt(receive_some)).splitlines() == [
        "receive_some() raised BrokenResourceError: broken\\x1b[2J",
        f"    because of ConnectionResetError ({errno.errorcode[errno.ECONNRESET]}): "
        f"{strerror(errno.ECONNRESET)}",
    ]


async def test_a_cancellation_is_not_an_outcome() -> None:
    with trio.move_on_after(0) as limit:
        await attempt(trio.sleep_forever)
        pytest.fail("it returned")
    assert limit.cancelled_caught
