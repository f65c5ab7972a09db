"""`python -m trio_echo bench`."""

from __future__ import annotations

import csv
import errno
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from support import PATIENCE, Process, RawServer, has_ipv6, receive_all, without_module

from trio_echo import BackgroundServer, Faults
from trio_echo.errors import strerror
from trio_echo.measure import files

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = ("--rounds", "1", "--messages", "60", "--warm-up", "0", "--connections", "3")
unshare = pytest.mark.skipif(
    shutil.which("unshare") is None or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="network namespaces take Linux and root",
)
ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this system has no IPv6 loopback")


def receive_all_quietly(sock: socket.socket) -> None:
    receive_all(sock)


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
    assert status == 0
    assert all(line.startswith("round ") for line in err.splitlines())  # a slow machine's
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


def test_a_sweep_names_connections_and_sizes() -> None:
    with BackgroundServer() as server:
        targets = [str(server.addresses[0])] * 2
        load = ("--rounds", "1", "--messages", "20", "--warm-up", "0")
        status, out, _ = run(*targets, *load, "--connections", "1..2", "--size", "8,16")
    assert status == 0
    for which in ("1 x 8 B", "1 x 16 B", "2 x 8 B", "2 x 16 B"):
        assert f", {which}: " in out
        assert out.count(f"\n{which}: ") == 2


def test_the_page_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "page.svg"
    status, out, _ = run("--serve", *SHORT, "--plot", str(picture))
    assert status == 0
    assert " messages/s" in out
    assert "<svg" in picture.read_text("utf-8")


def test_without_matplotlib_nothing_is_measured(tmp_path: Path) -> None:
    env = without_module("matplotlib", tmp_path)
    picture = tmp_path / "page.png"
    with Process("bench", "localhost:1", "--plot", str(picture), env=env) as command:
        assert command.wait() == 1
    assert command.out.text == ""
    assert command.err.text.startswith("trio-echo bench: plots need matplotlib: ")
    assert len(command.err.seen) == 1


def test_a_character_that_the_screen_lacks_is_an_escape() -> None:
    with (
        BackgroundServer() as server,
        Process(
            "bench", str(server.addresses[0]), *SHORT, env={"PYTHONIOENCODING": "cp949"}
        ) as command,
    ):
        assert command.wait() == 0
    assert re.search(r"round trip p50 [\d,.]+ \\xb5s", command.out.text)


def test_a_server_that_is_silent_does_not_hold_it_up() -> None:
    with RawServer(receive_all_quietly) as address:
        load = ("--rounds", "1", "--messages", "5", "--connections", "1", "--timeout", "0.3")
        status, out, _ = run(address, *load)
    assert status == 1
    assert "failed: 1 x no echo for 0.3 s\n" in out
    assert out.endswith("partial: it ended before its time\n")


def servers_of(parent: psutil.Process) -> Iterator[psutil.Process]:
    """The servers it has started; it starts other processes too, as it imports something."""
    for one in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if "serve" in one.cmdline():
                yield one


def test_ctrl_c_while_its_server_starts_leaves_nothing() -> None:
    with Process("bench", "--serve") as command:
        parent = psutil.Process(command.popen.pid)
        deadline = time.monotonic() + PATIENCE
        while not (started := list(servers_of(parent))):
            assert time.monotonic() < deadline
        assert command.stop() == 1
    assert command.out.text == "partial: it ended before its first round did\n"
    assert command.err.text == ""
    assert not any(one.is_running() for one in started)


ZONE = """
import fcntl, socket, struct, subprocess, sys

# Of a new network namespace: its loopback interface comes up, with a link-local address.
index = socket.if_nametoindex("lo")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
    fcntl.ioctl(sock, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS
with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
    address = socket.inet_pton(socket.AF_INET6, "fe80::1")
    fcntl.ioctl(sock, 0x8916, address + struct.pack("Ii", 64, index))  # SIOCSIFADDR
words = [sys.executable, "-m", "trio_echo"]
serve = [*words, "serve", "--host", "fe80::1%lo", "--port", "9000", "--quiet"]
with subprocess.Popen(serve, stdout=subprocess.PIPE) as server:
    server.stdout.readline()
    for target in ("[fe80::1%lo]:9000", f"[fe80::1%{index}]:9000"):
        subprocess.run([*words, "bench", target, *sys.argv[1:]], check=True)
    server.terminate()
"""


@ipv6
@unshare
def test_a_target_may_have_a_zone() -> None:
    command = ["unshare", "-n", sys.executable, "-c", ZONE, *SHORT]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "SIOCSIFADDR" in ran.stderr:
        pytest.skip("this kernel gives the loopback interface no link-local address")
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"(IPv6, 3 x 64 B: [\d,]+ messages/s.*\n){2}", ran.stdout)


@unshare
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
    assert f"failed: 3 x recv(): {strerror(errno.ECONNRESET)}\n" in out


def test_a_target_that_refuses_is_said() -> None:
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        status, out, _ = run(f"127.0.0.1:{placeholder.getsockname()[1]}", *SHORT)
    assert status == 1
    assert "nothing came back\n" in out
    assert f"failed: 3 x connect(): {strerror(errno.ECONNREFUSED)}\n" in out


@pytest.mark.slow  # five seconds go by before it says how far it is
def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    with BackgroundServer() as server:
        load = ("--rounds", "1000", "--duration", "0.1", "--warm-up", "0")
        with Process("bench", str(server.addresses[0]), *load, "--output", str(output)) as command:
            command.err.expect(r"^round \d+ of 1000")
            command.interrupt()
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
        (("localhost:1", "--connections", "0"), "is no number of connections"),
        (("localhost:1", "--connections", "4..1"), "is no range"),
        (("localhost:1", "--timeout", "0"), "must be more than 0"),
        (("localhost:1", "--plot", "page.gif"), "does not end in .png, .svg, .pdf"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments: tuple[str, ...], words: str) -> None:
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert words in err


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows' select() has so low a limit")
def test_more_connections_than_a_process_can_have_are_refused() -> None:
    status, out, err = run("localhost:1", "--connections", "2,1023", "--processes", "2")
    assert (status, out) == (2, "")
    assert "511 connections a process" in err
    with BackgroundServer() as server:
        load = ("--connections", "511", "--messages", "511", "--rounds", "1", "--warm-up", "0")
        status, out, err = run(str(server.addresses[0]), *load)
    assert (status, err) == (0, "")


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


def test_a_target_that_never_echoes_is_no_success() -> None:
    with RawServer(receive_all_quietly) as address:
        status, out, _ = run(address, "--rounds", "1", "--duration", "0.2", "--connections", "1")
    assert status == 1
    assert "nothing came back" in out


def test_what_an_open_loop_got_no_echo_of_is_said() -> None:
    load = ("--rounds", "1", "--duration", "0.2", "--warm-up", "0", "--rate", "100")
    with RawServer(receive_all_quietly) as address:
        status, out, _ = run(address, *load, "--connections", "1")
    assert status == 1
    assert "unanswered when its round ended: 20 of 20\n" in out


@pytest.mark.skipif(sys.platform != "linux", reason="it takes /dev/full")
def test_the_files_are_written_though_the_screen_cannot_be(tmp_path: Path) -> None:
    output, sheet = tmp_path / "results.json", tmp_path / "results.csv"
    with BackgroundServer() as server, Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "trio_echo", "bench", str(server.addresses[0]), *SHORT]
        command += ["--output", str(output), "--csv", str(sheet)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert len(files.read(output).rounds) == 1
    assert sheet.exists()


def test_a_file_that_cannot_be_written_does_not_stop_the_others(tmp_path: Path) -> None:
    sheet = tmp_path / "results.csv"
    nowhere = tmp_path / "nowhere" / "results.json"
    with BackgroundServer() as server:
        kept = ("--output", str(nowhere), "--csv", str(sheet))
        status, out, err = run(str(server.addresses[0]), *SHORT, *kept)
    assert status == 1
    assert "messages/s" in out
    assert err.count("\n") == 1
    assert sheet.exists()
