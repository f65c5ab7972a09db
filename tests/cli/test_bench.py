"""`python -m trio_echo bench`."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import socket
import sys
from typing import TYPE_CHECKING

import pytest
from support import Process, has_ipv6

from trio_echo import BackgroundServer, Faults
from trio_echo.measure import files

if TYPE_CHECKING:
    from pathlib import Path

SHORT = ("--rounds", "1", "--messages", "60", "--warm-up", "0", "--connections", "3")
ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")


def run(*arguments: str) -> tuple[int, str, str]:
    with Process("bench", *arguments) as command:
        return command.wait(), command.out.text, command.err.text


@ipv6
def test_two_targets_are_compared_and_everything_is_kept(tmp_path: Path) -> None:
    output, sheet = tmp_path / "results.json", tmp_path / "results.csv"
    with BackgroundServer() as server:
        targets = [str(address) for address in server.addresses]
        kept = ("--output", str(output), "--csv", str(sheet))
        status, out, err = run(*targets, *SHORT, "--rounds", "6", *kept)
    assert (status, err) == (0, "")
    number = r"[\d,.]+"
    assert re.search(rf"^IPv4, 3 x 64 B: {number} messages/s \({number} to {number}\)", out)
    assert "round trip p50 " in out
    assert re.search(
        r"^64 B: IPv6 is \d\.\d+ of IPv4 \(\d\.\d+ to \d+\.\d+\): \w+", out, re.MULTILINE
    )
    result = files.read(output)
    assert len(result.rounds) == 12
    assert {one.summary.messages for one in result.rounds} == {60}
    assert [len(one.received) for one in files.read_samples(output)] == [60] * 12
    with sheet.open(newline="", encoding="utf-8") as rows:
        assert len(list(csv.DictReader(rows))) == 12


def test_it_serves_itself() -> None:
    status, out, _ = run("--serve", *SHORT, "--size", "1,1K")
    assert status == 0
    for size in (1, 1024):
        assert f"IPv4, 3 x {size} B: " in out


@pytest.mark.skipif(shutil.which("unshare") is None, reason="only Linux makes network namespaces")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may")
def test_a_family_that_is_missing_is_not_waited_for() -> None:
    # In a new namespace the loopback interface is down: 127.0.0.1 can be bound, ::1 cannot.
    with Process("bench", "--serve", *SHORT, prefix=("unshare", "-n")) as command:
        assert command.wait() == 1
    assert command.out.text.startswith("IPv4, 3 x 64 B: nothing came back\n")
    assert "IPv6" not in command.out.text


def test_a_failure_is_counted_by_kind_and_no_success() -> None:
    with BackgroundServer(faults=Faults(reset_after=100)) as server:
        status, out, _ = run(str(server.addresses[0]), *SHORT)
    assert status == 1
    assert "failed: 3 x recv(): Connection reset by peer\n" in out


def test_a_target_that_refuses_is_said() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        status, out, _ = run(f"127.0.0.1:{placeholder.getsockname()[1]}", *SHORT)
    assert status == 1
    assert "nothing came back\n" in out
    assert "failed: 3 x connect(): Connection refused\n" in out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt one process alone")
def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    with BackgroundServer() as server:
        load = ("--rounds", "1000", "--duration", "0.1", "--warm-up", "0")
        with Process("bench", str(server.addresses[0]), *load, "--output", str(output)) as command:
            command.err.expect(r"^round \d+ of 1000")
            command.popen.send_signal(signal.SIGINT)
            assert command.wait() == 1
    assert command.out.text.endswith("partial: it ended before its time\n")
    result = files.read(output)
    assert result.partial
    assert 0 < len(result.rounds) < 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the targets to measure, or --serve"),
        (("--serve", "localhost:1"), "give the targets to measure, or --serve"),
        (("localhost",), "needs a host and a port"),
        (("localhost:0",), "nobody can be reached on port 0"),
        (("localhost:1", "--size", "0"), "is no message size"),
        (("localhost:1", "--duration", "0"), "duration must be more than 0 seconds"),
        (("localhost:1", "--duration", "1", "--messages", "1"), "give one of them"),
        (("localhost:1", "--rate", "-1"), "rate must be more than 0"),
        (("localhost:1", "--processes", "99"), "need as many connections"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert words in err


def test_a_host_that_is_none_is_one_line() -> None:
    status, _, err = run("no-such-host.invalid:9000", *SHORT)
    assert status == 1
    assert err.startswith("[getaddrinfo()] ")
    assert len(err.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with BackgroundServer() as server:
        output = str(tmp_path / "missing" / "results.json")
        status, out, err = run(str(server.addresses[0]), *SHORT, "--output", output)
    assert status == 1
    assert err.splitlines()[-1].startswith("trio-echo bench: No such file or directory: ")
    assert "3 x 64 B: " in out  # what was measured is not lost
