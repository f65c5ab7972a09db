"""A server under hostile clients while its surroundings fail: its screen, and its clock."""

from __future__ import annotations

import itertools
import json
import os
import random
import re
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import hostile
import psutil
import pytest
import trio
from support import PATIENCE, Process

from trio_echo import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform != "linux":
    pytest.skip("it needs /proc and Linux's pipes", allow_module_level=True)

pytestmark = pytest.mark.slow


async def listening(server: Process) -> Endpoint:
    """Wait until it listens, without its screen; returns where, on IPv4."""
    with trio.fail_after(PATIENCE):
        while True:
            for one in psutil.Process(server.popen.pid).net_connections("tcp4"):
                if one.status == psutil.CONN_LISTEN:
                    return Endpoint(*one.laddr)
            assert server.popen.poll() is None, server.err.text
            await trio.sleep(0.05)  # another process has no event for it


def survive(server: Process, disturb: Callable[[], object] = lambda: None) -> None:
    """Let 40 clients come, and a disturbance every now and then; nobody must notice."""
    seed = random.getrandbits(32)
    tally = hostile.Tally()

    async def disturb_often() -> None:
        while True:
            disturb()
            await trio.sleep(0.1)

    async def run() -> None:
        endpoint = await listening(server)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(disturb_often)
            await hostile.attack(endpoint, tally, seed=seed, tasks=5, clients=40)
            nursery.cancel_scope.cancel()

    trio.run(run)
    assert (tally.wrong, tally.cut) == ([], 0), f"seed {seed}"
    assert tally.checked, f"seed {seed}"


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_a_server_that_was_started_without_a_screen(closed: str) -> None:
    prefix = ("sh", "-c", f'exec "$@" {closed}', "sh")
    with Process("serve", "--port", "0", prefix=prefix) as server:
        survive(server)
        standard = [Path(f"/proc/{server.popen.pid}/fd/{number}") for number in range(3)]
        # A socket there would get what libraries write to standard error.
        assert not [one for one in map(os.readlink, standard) if one.startswith("socket:")]
        assert server.stop() == 0
        # It drops lines that come too fast, also for a screen that is not there.
        assert re.fullmatch(r"(\[TCP server\] [\d,]+ lines? not shown\n)?", server.err.text)


def test_a_server_whose_screen_is_on_a_full_disk() -> None:
    disk = Path("/dev/full")
    with disk.open("wb") as full, Process("serve", "--port", "0", stdout=full) as server:
        survive(server)
        assert server.stop() == 0
        assert re.fullmatch(
            r"\[write\(\)\] No space left on device\n\[TCP server\] [\d,]+ lines? not shown\n",
            server.err.text,
        )


def test_a_server_whose_screen_nobody_reads() -> None:
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb"), os.fdopen(writer, "wb") as screen:
        fill(screen)
        with Process("serve", "--port", "0", stdout=screen) as server:
            survive(server)
            assert server.stop() == 0
            assert re.fullmatch(r"\[TCP server\] [\d,]+ lines? not shown\n", server.err.text)


def fill(pipe: BinaryIO) -> None:
    os.set_blocking(pipe.fileno(), False)
    try:
        while True:
            os.write(pipe.fileno(), bytes(4096))
    except BlockingIOError:
        os.set_blocking(pipe.fileno(), True)


def test_a_server_whose_wall_clock_jumps_by_ten_years(tmp_path: Path) -> None:
    libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not libraries:
        pytest.skip("libfaketime is not here")
    clock, next_clock = tmp_path / "clock", tmp_path / "next"

    def set_clock(offset: str) -> None:
        next_clock.write_text(offset)
        next_clock.replace(clock)  # the server never reads half of it

    set_clock("+0")
    faked = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    jumps = itertools.cycle(("+3650d", "-3650d", "+0"))
    words = ("serve", "--port", "0", "--log-format", "json", "--idle-timeout", "600")
    with Process(*words, env=faked) as server:
        endpoint = trio.run(listening, server)
        set_clock("+3650d")
        with socket.create_connection(endpoint, PATIENCE) as patient:
            server.out.expect("client_connected")
            survive(server, lambda: set_clock(next(jumps)))
            set_clock("-3650d")
            patient.sendall(b"still here")
            assert patient.recv(100) == b"still here"
        assert server.stop() == 0
    # If the last lines do not fit into the pipe in time, one is cut, and standard error says so.
    whole = [line for line in server.out.seen if line.endswith("\n")]
    assert len(whole) == len(server.out.seen) or "lines_missing" in server.err.text
    years = {json.loads(line)["time"][:4] for line in whole}
    assert int(max(years)) - int(min(years)) >= 10
