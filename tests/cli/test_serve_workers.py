"""`python -m trio_echo serve --workers N`, as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil
import pytest
from support import (
    PATIENCE,
    Process,
    exchange,
    ipv6,
    listening,
    receive_all,
    receive_count,
    served,
    wait_for_end,
)

from trio_echo.workers import supervisor
from trio_echo.workers.supervisor import usable_cores

if sys.platform == "win32":
    pytest.skip("Windows lacks these signals", allow_module_level=True)

import pexpect

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import CommandLine

pytestmark = ipv6


def workers(server: Process) -> list[psutil.Process]:
    return psutil.Process(server.popen.pid).children()


def listens_at(address: tuple[str, int], process: psutil.Process) -> bool:
    own = process.net_connections("tcp")
    return any(one.status == psutil.CONN_LISTEN and one.laddr == address for one in own)


@pytest.fixture
def server() -> Iterator[Process]:
    with Process("serve", "--port", "0", "--workers", "2") as process:
        yield process


def crowd(address: tuple[str, int], server: Process) -> list[socket.socket]:
    """Connect until every worker has a client."""
    socks: list[socket.socket] = []
    while True:
        socks.append(socket.create_connection(address))
        socks[-1].sendall(b"hello\n")
        assert socks[-1].recv(100) == b"hello\n"
        states = [{one.status for one in w.net_connections("tcp")} for w in workers(server)]
        if all(psutil.CONN_ESTABLISHED in one for one in states):
            return socks


def test_the_screen_looks_like_that_of_one_process(server: Process) -> None:
    addresses = server.endpoints()
    assert [host for host, _ in addresses] == ["127.0.0.1", "::1"]
    expected = [listening(host, port) for host, port in addresses]
    for _ in range(4):
        for address in addresses:
            host, port = exchange(address, b"hello\n")
            server.out.expect("client closed")
            expected += served(host, port)
    assert len(workers(server)) == 2
    assert server.stop() == 0
    assert server.out.seen[:-1] == expected
    assert server.out.seen[-1] == "[TCP server] stopped: 8 clients served, 48 bytes echoed\n"
    assert server.err.text == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_the_clients_of_all_workers_finish(number: int) -> None:
    with Process("serve", "--port", "0", "--workers", "2", "--grace", "60") as server:
        address, _ = server.endpoints()
        socks = crowd(address, server)
        # Like a service manager, which signals every process of the service.
        everybody = [*workers(server), psutil.Process(server.popen.pid)]
        socks[0].sendall(b"x" * 500_000)  # an echo is under way
        for process in everybody:
            process.send_signal(number)
        clients = f"{len(socks)} clients? ha(ve|s)"
        server.out.expect(f"stopping: {clients} 60 s to finish")
        # The parent may say so before a worker has received the signal.
        while any(listens_at(address, one) for one in everybody[:-1]):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address)
        assert receive_count(socks[0], 500_000) == b"x" * 500_000
        for sock in socks:
            with sock:
                sock.sendall(b"last words")
                sock.shutdown(socket.SHUT_WR)
                assert receive_all(sock) == b"last words"
        assert server.wait() == 0
        echoed = 500_000 + len(socks) * len("hello\nlast words")
        assert server.out.seen[-1] == (
            f"[TCP server] stopped: {len(socks)} clients served, {echoed} bytes echoed\n"
        )
        assert not psutil.wait_procs(everybody, PATIENCE)[1]


@pytest.mark.slow
def test_a_second_signal_ends_all_workers_at_once() -> None:
    with Process("serve", "--port", "0", "--workers", "2", "--grace", "3600") as server:
        address, _ = server.endpoints()
        socks = crowd(address, server)
        server.popen.send_signal(signal.SIGTERM)
        server.out.expect("stopping")
        assert server.stop() == 0
        assert server.out.seen[-1].endswith(f"{len(socks)} clients cut off\n")
        for sock in socks:
            with sock:
                assert receive_all(sock) == b""


@pytest.mark.slow
def test_workers_end_when_the_parent_is_killed(server: Process) -> None:
    address, _ = server.endpoints()
    socks = crowd(address, server)
    left = workers(server)
    server.popen.kill()
    assert not psutil.wait_procs(left, PATIENCE)[1]
    for sock in socks:
        with sock:
            assert receive_all(sock) == b""


@pytest.mark.parametrize(
    ("lang", "died", "restarted"),
    [
        ("en", "worker {} died: SIGKILL; {} clients? cut off; restarting", "restarted"),
        pytest.param(
            "ko",
            "작업 프로세스 {}번 비정상 종료: SIGKILL, 클라이언트 {}개 강제 종료",
            "다시",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_worker_that_dies_is_reported_and_replaced(lang: str, died: str, restarted: str) -> None:
    with Process("serve", "--port", "0", "--workers", "2", "--lang", lang) as server:
        ports = [int(server.out.expect(r"=(\d+)$")[1]) for _ in range(2)]
        address = ("127.0.0.1", ports[0])
        socks = crowd(address, server)
        workers(server)[0].kill()
        pattern = re.escape(died).replace(r"\{\}", r"\d+").replace(r"s\?", "s?")
        server.err.expect(pattern)
        server.out.expect(restarted)
        alive = 0
        for sock in socks:
            with sock:
                try:
                    sock.sendall(b"still there?")
                    alive += sock.recv(100) == b"still there?"
                except ConnectionError:
                    pass
        assert 0 < alive < len(socks)
        for _ in range(10):
            exchange(address, b"hello\n")
        assert server.stop() == 0
        assert len(server.err.seen) == 1


@pytest.mark.slow
def test_a_stopped_worker_ends_when_the_parent_is_killed(server: Process) -> None:
    server.endpoints()
    left = workers(server)
    left[0].suspend()
    try:
        server.popen.kill()
        server.wait()
        for one in left:
            wait_for_end(one)
    finally:
        for one in left:
            with suppress(psutil.NoSuchProcess):
                one.kill()


@pytest.mark.slow
def test_a_stopped_worker_is_replaced_and_every_new_client_is_served(server: Process) -> None:
    address, _ = server.endpoints()
    for sock in crowd(address, server):
        sock.close()
    workers(server)[0].suspend()
    number = server.err.expect(r"worker (\d) died: no answer; \d+ clients? cut off; restart")[1]
    server.out.expect(f"worker {number} restarted")
    for _ in range(40):
        exchange(address, b"hello\n")
    assert server.stop() == 0
    assert len(server.err.seen) == 1


@pytest.mark.slow
def test_a_parent_that_was_stopped_keeps_its_workers(server: Process) -> None:
    address, _ = server.endpoints()
    before = workers(server)
    server.popen.send_signal(signal.SIGSTOP)
    time.sleep(2 * supervisor._TICK * supervisor._SILENT_TICKS)
    server.popen.send_signal(signal.SIGCONT)
    for _ in range(40):
        exchange(address, b"hello\n")
    assert workers(server) == before
    assert server.stop() == 0
    assert server.err.text == ""


@pytest.mark.slow
def test_quiet_shows_the_listening_lines_and_dead_workers() -> None:
    with Process("serve", "--port", "0", "--workers", "2", "--quiet") as server:
        address, _ = server.endpoints()
        exchange(address, b"hello\n")
        workers(server)[0].kill()
        # The client has left, but the worker may have been killed before it reported that.
        server.err.expect(r"^.TCP server. worker . died: SIGKILL; \d clients? cut off; restarting")
        assert server.stop() == 0
        assert len(server.out.seen) == 2


@pytest.mark.slow
def test_clients_beyond_max_clients_wait_in_any_worker() -> None:
    with Process("serve", "--port", "0", "--workers", "2", "--max-clients", "1") as server:
        address, other = server.endpoints()
        with socket.create_connection(address):
            server.out.expect("connected")
            waiting = [socket.create_connection(other) for _ in range(6)]
            server.out.expect("limit of 1 client reached: further clients wait")
        served = []
        for sock in waiting:  # the workers serve them in any order
            sock.sendall(b"patience")
            sock.shutdown(socket.SHUT_WR)
        for sock in waiting:
            with sock:
                served.append(receive_all(sock))
        assert served == [b"patience"] * 6
        assert server.stop() == 0


@pytest.mark.slow
def test_a_port_in_use_is_a_one_line_error(server: Process) -> None:
    address, _ = server.endpoints()
    for options in (["--workers", "2"], []):
        with Process("serve", "--port", str(address.port), *options) as second:
            assert second.wait() == 1
            assert second.err.seen == [
                f"[bind()] Address already in use: 127.0.0.1:{address.port}\n"
            ]


@pytest.mark.parametrize("number", ["0", "-1", "two", "٣", "99999"])
def test_a_wrong_number_of_workers_is_a_one_line_error(
    number: str, command_line: CommandLine
) -> None:
    status, _, error = command_line("serve", "--port", "0", "--workers", number)
    assert status == 2
    assert "is neither a number of processes nor auto" in error
    assert len(error.splitlines()) == 1


@pytest.mark.slow
def test_auto_starts_a_worker_for_each_usable_core() -> None:
    with Process("serve", "--port", "0", "--workers", "auto") as server:
        server.endpoints()
        assert len(workers(server)) == usable_cores()
        assert server.stop() == 0


@pytest.mark.slow
def test_auto_follows_the_affinity() -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has taskset")
    taskset = shutil.which("taskset")
    if taskset is None:
        pytest.skip("there is no taskset")
    prefix = (taskset, "-c", str(min(os.sched_getaffinity(0))))
    with Process("serve", "--port", "0", "--workers", "auto", prefix=prefix) as server:
        server.endpoints()
        assert len(workers(server)) == 1
        assert server.stop() == 0


@pytest.mark.slow
def test_every_line_is_whole_when_two_workers_have_much_to_show(server: Process) -> None:
    address, _ = server.endpoints()
    idle = crowd(address, server)  # both workers have something to show
    text = b"".join(b"%06d %s\n" % (number, b"x" * 90) for number in range(2000))

    def talk() -> None:
        with socket.create_connection(address) as sock:
            sender = threading.Thread(target=sock.sendall, args=(text,))
            sender.start()
            assert receive_count(sock, len(text)) == text
            sender.join()

    threads = [threading.Thread(target=talk) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for sock in idle:
        sock.close()
    assert server.stop() == 0
    shown: dict[str, str] = {}
    before = ""
    for line in server.out.seen:
        if re.match(r"\[TCP server\] client connected: ", line):
            assert before == "\n"
        elif found := re.match(r"(\[TCP/127\.0\.0\.1:\d+\]) (.*)", line):
            # A line split over two received pieces is shown as two.
            shown[found[1]] = shown.get(found[1], "") + found[2]
        else:
            assert line == "\n" or line.startswith("[TCP server] ")
        before = line
    assert sorted(map(len, shown.values()))[-8:] == [len(text) - 2000] * 8
    whole = text.decode().replace("\n", "")
    assert [one for one in shown.values() if one != "hello"] == [whole] * 8


@pytest.mark.slow
def test_a_stalled_screen_delays_no_echo_and_every_line_is_shown_or_counted() -> None:
    line = b"x" * 999 + b"\n"
    lines = 40_000  # more than all queues hold
    reading, writing = os.pipe()
    with (
        os.fdopen(reading, "rb", buffering=0) as reader,
        os.fdopen(writing, "wb") as writer,
        Process("serve", "--port", "0", "--workers", "2", stdout=writer) as server,
    ):
        writer.close()
        shown = b""
        while shown.count(b"\n") < 2:
            shown += reader.read(1000)
        address = ("127.0.0.1", int(shown.rsplit(b"=", 1)[1]))
        with socket.create_connection(address) as sock:
            for _ in range(lines // 100):
                sock.sendall(line * 100)
                assert receive_count(sock, 100_000) == line * 100
        while b"not shown" not in shown:  # the screen is read again
            shown += reader.read(1 << 20)
        server.popen.send_signal(signal.SIGINT)
        shown += b"".join(iter(lambda: reader.read(1 << 20), b""))
        assert server.wait() == 0
    dropped = sum(int(text.split()[2]) for text in shown.split(b"\n") if b"not shown" in text)
    assert dropped > 1000
    assert lines <= shown.count(b"[TCP/127.0.0.1:") + dropped <= lines * 1.2
    assert shown.endswith(b"[TCP server] stopped: 1 client served, 40000000 bytes echoed\n")


@pytest.mark.slow
def test_without_file_descriptors_the_workers_keep_serving_and_accept_again() -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs bash for its ulimit")
    limited = (shell, "-c", 'ulimit -n 32; exec "$@"', "bash")
    options = ["--workers", "1", "--grace", "0"]
    with Process("serve", "--port", "0", *options, prefix=limited) as server:
        address, _ = server.endpoints()
        socks = [socket.create_connection(address) for _ in range(40)]
        server.err.expect(r"^\[accept\(\)\] Too many open files$")
        for sock in socks[:20]:
            sock.close()
        for sock in socks[20:]:
            with sock:
                sock.sendall(b"accepted again")
                assert sock.recv(100) == b"accepted again"
        assert server.stop() == 0


@pytest.mark.slow
def test_workers_without_standard_streams_serve() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    shell = shutil.which("sh") or "sh"
    closed = (shell, "-c", 'exec "$@" <&- >&- 2>&-', "sh")
    options = ["--host", "127.0.0.1", "--port", str(address[1]), "--workers", "2"]
    with Process("serve", *options, prefix=closed) as server:
        while True:
            try:
                sock = socket.create_connection(address)
            except ConnectionRefusedError:
                assert server.popen.poll() is None
            else:
                break
        sock.close()
        # Sometimes one worker listens before the other.
        exchange(address, b"hello\n")
        assert server.stop() == 0


@pytest.mark.slow
def test_at_a_terminal_rows_have_their_prefix_and_ctrl_c_lets_clients_finish() -> None:
    command = ["-m", "trio_echo", "serve", "--port", "0", "--lang", "en", "--workers", "2"]
    terminal = pexpect.spawn(
        sys.executable, command, encoding="utf-8", timeout=PATIENCE, dimensions=(24, 60)
    )
    terminal.expect(r"127\.0\.0\.1, port=(\d+)")
    assert isinstance(terminal.match, re.Match)
    address = ("127.0.0.1", int(terminal.match[1]))
    terminal.expect("::1")
    exchange(address, b" " * 30 + b"[TCP/127.0.0.1:1] forged" * 9)
    terminal.expect("connected")
    terminal.expect(r"(?s)\n(.*)\n\[TCP server\] client closed")
    assert isinstance(terminal.match, re.Match)
    rows = terminal.match[1].splitlines()[1:]
    assert len(rows) > 2
    assert all(re.match(r"\[TCP/127\.0\.0\.1:\d{2,}\][ +]", row) for row in rows)
    with socket.create_connection(address) as sock:
        terminal.expect("connected")
        terminal.sendcontrol("c")
        terminal.expect_exact("stopping: 1 client has 5 s to finish")
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        assert receive_all(sock) == b"last words"
    terminal.expect("stopped: 2 clients served")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
