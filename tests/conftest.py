"""Fixtures of all tests."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings
from support import ipv6

import trio_echo.server
from trio_echo import cli, lan

if TYPE_CHECKING:
    from support import CommandLine

# A busy machine can break any limit of time.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

LOOPBACKS = [
    "127.0.0.1",
    pytest.param("::1", marks=ipv6),
]
WAYS = [
    pytest.param(
        "reactor", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux has epoll")
    ),
    "portable",
]

# The signals that a command receives, and ignores as it ends.
_RECEIVED = [signal.SIGINT, signal.SIGTERM]
if sys.platform != "win32":
    _RECEIVED.append(signal.SIGHUP)


@pytest.fixture(autouse=True, scope="session")
def _signals_are_received() -> None:
    """A shell starts background jobs with SIGINT ignored, and nohup with SIGHUP ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32":
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(params=LOOPBACKS)
def host(request: pytest.FixtureRequest) -> str:
    """The loopback address of each family."""
    return str(request.param)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of echoing that a server has on this system."""
    if request.param == "portable":
        monkeypatch.setattr(trio_echo.server, "open_reactor", nullcontext)
    return str(request.param)


@pytest.fixture(scope="session")
def hosts_allowed() -> None:
    """Skip the test if this system does not allow the hosts of `trio_echo.lan`.

    With `TRIO_ECHO_REQUIRE=lan` in the environment, as CI sets it, the test fails instead.
    """
    reason = lan.why_not()
    if reason is not None:
        if os.environ.get("TRIO_ECHO_REQUIRE") == "lan":
            pytest.fail(f"TRIO_ECHO_REQUIRE=lan, but {reason}", pytrace=False)
        pytest.skip(reason)


@pytest.fixture
def command_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """Run a command within this process, in English; returns exit status, output and errors.

    Use it for commands that end by themselves: a new process takes a hundred times as long.
    """
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("LANGUAGE", raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        handlers = {one: signal.getsignal(one) for one in _RECEIVED}
        try:
            with pytest.raises(SystemExit) as ended:
                cli.main(arguments)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


def pytest_collection_finish() -> None:
    """Take what lives to the end out of the garbage collector's rounds.

    These are thousands of tests and their modules. A full round would visit all of them, and
    many tests and exercises collect. Garbage that a test makes is still found.
    """
    gc.collect()
    gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep long texts out of the ids, as pytest 9 does.

    One with the date in it would differ between two of xdist's processes, which then stop.
    """
    return argname if isinstance(val, str | bytes) and len(val) > 100 else None
