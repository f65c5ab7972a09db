"""`python -m trio_echo bench`."""

from __future__ import annotations

import csv
import errno
import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import papers
import psutil
import pytest
import runs
from support import (
    PATIENCE,
    Process,
    RawServer,
    hanging_server,
    ipv6,
    receive_all,
    receive_count,
    silent_listener,
    without_module,
)

from trio_echo import BackgroundServer, Faults, lan
from trio_echo.cli.bench.progress import Progress
from trio_echo.errors import strerror
from trio_echo.events import ClientClosed
from trio_echo.lan import keeper
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.plots.conditions import conditions
from trio_echo.measure.results import files
from trio_echo.measure.session import Session

if TYPE_CHECKING:
    from support import CommandLine

SHORT = ("--rounds", "1", "--messages", "60", "--warm-up", "0", "--connections", "3")
unshare = pytest.mark.skipif(
    shutil.which("unshare") is None or not hasattr(os, "geteuid") or os.geteuid() != 0,
    reason="network namespaces take Linux and root",
)


def receive_all_quietly(sock: socket.socket) -> None:
    receive_all(sock)


def lines_of(out: str) -> list[str]:
    """The lines of a report, without remarks on the machine that runs the tests."""
    others = ("the machine was busy", "the load was busy", "the rounds differ")
    return [line for line in out.splitlines() if not line.startswith(others)]


@pytest.mark.slow
@ipv6
def test_two_targets_are_compared_and_everything_is_kept(
    tmp_path: Path, command_line: CommandLine
) -> None:
    output, sheet = tmp_path / "results.json", tmp_path / "results.csv"
    with BackgroundServer() as server:
        targets = [str(address) for address in server.addresses]
        kept = ("--output", str(output), "--csv", str(sheet))
        status, out, err = command_line("bench", *targets, *SHORT, "--rounds", "6", *kept)
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
    assert [len(one.received) for one in files.read_samples(output, result)] == [60] * 12
    with sheet.open(newline="", encoding="utf-8") as rows:
        assert len(list(csv.DictReader(rows))) == 12


def test_it_serves_itself(command_line: CommandLine) -> None:
    status, out, _ = command_line("bench", "--serve", *SHORT, "--size", "1,1K")
    assert status == 0
    for size in ("1 B", "1 KiB"):
        assert f"IPv4, 3 x {size}: " in out


def test_it_serves_itself_over_tls(tmp_path: Path, command_line: CommandLine) -> None:
    output = tmp_path / "results.json"
    kept = ("--output", str(output), "--verify")
    status, out, _ = command_line("bench", "--serve", "--tls", *SHORT, *kept)
    assert status == 0
    (line,) = re.findall(r"^TLS: (.*)$", out, re.MULTILINE)
    result = files.read(output)
    assert {one.tls for one in result.rounds} == {line}
    assert line.startswith("TLSv1.3 ")
    assert f"TLS: {line}" in conditions(result)


def test_its_own_server_needs_no_other_certificate(command_line: CommandLine) -> None:
    status, _, error = command_line("bench", "--serve", "--tls", "--tls-ca", "ca.pem")
    assert status == 2
    assert "--serve makes its own certificate: leave out the others" in error


@pytest.mark.slow
def test_targets_that_are_not_trusted_or_have_no_tls_are_refused_in_one_line(
    command_line: CommandLine,
) -> None:
    context = papers.server_context()
    for secured, words in (
        (context, "the peer's certificate is not signed by a trusted authority"),
        (None, "the peer does not speak TLS"),
    ):
        with BackgroundServer(hosts=["127.0.0.1"], ssl_context=secured) as server:
            target = str(server.addresses[0])
            said = command_line("bench", target, "--tls", *SHORT)
        assert said == (1, "", f"[do_handshake()] {words}: {target}\n")


@pytest.mark.slow
def test_a_sweep_names_connections_and_sizes(command_line: CommandLine) -> None:
    with BackgroundServer() as server:
        targets = [str(server.addresses[0])] * 2
        load = ("--rounds", "1", "--messages", "20", "--warm-up", "0")
        status, out, _ = command_line(
            "bench", *targets, *load, "--connections", "1..2", "--size", "8,16"
        )
    assert status == 0
    for which in ("1 x 8 B", "1 x 16 B", "2 x 8 B", "2 x 16 B"):
        assert f", {which}: " in out
        assert out.count(f"\n{which}: ") == 2


@pytest.mark.slow
def test_the_page_is_drawn(tmp_path: Path, command_line: CommandLine) -> None:
    picture = tmp_path / "page.svg"
    status, out, _ = command_line("bench", "--serve", *SHORT, "--plot", str(picture))
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


@pytest.mark.slow
def test_a_character_that_the_screen_lacks_is_an_escape() -> None:
    with (
        BackgroundServer() as server,
        Process(
            "bench", str(server.addresses[0]), *SHORT, env={"PYTHONIOENCODING": "cp949"}
        ) as command,
    ):
        assert command.wait() == 0
    assert re.search(r"round trip p50 [\d,.]+ (\\xb5s|ms)", command.out.text)


@pytest.mark.slow
def test_a_server_that_is_silent_does_not_hold_it_up(command_line: CommandLine) -> None:
    with RawServer(receive_all_quietly) as address:
        load = ("--rounds", "1", "--messages", "5", "--connections", "1", "--timeout", "0.3")
        status, out, _ = command_line("bench", address, *load)
    assert status == 1
    assert lines_of(out) == ["IPv4, 1 x 64 B: nothing came back", "failed: 1 x no echo for 0.3 s"]


@pytest.mark.slow  # the others have some seconds to answer, also on a busy machine
@pytest.mark.parametrize("asked", [("--duration", "0.3"), ("--messages", "400")])
def test_only_the_connections_that_hang_are_counted(
    asked: tuple[str, ...], tmp_path: Path, command_line: CommandLine
) -> None:
    output = tmp_path / "results.json"
    load = ("--rounds", "2", "--connections", "8", "--timeout", "5", *asked)
    with hanging_server(every=4) as target:
        status, out, _ = command_line("bench", str(target), *load, "--output", str(output))
    assert status == 1
    first, *_, last = lines_of(out)
    assert first.startswith("IPv4, 8 x 64 B: 4 of 16 connections failed; what came back: ")
    assert last == "failed: 4 x no echo for 5 s"
    result = files.read(output)
    assert result.failures == {"no echo for 5 s": 4}
    assert [one.summary.failures for one in result.rounds] == [{"no echo for 5 s": 2}] * 2
    assert not result.partial


def of(parent: psutil.Process) -> list[psutil.Process]:
    """Its server and its load. Imports start other processes too."""
    found = []
    for one in parent.children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            if any("trio_echo." in word for word in one.cmdline()):
                found.append(one)
    return found


@pytest.mark.slow
def test_ctrl_c_while_its_server_starts_leaves_nothing() -> None:
    with Process("bench", "--serve") as command:
        parent = psutil.Process(command.popen.pid)
        deadline = time.monotonic() + PATIENCE
        while not (started := of(parent)):
            assert time.monotonic() < deadline
        assert command.stop() == 1
    assert command.out.text == "partial: the run ended before its first round did\n"
    assert command.err.text == ""
    assert not any(one.is_running() for one in started)


@pytest.mark.slow
def test_its_processes_end_with_it_however_it_dies() -> None:
    with Process("bench", "--serve", "--duration", "1000", "--processes", "2") as command:
        parent = psutil.Process(command.popen.pid)
        deadline = time.monotonic() + PATIENCE
        while len(started := of(parent)) < 3:
            assert time.monotonic() < deadline
        command.popen.kill()
        _, alive = psutil.wait_procs(started, PATIENCE)
    assert not alive


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param("SIGTERM", marks=pytest.mark.slow), "SIGHUP"])
def test_a_signal_keeps_what_was_measured_even_without_a_terminal(
    name: str, tmp_path: Path
) -> None:
    if sys.platform == "win32":
        pytest.skip("it takes a pseudo-terminal")
    output = tmp_path / "results.json"
    ours, its = os.openpty()
    words = [sys.executable, "-m", "trio_echo", "bench", "--serve", "--output", str(output)]
    words += ["--rounds", "1000", "--duration", "0.1"]
    with subprocess.Popen(words, stdin=its, stdout=its, stderr=its) as command:
        os.close(its)
        seen = b""
        while b"round 2 of" not in seen:
            seen += os.read(ours, 4096)
        started = of(psutil.Process(command.pid))
        os.close(ours)
        command.send_signal(signal.Signals[name])
        try:
            assert command.wait(PATIENCE) == 1
        finally:
            command.kill()
    assert files.read(output).rounds
    assert not psutil.wait_procs(started, PATIENCE)[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nohup") is None, reason="there is no nohup here")
def test_nohup_holds() -> None:
    hung_up = threading.Event()

    def echo_later(sock: socket.socket) -> None:
        message = receive_count(sock, 64)
        hung_up.wait(PATIENCE)
        sock.sendall(message)
        receive_all(sock)

    load = ("--rounds", "1", "--messages", "1", "--warm-up", "0", "--connections", "1")
    with (
        RawServer(echo_later) as address,
        Process("bench", address, *load, prefix=("nohup",)) as command,
    ):
        parent = psutil.Process(command.popen.pid)
        deadline = time.monotonic() + PATIENCE
        while not of(parent):
            assert time.monotonic() < deadline
        command.popen.send_signal(signal.Signals["SIGHUP"])
        hung_up.set()
        assert command.wait() == 0


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


@pytest.mark.slow
@ipv6
@unshare
def test_a_target_may_have_a_zone() -> None:
    command = ["unshare", "-n", sys.executable, "-c", ZONE, *SHORT]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if "SIOCSIFADDR" in ran.stderr:
        pytest.skip("this kernel gives the loopback interface no link-local address")
    assert ran.returncode == 0, ran.stderr
    lines = lines_of(ran.stdout)
    assert len(lines) == 2
    for line in lines:
        assert re.match(r"IPv6, 3 x 64 B: [\d,]+ messages/s", line)


@pytest.mark.slow
@unshare
def test_a_family_that_is_missing_is_not_waited_for() -> None:
    # In a new namespace the loopback interface is down: 127.0.0.1 can be bound, ::1 cannot.
    with Process("bench", "--serve", *SHORT, prefix=("unshare", "-n")) as command:
        assert command.wait() == 1
    assert command.out.text == ""
    assert re.fullmatch(
        r"\[connect\(\)\] Network is unreachable: 127\.0\.0\.1:\d+\n", command.err.text
    )


def test_failures_are_counted_by_kind_and_exit_with_1(command_line: CommandLine) -> None:
    with BackgroundServer(faults=Faults(reset_after=100)) as server:
        status, out, _ = command_line("bench", str(server.addresses[0]), *SHORT)
    assert status == 1
    assert f"failed: 3 x recv(): {strerror(errno.ECONNRESET)}\n" in out


def test_a_target_that_takes_no_connection_ends_the_run_with_one_line(
    tmp_path: Path, command_line: CommandLine
) -> None:
    output = tmp_path / "results.json"
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        target = f"127.0.0.1:{placeholder.getsockname()[1]}"
        status, out, err = command_line(
            "bench", target, "--rounds", "10000", "--output", str(output)
        )
    assert (status, out) == (1, "")
    assert err == f"[connect()] {strerror(errno.ECONNREFUSED)}: {target}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_server_that_is_gone_in_the_middle_ends_the_run_and_the_rounds_before_stay(
    tmp_path: Path,
) -> None:
    output = tmp_path / "results.json"
    closed = threading.Semaphore(0)

    def observe(event: object) -> None:
        if isinstance(event, ClientClosed):
            closed.release()

    load = ("--rounds", "10000", "--connections", "1", "--duration", "0.1", "--warm-up", "0")
    with BackgroundServer(hosts=["127.0.0.1"], observer=observe) as server:
        target = str(server.addresses[0])
        command = Process("bench", target, *load, "--output", str(output))
        for _ in range(2):  # then the first round's results are there
            assert closed.acquire(timeout=PATIENCE)
    with command:
        assert command.wait() == 1
    assert command.err.seen[-1] == f"[connect()] {strerror(errno.ECONNREFUSED)}: {target}\n"
    assert command.out.text.endswith("partial: the run ended early\n")
    assert files.read(output).rounds


@pytest.mark.slow
@pytest.mark.usefixtures("hosts_allowed")
def test_load_and_server_are_at_the_two_ends_of_a_wire(
    tmp_path: Path, command_line: CommandLine
) -> None:
    output = tmp_path / "results.json"
    wire = ("--serve", "--wire", "delay=5ms,rate=100gbit", "--output", str(output))
    status, out, err = command_line("bench", *wire, *SHORT)
    assert status == 0
    assert err.startswith("a rate of 100gbit may be beyond this cable")
    ipv4, ipv6, *lines = lines_of(out)
    assert ipv4.startswith("IPv4, 3 x 64 B: ")
    assert ipv6.startswith("IPv6, 3 x 64 B: ")
    assert "wire: delay=5ms,rate=100gbit" in lines
    assert re.fullmatch(r"to server: \d+ frames; to load: \d+ frames", lines[-1])
    result = files.read(output)
    assert result.wire == "delay=5ms,rate=100gbit"
    assert conditions(result)[1] == "Wire: delay=5ms,rate=100gbit"


def test_without_pyroute2_a_wire_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, command_line: CommandLine
) -> None:
    monkeypatch.setattr(keeper, "_check", _no_pyroute2)
    status, out, err = command_line("bench", "--serve", "--wire", "", *SHORT)
    assert (status, out, err) == (1, "", "hosts need pyroute2\n")


def _no_pyroute2() -> None:
    raise lan.LanError("hosts need pyroute2")


def test_progress_never_counts_beyond_the_last_round(monkeypatch: pytest.MonkeyPatch) -> None:
    result, samples = runs.run(6, targets=runs.TARGETS[:1], workloads=[Workload(duration=1.0)])
    session = Session(targets=result.targets, workloads=result.workloads, rounds=6)
    session.done, session.samples = list(result.rounds), samples
    said: list[str] = []
    monkeypatch.setattr(click, "echo", lambda line, **_: said.append(line))
    shown = Progress(session)
    shown._said_at = -math.inf
    shown.update()
    (line,) = said
    assert line.startswith("round 6 of 6, ")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems answer when a backlog is full")
@pytest.mark.parametrize(
    ("ends", "timeout"),
    [
        ("--duration", "0.3"),
        # For messages the other target has no longer than that either.
        pytest.param("--messages", "10", marks=pytest.mark.slow),
    ],
)
def test_of_several_targets_the_one_that_does_not_answer_is_named(
    ends: str, timeout: str, command_line: CommandLine
) -> None:
    load = ("--rounds", "1", ends, "1", "--warm-up", "0", "--connections", "3")
    with silent_listener() as silent, BackgroundServer() as server:
        targets = (str(server.addresses[0]), str(silent))
        status, out, err = command_line("bench", *targets, *load, "--timeout", timeout)
    assert status == 1
    assert err.endswith(f"[connect()] Connection timed out: {silent}\n")
    assert "failed" not in out


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    rounds = threading.Semaphore(0)

    def observe(event: object) -> None:
        if isinstance(event, ClientClosed):
            rounds.release()

    with BackgroundServer(observer=observe) as server:
        load = ("--rounds", "1000", "--duration", "0.1", "--warm-up", "0")
        with Process("bench", str(server.addresses[0]), *load, "--output", str(output)) as command:
            for _ in range(3):  # the end of the third is the end of the second round's results
                assert rounds.acquire(timeout=PATIENCE)
            command.interrupt()
            assert command.wait() == 1
    assert command.out.text.endswith("partial: the run ended early\n")
    result = files.read(output)
    assert result.partial
    assert 0 < len(result.rounds) < 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give the targets to measure, or --serve"),
        (("--serve", "localhost:1"), "give the targets to measure, or --serve"),
        (("localhost:1", "--wire", "delay=1ms"), "--wire is for the server of --serve"),
        (("--serve", "--wire", "delay=20"), "delay: '20' has no unit (s, ms or us)"),
        (("--serve", "--wire", "speed=9"), "'speed' is not a setting: choose from delay, "),
        (("localhost",), "needs a host and a port"),
        (("localhost:0",), "port 0 cannot be reached: give 1 to 65535"),
        (("localhost:1", "--size", "0"), "is not a message size"),
        (("localhost:1", "--duration", "0"), "duration must be 1e-06 to 31,536,000 ("),
        (("localhost:1", "--duration", "1", "--messages", "1"), "give one of them"),
        (("localhost:1", "--rate", "-1"), "rate must be 1e-06 to 1,000,000,000 ("),
        (("localhost:1", "--processes", "99"), "need at least as many connections"),
        (("localhost:1", "--connections", "0"), "is not a number of connections"),
        (("localhost:1", "--connections", "4..1"), "is not a range"),
        (("localhost:1", "--timeout", "0"), "must be more than 0"),
        (
            ("localhost:1", "--duration", "1e300"),
            "is not a time: write seconds, or 500ms, 90s, 1h30m (0 to a year",
        ),
        (("localhost:1", "--duration", "inf"), "duration must be "),
        (("localhost:1", "--duration", "1e-300"), "duration must be "),
        (
            ("localhost:1", "--warm-up", "1e300"),
            "is not a time: write seconds, or 500ms, 90s, 1h30m (0 to a year",
        ),
        (("localhost:1", "--warm-up", "inf"), "warm_up must be "),
        (
            ("localhost:1", "--timeout", "1e300"),
            "is not a time: write seconds, or 500ms, 90s, 1h30m (0 to a year",
        ),
        (("localhost:1", "--timeout", "nan"), "is not a time"),
        (("localhost:1", "--rate", "1e-300"), "rate must be "),
        (("localhost:1", "--rate", "1e300"), "rate must be "),
        (("localhost:1", "--rate", "nan"), "rate must be "),
        (("localhost:1", "--rate", "x"), "'x' is not a number"),
        (("localhost:1", "--messages", f"1{'0' * 30}"), "messages must be "),
        (("localhost:1", "--messages", "9" * 400), "messages must be 1 to "),
        (("localhost:1", "--pipeline", f"1{'0' * 30}"), "pipeline must be "),
        (("localhost:1", "--processes", f"1{'0' * 30}"), "processes must be "),
        (("localhost:1", "--rounds", f"1{'0' * 30}"), "is not a whole number, 1 to 10000"),
        (("localhost:1", "--reconnect", "--pipeline", "2"), "has no pipelining depth"),
        (("localhost:1", "--reconnect", "--tls-resume"), "--tls-resume is for --tls with --recon"),
        (("localhost:1", "--tls", "--tls-resume"), "--tls-resume is for --tls with --reconnect"),
        (("localhost:1", "--plot", "page.gif"), "does not end in .png, .svg, .pdf"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    arguments: tuple[str, ...], words: str, command_line: CommandLine
) -> None:
    status, out, err = command_line("bench", *arguments)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert words in err


@pytest.mark.skipif(sys.platform != "win32", reason="only Windows' select() has so low a limit")
def test_more_connections_than_a_process_can_have_are_refused(command_line: CommandLine) -> None:
    status, out, err = command_line(
        "bench", "localhost:1", "--connections", "2,1023", "--processes", "2"
    )
    assert (status, out) == (2, "")
    assert "511 connections a process" in err
    with BackgroundServer() as server:
        load = ("--connections", "511", "--messages", "511", "--rounds", "1", "--warm-up", "0")
        status, out, err = command_line("bench", str(server.addresses[0]), *load)
    assert (status, err) == (0, "")


def test_an_unknown_host_is_one_line(command_line: CommandLine) -> None:
    status, _, err = command_line("bench", "no-such-host.invalid:9000", *SHORT)
    assert status == 1
    assert err.startswith("[getaddrinfo()] ")
    assert len(err.splitlines()) == 1


NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize("option", ["--output", "--csv", "--plot"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing/page.png", "No such file or directory"),
        ("file/page.png", "Not a directory"),
        ("folder.png", "is a directory|not a regular file"),
        (f"{'x' * 250}.png", "File name too long"),
        ("locked/page.png", "Permission denied"),
        ("loop.png", "Too many levels of symbolic links"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="it says so in other words")
def test_a_file_that_cannot_be_written_is_reported_before_anything_is_sent(
    tmp_path: Path, option: str, name: str, words: str, command_line: CommandLine
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "locked").mkdir(0o500)
    (tmp_path / "loop.png").symlink_to("loop.png")
    if "locked" in name and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("root may write everywhere")
    path = tmp_path / name
    status, out, err = command_line("bench", NOWHERE, *SHORT, option, str(path))
    assert (status, out) == (2, "")
    assert re.fullmatch(rf".* bench: .*{option}.*: .*({words}).*\(try .*\)\n", err)


@pytest.mark.parametrize(
    "names",
    [
        {"--output": "a.png", "--csv": "a.png"},
        {"--output": "a.png", "--plot": "a.png"},
        {"--csv": "a.png", "--plot": "./a.png"},
        {"--output": "a.json", "--csv": "a.samples.zip"},
        {"--output": "a.png", "--csv": "link"},
        {"--output": "new.json", "--json-lines": "new.json"},
        {"--csv": "new.samples.zip", "--output": "new.json"},
    ],
)
def test_two_files_that_are_one_are_refused(
    tmp_path: Path, names: dict[str, str], command_line: CommandLine
) -> None:
    if "link" in names.values():
        if sys.platform == "win32":
            pytest.skip("links need a privilege there")
        (tmp_path / "link").symlink_to("a.png")
    (tmp_path / "a.png").write_text("old")
    kept = [word for name, file in names.items() for word in (name, f"{tmp_path}/{file}")]
    before = sorted(tmp_path.iterdir())
    status, out, err = command_line("bench", NOWHERE, *SHORT, *kept)
    assert (status, out) == (2, "")
    assert " are the same file: " in err
    assert len(err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "a.png").read_text() == "old"


@pytest.mark.parametrize("option", ["--output", "--csv", "--plot"])
def test_a_file_without_a_name_is_refused(option: str, command_line: CommandLine) -> None:
    status, out, err = command_line("bench", NOWHERE, *SHORT, option, "")
    assert (status, out) == (2, "")
    assert option in err
    assert len(err.splitlines()) == 1


def test_results_are_not_named_as_their_samples(tmp_path: Path, command_line: CommandLine) -> None:
    path = tmp_path / "x.samples.zip"
    status, out, err = command_line("bench", NOWHERE, *SHORT, "--output", str(path))
    assert (status, out) == (2, "")
    assert f"not their samples: {path}" in err


def test_other_files_in_the_folder_are_left_alone(
    tmp_path: Path, command_line: CommandLine
) -> None:
    hidden = tmp_path / ".results.part.json"
    hidden.write_text("precious")
    output = tmp_path / "results.json"
    with BackgroundServer() as server:
        status, _, _ = command_line(
            "bench", str(server.addresses[0]), *SHORT, "--output", str(output)
        )
    assert status == 0
    assert hidden.read_text() == "precious"
    names = {".results.part.json", "results.json", "results.samples.zip"}
    assert {one.name for one in tmp_path.iterdir()} == names


def test_a_target_that_never_echoes_exits_with_1(command_line: CommandLine) -> None:
    with RawServer(receive_all_quietly) as address:
        load = ("--rounds", "1", "--duration", "0.2", "--connections", "1", "--timeout", "0.5")
        status, out, _ = command_line("bench", address, *load)
    assert status == 1
    assert lines_of(out) == ["IPv4, 1 x 64 B: nothing came back", "failed: 1 x no echo for 0.5 s"]


@pytest.mark.slow
def test_unanswered_messages_of_an_open_loop_are_counted(command_line: CommandLine) -> None:
    load = ("--rounds", "1", "--duration", "0.2", "--warm-up", "0", "--rate", "100")
    with RawServer(receive_all_quietly) as address:
        status, out, _ = command_line(
            "bench", address, *load, "--connections", "1", "--timeout", "0.5"
        )
    assert status == 1
    assert "unanswered when its round ended: 20 of 20\n" in out


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it takes /dev/full")
def test_the_files_are_written_even_if_the_screen_cannot_be(tmp_path: Path) -> None:
    output, sheet = tmp_path / "results.json", tmp_path / "results.csv"
    with BackgroundServer() as server, Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "trio_echo", "bench", str(server.addresses[0]), *SHORT]
        command += ["--output", str(output), "--csv", str(sheet)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert len(files.read(output).rounds) == 1
    assert sheet.exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot interrupt one process alone")
def test_a_file_that_cannot_be_written_in_the_end_does_not_stop_the_others(tmp_path: Path) -> None:
    sheet, folder = tmp_path / "results.csv", tmp_path / "folder"
    folder.mkdir()
    kept = ("--output", str(folder / "results.json"), "--csv", str(sheet))
    load = ("--rounds", "1000", "--duration", "0.1", "--warm-up", "0")
    with (
        BackgroundServer() as server,
        Process("bench", str(server.addresses[0]), *load, *kept) as command,
    ):
        command.err.expect(r"^round \d+ of 1000")
        folder.rmdir()
        assert command.stop() == 1
    assert "messages/s" in command.out.text
    said = command.err.seen[-1]
    assert said == f"[open()] No such file or directory: {folder / 'results.json'}\n"
    assert sheet.exists()
