"""`python -m trio_echo serve`, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import (
    INTERRUPT,
    Process,
    exchange,
    ipv6,
    listening,
    receive_all,
    receive_count,
    reset,
    served,
)

from trio_echo import Endpoint
from trio_echo.listening import ANY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from support import CommandLine

pytestmark = ipv6
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows lacks this")
STOPS = [INTERRUPT] if sys.platform == "win32" else [signal.SIGINT, signal.SIGTERM]
FORGERY = "\x1b[2J\x1b[H\r[TCP/127.0.0.1:1] forged\x85[TCP/127.0.0.1:1] forged\u2028\u202e\x00\x07"


@pytest.fixture
def server() -> Iterator[Process]:
    with Process("serve", "--port", "0") as process:
        yield process


def test_the_screen_shows_the_lectures_lines_for_both_families(server: Process) -> None:
    addresses = server.endpoints()
    expected = [listening(host, port) for host, port in addresses]
    assert [host for host, _ in addresses] == ["127.0.0.1", "::1"]
    for address in addresses:
        host, port = exchange(address, b"hello\n")
        server.out.expect("client closed")
        expected += served(host, port)
    assert server.stop() == 0
    assert server.out.seen[:-1] == expected
    assert server.out.seen[-1] == "[TCP server] stopped: 2 clients served, 12 bytes echoed\n"
    assert server.err.text == ""


def test_a_piece_without_a_newline_is_shown_at_once(server: Process) -> None:
    address, _ = server.endpoints()
    with socket.create_connection(address) as sock:
        sock.sendall("안".encode()[:2])
        assert len(sock.recv(10)) == 2
        sock.sendall("안".encode()[2:] + "녕".encode())
        assert server.out.expect(r"^\[TCP/127\.0\.0\.1:\d+\] (.*)$")[1] == "안녕"


def test_no_client_can_drive_the_terminal_or_forge_a_line(server: Process) -> None:
    address, _ = server.endpoints()
    exchange(address, FORGERY.encode() + b"\xff\xfe\n[TCP/127.0.0.1:1] forged\n")
    server.out.expect("client closed")
    assert server.stop() == 0
    lines = server.out.text.split("\n")
    (mine,) = {line.split("]")[0] for line in lines if line.startswith("[TCP/")}
    assert mine != "[TCP/127.0.0.1:1"
    forged = [line for line in lines if "forged" in line]
    assert len(forged) == 2
    assert forged[0].endswith(
        r"\x1b[2J\x1b[H\r[TCP/127.0.0.1:1] forged\x85[TCP/127.0.0.1:1] forged\u2028\u202e\x00\x07"
        r"\xff\xfe"
    )
    assert all(character.isprintable() or character == "\n" for character in server.out.text)


def test_a_reset_is_shown_in_the_users_language() -> None:
    with Process("serve", "--port", "0", "--lang", "ko") as server:
        port = int(
            server.out.expect(r"\[TCP 서버\] 접속 대기: IP 주소=127.0.0.1, 포트 번호=(\d+)")[1]
        )
        sock = socket.create_connection(("127.0.0.1", port))
        server.out.expect("클라이언트 접속")
        reset(sock)
        server.out.expect(r"클라이언트 종료")
        assert "\n[recv()] 현재 연결은 원격 호스트에 의해 강제로 끊겼습니다.\n" in server.out.text


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_health_checks_share_a_line_but_not_in_json(log_format: str) -> None:
    with Process("serve", "--port", "0", "--log-format", log_format, "--lang", "ko") as server:
        port = int(server.out.expect(r"127\.0\.0\.1(?:, 포트 번호=|:)(\d+)")[1])
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)):
                pass
        assert exchange(("127.0.0.1", port), "안녕\n".encode())
        assert server.stop() == 0
    if log_format == "json":
        assert server.out.text.count('"event": "client_connected"') == 51
        return
    counted = sum(int(count) for count in re.findall(r"클라이언트 (\d+)개 더", server.out.text))
    shown = server.out.text.count("클라이언트 접속")
    assert counted + shown == 51
    assert counted > 0
    assert re.search(r"접속: .*=(\d+)\n(?:.*\n)*\[TCP/127.0.0.1:\1\] 안녕\n", server.out.text)


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"LC_ALL": "ko_KR.UTF-8"}, "[TCP 서버] 접속 대기: IP 주소=127.0.0.1"),
        pytest.param(
            {"LC_ALL": "ja_JP.UTF-8"},
            "[TCP server] listening: IP address=127.0.0.1",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"LC_ALL": "ko_KR.UTF-8", "PYTHONIOENCODING": "ascii"},
            r"[TCP \uc11c\ubc84] \uc811\uc18d \ub300\uae30: IP \uc8fc\uc18c=127.0.0.1",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_language_follows_the_locale(env: dict[str, str], line: str) -> None:
    with Process("serve", "--port", "0", env=env) as server:
        server.out.expect("127.0.0.1")
        assert server.out.seen[0].startswith(line)


def epoll_sets(pid: int) -> int:
    links = (entry.readlink() for entry in Path(f"/proc/{pid}/fd").iterdir())
    return sum("eventpoll" in str(link) for link in links)


@pytest.mark.slow
@pytest.mark.parametrize("option", [(), ("--portable",)], ids=["default", "portable"])
def test_portable_shows_and_echoes_the_same(option: tuple[str, ...]) -> None:
    with Process("serve", "--port", "0", *option) as server:
        for address in server.endpoints():
            exchange(address, b"hello\n")
            server.out.expect(r"\] hello$")
            server.out.expect("client closed")
        if sys.platform == "linux":  # Trio's own and the reactor's
            assert epoll_sets(server.popen.pid) == (1 if option else 2)
        assert server.stop() == 0
        assert server.out.seen[-1] == "[TCP server] stopped: 2 clients served, 12 bytes echoed\n"
        assert server.err.text == ""


def test_quiet_shows_only_the_listening_lines() -> None:
    with Process("serve", "--port", "0", "--quiet") as server:
        for address in server.endpoints():
            exchange(address, b"hello\n")
        assert server.stop() == 0
        assert len(server.out.seen) == 2
        assert server.err.text == ""


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_lets_clients_finish_within_the_grace_period(number: int) -> None:
    with Process("serve", "--port", "0", "--grace", "60") as server:
        address, _ = server.endpoints()
        with socket.create_connection(address) as sock:
            server.out.expect("connected")
            server.popen.send_signal(number)
            server.out.expect("stopping: 1 client has 60 s to finish")
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address)
            sock.sendall(b"last words")
            sock.shutdown(socket.SHUT_WR)
            assert receive_all(sock) == b"last words"
        assert server.wait() == 0
        assert server.out.seen[-1] == "[TCP server] stopped: 1 client served, 10 bytes echoed\n"


def test_after_the_grace_period_the_other_clients_are_cut_off() -> None:
    with Process("serve", "--port", "0", "--grace", "0.1") as server:
        address, _ = server.endpoints()
        with socket.create_connection(address) as sock:
            server.out.expect("connected")
            assert server.stop() == 0
            assert receive_all(sock) == b""
        assert server.out.seen[-1].endswith("1 client served, 0 bytes echoed, 1 client cut off\n")


@pytest.mark.slow
def test_a_second_signal_ends_it_at_once() -> None:
    with Process("serve", "--port", "0", "--grace", "3600") as server:
        address, _ = server.endpoints()
        with socket.create_connection(address):
            server.out.expect("connected")
            server.popen.send_signal(STOPS[-1])
            server.out.expect("stopping")
            assert server.stop() == 0
        assert server.out.seen[-1].endswith("1 client cut off\n")


@pytest.mark.slow
def test_an_idle_client_is_closed_and_reported() -> None:
    with Process("serve", "--port", "0", "--idle-timeout", "0.1") as server:
        address, _ = server.endpoints()
        with socket.create_connection(address) as sock:
            assert sock.recv(1) == b""
        server.out.expect(r"^\[TCP server\] client idle for 0.1 s$")
        server.out.expect("client closed")


@pytest.mark.parametrize(
    ("lang", "line"),
    [
        ("en", "[TCP server] reset on purpose after 3 bytes"),
        pytest.param(
            "ko",
            "[TCP 서버] 3바이트를 되돌려 보낸 뒤 일부러 연결을 강제로 끊었습니다.",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_reset_on_purpose_is_reported_and_counted(lang: str, line: str) -> None:
    options = ["--lang", lang, "--reset-after", "3"]
    with Process("serve", "--port", "0", *options) as server:
        ports = [int(server.out.expect(r"=(\d+)$")[1]) for _ in range(2)]
        for host, port in zip(["127.0.0.1", "::1"], ports, strict=True):
            with socket.create_connection((host, port)) as sock:
                sock.sendall(b"hello\n")
                assert receive_count(sock, 3) == b"hel"
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
                mine = sock.getsockname()[1]
                server.out.expect(rf"=127\.0\.0\.1, .*{mine}$|=::1, .*{mine}$")
            server.out.expect(f"^{re.escape(line)}$")
            server.out.expect(rf"=(127\.0\.0\.1|::1), .*{mine}$")


@pytest.mark.slow
@posix
def test_the_bytes_of_an_echo_that_is_cut_off_are_counted() -> None:
    with Process(
        "serve", "--port", "0", "--grace", "0", "--fragment", "2", "--delay", "0.1"
    ) as server:
        address, _ = server.endpoints()
        with socket.create_connection(address) as sock:
            sock.sendall(bytes(1000))
            assert receive_count(sock, 2)
            assert server.stop() == 0
            echoed = 2 + len(receive_all(sock))
        assert server.out.seen[-1].endswith(f"{echoed} bytes echoed, 1 client cut off\n")


@pytest.mark.slow
def test_quiet_hides_a_reset_on_purpose() -> None:
    with Process("serve", "--port", "0", "--quiet", "--reset-after", "0") as server:
        for address in server.endpoints():
            with socket.create_connection(address) as sock:
                sock.sendall(b"hello\n")
                with pytest.raises(ConnectionResetError):
                    sock.recv(1)
        assert server.stop() == 0
        assert len(server.out.seen) == 2


@pytest.mark.slow
def test_clients_beyond_max_clients_wait() -> None:
    with Process("serve", "--port", "0", "--max-clients", "1") as server:
        address, other = server.endpoints()
        with socket.create_connection(address):
            server.out.expect("connected")
            waiting = socket.create_connection(other)
            waiting.sendall(b"patience")
            server.out.expect("limit of 1 client reached: further clients wait")
        with waiting:
            assert waiting.recv(100) == b"patience"


@posix
def test_without_file_descriptors_it_keeps_serving_and_accepts_again() -> None:
    shell = shutil.which("bash")
    if shell is None:
        pytest.skip("needs bash for its ulimit")
    limited = (shell, "-c", 'ulimit -n 32; exec "$@"', "bash")
    with Process("serve", "--port", "0", "--grace", "0", prefix=limited) as server:
        address, _ = server.endpoints()
        first = socket.create_connection(address)
        others = [socket.create_connection(address) for _ in range(40)]
        server.err.expect(r"^\[accept\(\)\] Too many open files$")
        first.sendall(b"still served")
        assert first.recv(100) == b"still served"
        for other in others[:20]:
            other.close()
        for other in others[20:]:
            with other:
                other.sendall(b"accepted again")
                assert other.recv(100) == b"accepted again"
        first.close()
        assert server.stop() == 0
        assert server.err.text == "[accept()] Too many open files\n"


class Screen:
    """Standard output as a pipe that the test reads when it wants."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.reader = os.fdopen(reading, "rb", buffering=0)
        self.writer = os.fdopen(writing, "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.reader.close()
        self.writer.close()

    def address(self) -> tuple[str, int]:
        """Read the listening lines."""
        self.writer.close()  # the server has it now
        text = b""
        while text.count(b"\n") < 2:
            text += self.reader.read(1000)
        return "127.0.0.1", int(text.rsplit(b"=", 1)[1])


@posix
@pytest.mark.slow
def test_a_stalled_screen_delays_no_echo_and_lost_lines_are_counted() -> None:
    line = b"x" * 999 + b"\n"
    lines = 40_000  # more than the pipe and the queue of 16 MiB hold
    with Screen() as screen, Process("serve", "--port", "0", stdout=screen.writer) as server:
        with socket.create_connection(screen.address()) as sock:
            for _ in range(lines // 100):
                sock.sendall(line * 100)
                assert receive_count(sock, 100_000) == line * 100
        shown = b""
        while b"not shown" not in shown:  # the screen is read again
            shown += screen.reader.read(1 << 20)
        server.popen.send_signal(signal.SIGINT)
        shown += b"".join(iter(lambda: screen.reader.read(1 << 20), b""))
        assert server.wait() == 0
    dropped = sum(int(text.split()[2]) for text in shown.split(b"\n") if b"not shown" in text)
    assert dropped > 1000
    # A line split over two received pieces is shown, and counted, as two.
    assert lines <= shown.count(b"[TCP/127.0.0.1:") + dropped <= lines * 1.2
    assert shown.endswith(b"[TCP server] stopped: 1 client served, 40000000 bytes echoed\n")


@posix
@pytest.mark.slow
def test_a_flooding_client_hides_no_other() -> None:
    flood = b"\xff" * 65536
    with Screen() as screen, Process("serve", "--port", "0", stdout=screen.writer):
        address = screen.address()
        with (
            socket.create_connection(address) as flooding,
            socket.create_connection(address) as quiet,
        ):
            for number in range(250):  # twice what the queue holds
                flooding.sendall(flood)
                assert receive_count(flooding, len(flood)) == flood
                if number >= 150 and number % 2:
                    line = b"quiet %d\n" % number
                    quiet.sendall(line)
                    assert receive_count(quiet, len(line)) == line
            names = [Endpoint.from_sockaddr(one.getsockname()) for one in (flooding, quiet)]
        lines: list[str] = []
        while sum("client closed" in line for line in lines) < 2:  # the screen is read again
            lines.append(screen.reader.readline().decode().rstrip("\n"))
    of_quiet = [f"[TCP/{names[1]}] quiet {number}" for number in range(151, 250, 2)]
    assert [line for line in lines if str(names[1]) in line] == of_quiet
    before = "".join(lines[: lines.index(of_quiet[-1])])
    assert len(before) < 2_000_000  # not most of the flood
    missing = rf"\[TCP server\] \d+ lines of {names[0]} not shown"
    assert any(re.fullmatch(missing, line) for line in lines)


@pytest.mark.slow
@posix
@pytest.mark.parametrize("read_first", [0, pytest.param(200_000, marks=pytest.mark.slow)])
def test_every_line_is_shown_or_counted(read_first: int) -> None:
    lines = 100_000
    with Screen() as screen, Process("serve", "--port", "0", stdout=screen.writer) as server:
        exchange(screen.address(), b"a\n" * lines)
        shown = b""
        while len(shown) < read_first:
            shown += screen.reader.read(10_000)
        server.popen.send_signal(signal.SIGINT)
        missing = int(server.err.expect(r"^\[TCP server\] (\d+) lines not shown$")[1])
        assert server.wait() == 0
        shown += b"".join(iter(lambda: screen.reader.read(1 << 20), b""))
    missing += sum(int(text) for text in re.findall(rb"(\d+) lines (?:of \S+ )?not shown", shown))
    # A blank line, connected, closed and stopped add 4. A line split over two received pieces
    # counts twice, and lines of the stalled write may have got through.
    assert lines + 4 <= shown.count(b"\n") + missing <= lines + 100 + 65536 / len("[TCP/…] a")


@posix
def test_a_screen_that_cannot_be_written_is_reported() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with (
        Path("/dev/full").open("wb") as full,
        Process("serve", "--port", "0", stdout=full) as server,
    ):
        server.err.expect(r"^\[write\(\)\] No space left on device$")
        assert server.stop() == 0
        server.err.expect(r"^\[TCP server\] 3 lines not shown$")


@pytest.mark.slow
@posix
def test_signals_while_it_ends_change_nothing() -> None:
    for _ in range(3):
        with Process("serve", "--port", "0") as server:
            server.endpoints()
            while server.popen.poll() is None:
                server.popen.send_signal(signal.SIGINT)
                time.sleep(0.002)  # an impatient finger, not a storm
            assert server.wait() == 0


@pytest.mark.slow
def test_a_stalled_screen_does_not_keep_the_server_from_ending() -> None:
    with Screen() as screen, Process("serve", "--port", "0", stdout=screen.writer) as server:
        exchange(screen.address(), b"x" * 1_000_000)
        assert server.stop() == 0
        server.err.expect("not shown")


def test_a_closed_screen_stops_no_echo() -> None:
    with Screen() as screen, Process("serve", "--port", "0", stdout=screen.writer) as server:
        address = screen.address()
        screen.reader.close()
        for _ in range(3):
            exchange(address, b"hello\n" * 1000)
        assert server.stop() == 0
        assert server.err.seen[0] == "[write()] Broken pipe\n"
        assert re.fullmatch(r"\[TCP server\] \d+ lines not shown\n", server.err.seen[1])
        assert len(server.err.seen) == 2


@pytest.mark.slow
def test_any_listens_on_every_interface_of_both_families() -> None:
    with Process("serve", "--port", "0", "--any") as server:
        ipv4, ipv6 = server.endpoints()
        assert (ipv4.host, ipv6.host) == ANY
        assert ipv4.port == ipv6.port
        exchange(("127.0.0.1", ipv4.port), b"4")
        exchange(("::1", ipv6.port), b"6")
        assert server.stop() == 0
        assert server.err.text == (
            "[TCP server] anyone who reaches this machine can connect; "
            "--allow NETWORK limits that\n"
        )


def test_clients_of_other_networks_are_refused() -> None:
    only = ["--allow", "127.0.0.0/8", "--allow", "2001:db8::/32"]
    with Process("serve", "--port", "0", "--any", *only) as server:
        ipv4, ipv6 = server.endpoints()
        exchange(("127.0.0.1", ipv4.port), b"4")
        with socket.create_connection(("::1", ipv6.port)) as refused:
            assert receive_all(refused) == b""
            line = f"1 client refused: IP address=::1, port={refused.getsockname()[1]} "
        server.out.expect(re.escape(f"{line}(its address is not allowed)"))
        assert server.stop() == 0
        assert server.out.seen[-1].endswith("1 client served, 1 byte echoed, 1 client refused\n")
        assert server.err.text == ""


def test_the_log_can_be_json_lines() -> None:
    with Process("serve", "--port", "0", "--any", "--log-format", "json") as server:
        server.out.expect('"listening"')
        port = int(server.out.expect(r'"endpoint": "\[::\]:(\d+)"')[1])
        exchange(("127.0.0.1", port), b"hello\n{}\xff")
        assert server.stop() == 0
        found = [json.loads(line) for line in server.out.seen]
        assert [one["event"] for one in found[2:]] == [
            "client_connected",
            "data_received",
            "client_closed",
            "stopped",
        ]
        assert found[3]["text"] == "hello\n{}\\xff"
        assert json.loads(server.err.text)["event"] == "open_to_all"


@pytest.mark.slow
def test_an_address_may_have_so_many_clients() -> None:
    with Process("serve", "--port", "0", "--max-clients-per-host", "1") as server:
        address, _ = server.endpoints()
        with socket.create_connection(address) as served:
            served.sendall(b"first")
            assert served.recv(5) == b"first"
            with socket.create_connection(address) as refused:
                assert receive_all(refused) == b""
            server.out.expect("too many clients of its address")


@pytest.mark.slow
def test_each_host_is_served_once_by_name_or_address() -> None:
    arguments = ["--host", "localhost", "--host", "[::1]", "--host", "127.0.0.2"]
    with Process("serve", "--port", "0", *arguments) as server:
        found = [server.out.expect(r"IP address=(.*), port=(\d+)") for _ in range(3)]
        assert [line[1] for line in found] == ["127.0.0.1", "::1", "127.0.0.2"]
        for line in found:
            exchange((line[1], int(line[2])), b"here")


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--host", "nosuch.invalid"], 1, "[getaddrinfo()] No such host is known: nosuch.invalid"),
        (["--host", "203.0.113.1"], 1, "[bind()] Cannot assign requested address: 203.0.113.1:"),
        (["--host", "fe80::1"], 1, "needs a zone, such as fe80::1%"),
        (["--host", "fe80::1%nosuch"], 1, "[getaddrinfo()] No such host is known: fe80::1%nosuch"),
        (["--port", "65536"], 2, "'65536' is not a port number (0 to 65535)"),
        (["--port", "http"], 2, "'http' is not a port number (0 to 65535)"),
        (["--encoding", "klingon"], 2, "unknown text encoding: klingon"),
        (["--encoding", "rot13"], 2, "unknown text encoding: rot13"),
        (["--lang", "tlh"], 2, "'tlh'"),
        (["--max-clients", "0"], 2, "0"),
        (["--max-clients-per-host", "0"], 2, "0"),
        (["--allow", "here"], 2, "'here' is not a network, such as 192.0.2.0/24"),
        (["--allow", "192.0.2.1/24"], 2, "has bits beyond its prefix: write 192.0.2.0/24"),
        (["--fragment", "0"], 2, "0"),
        (["--delay", "nan"], 2, "'nan' is not a time"),
        (["--reset-after", "-1"], 2, "-1"),
        (["--close-after", "1.5"], 2, "1.5"),
        (["--rate", "fast"], 2, "'fast' is not a number"),
        (["--rate", "0"], 2, "--rate must be more than 0 bytes a second"),
        (["--only-share", "nan"], 2, "--only-share must be more than 0 and at most 1, not nan"),
        (["--only-first", "1", "--delay", "0"], 2, "--only-first and --only-share limit a fault"),
        (["--grace", "-1"], 2, "'-1' is not a time"),
        (["--grace", "nan"], 2, "'nan' is not a time"),
        (["--idle-timeout", "0"], 2, "it must be more than 0 seconds"),
        (["--any", "--host", "::1"], 2, "leave out --host"),
        (["surplus"], 2, "surplus"),
        (["\x1b[2J"], 2, r"(\x1b[2J)"),
        (["--host", ""], 2, "the host is empty"),
        (["--host", "]::1["], 1, "[getaddrinfo()] No such host is known: ]::1["),
    ],
)
def test_a_wrong_command_line_is_a_one_line_error(
    arguments: list[str], status: int, line: str, command_line: CommandLine
) -> None:
    port = [] if "--port" in arguments else ["--port", "0"]
    got, out, error = command_line("serve", *port, *arguments)
    assert got == status
    assert error.count("\n") == 1
    assert line in error
    assert out == ""


def test_a_port_in_use_is_a_one_line_error_in_the_users_language(server: Process) -> None:
    address, _ = server.endpoints()
    for lang, words in (("en", "Address already in use"), ("ko", "주소가 이미 사용 중입니다")):
        with Process("serve", "--port", str(address.port), "--lang", lang) as second:
            assert second.wait() == 1
            assert second.err.seen == [f"[bind()] {words}: 127.0.0.1:{address.port}\n"]


@pytest.mark.slow
def test_a_privileged_port_is_a_one_line_error() -> None:
    if sys.platform == "win32":
        pytest.skip("on Windows any user may listen on port 80")
    first = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")
    if first.exists() and int(first.read_text()) <= 80:
        pytest.skip("on this system any user may listen on port 80")
    prefix: tuple[str, ...] = ()
    if os.getuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("running as root, and there is no setpriv to drop the privilege")
        prefix = (setpriv, "--bounding-set=-net_bind_service")
    with Process("serve", "--port", "80", prefix=prefix) as server:
        assert server.wait() == 1
        assert server.err.seen == ["[bind()] Permission denied: 127.0.0.1:80\n"]
