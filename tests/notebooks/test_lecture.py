"""The lecture's programs in C: against each other and against ours, on both families."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, TypeAlias

import execute
import pytest
import trio
from support import PATIENCE, receive_count, reset

from trio_echo.notebook import compiling, terminals

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trio_echo.notebook.screens import Screens
    from trio_echo.notebook.terminals import Desk, Terminal

pytestmark = pytest.mark.skipif(compiling.compiler() is None, reason="there is no C compiler here")

Program: TypeAlias = "Callable[[str, str], str]"
"""Returns the path of a program, by its name and the address that it is for."""

FOLDER = execute.FOLDER / "lecture"
STRICT = ("-Werror", "-Wconversion", "-Wshadow", "-O2")
OURS = (sys.executable, "-m", "trio_echo")
LINES = ("한국산업기술대학교", "게임공학과")
PORT = r"포트 번호=(\d+)$"


@pytest.fixture(scope="module")
def program() -> Program:
    """Compile each program once."""
    made: dict[tuple[str, str], str] = {}

    def compiled(name: str, host: str) -> str:
        if (name, host) not in made:
            kind = "client" if name == "client" else "server"
            changes = compiling.FOR_IPV6[kind] if ":" in host else {}
            path = compiling.compiled(FOLDER / f"{name}.c", changes, *STRICT)
            assert path is not None
            made[name, host] = path
        return made[name, host]

    return compiled


async def perform(talk: Callable[[Desk], Awaitable[object]]) -> Screens:
    with trio.fail_after(PATIENCE):
        return await terminals.run(talk, lambda _: None)


async def port_of(server: Terminal) -> str:
    return (await server.shows(PORT))[1]


def connected(host: str, port: str) -> socket.socket:
    sock = socket.create_connection((host, int(port)))
    sock.settimeout(PATIENCE)
    return sock


# tests/cli/test_lecture.py has our own two.
@pytest.mark.parametrize(("server_is", "client_is"), [("C", "C"), ("C", "ours"), ("ours", "C")])
async def test_c_and_ours_show_the_lectures_lines(
    program: Program, host: str, server_is: str, client_is: str
) -> None:
    async def talk(desk: Desk) -> None:
        server = await (
            desk.open("server", program("server", host), "0")
            if server_is == "C"
            else desk.open("server", *OURS, "serve", "--lang", "ko", "--host", host, "--port", "0")
        )
        port = await port_of(server)
        client = await (
            desk.open("client", program("client", host), host, port)
            if client_is == "C"
            else desk.open("client", *OURS, "connect", "--lang", "ko", host, port, echoes=True)
        )
        for line in LINES:
            await client.enter(line)
            await client.shows("받은 데이터")
        await client.enter("")
        assert await client.ended() == 0
        await server.shows("클라이언트 종료.*\n")

    screens = await perform(talk)
    end = f"[{host}]:PORT" if ":" in host else f"{host}:PORT"
    assert re.sub(r"\d{4,5}(?=\n|\])", "PORT", screens["server"]) == (
        f"[TCP 서버] 접속 대기: IP 주소={host}, 포트 번호=PORT\n\n"
        f"[TCP 서버] 클라이언트 접속: IP 주소={host}, 포트 번호=PORT\n"
        f"[TCP/{end}] {LINES[0]}\n[TCP/{end}] {LINES[1]}\n"
        f"[TCP 서버] 클라이언트 종료: IP 주소={host}, 포트 번호=PORT\n"
    )
    said = "".join(
        f"\n[보낼 데이터] {line}\n"
        f"[TCP 클라이언트] {len(line.encode())}바이트를 보냈습니다.\n"
        f"[TCP 클라이언트] {len(line.encode())}바이트를 받았습니다.\n"
        f"[받은 데이터] {line}\n"
        for line in LINES
    )
    assert screens["client"] == f"{said}\n[보낼 데이터] \n(exit status 0)\n"


@pytest.mark.parametrize("name", ["server", "threads"])
async def test_the_server_echoes_every_byte(program: Program, host: str, name: str) -> None:
    data = bytes(range(256)) * 8192

    def exchange(port: str) -> bytes:
        with connected(host, port) as sock:
            sender = threading.Thread(target=sock.sendall, args=(data,))
            sender.start()
            echo = receive_count(sock, len(data))
            sender.join(PATIENCE)
        return echo

    async def talk(desk: Desk) -> None:
        port = await port_of(await desk.open("server", program(name, host), "0"))
        assert await trio.to_thread.run_sync(exchange, port) == data

    await perform(talk)


@pytest.mark.parametrize("length", [1, 511, 512, 513, 1024, 1300])
async def test_the_client_sends_a_line_of_any_length(program: Program, length: int) -> None:
    async def talk(desk: Desk) -> None:
        port = await port_of(await desk.open("server", program("server", "127.0.0.1"), "0"))
        client = await desk.open("client", program("client", "127.0.0.1"), "127.0.0.1", port)
        await client.enter("x" * length)
        await client.enter("the next line")
        await client.shows("받은 데이터. the next line")
        await client.enter("")
        assert await client.ended() == 0

    screens = await perform(talk)
    pieces = re.findall(r"^\[받은 데이터\] (x+)$", screens["client"], re.MULTILINE)
    assert [len(one) for one in pieces] == [512] * (length // 512) + [length % 512] * (
        length % 512 > 0
    )
    sizes = re.findall(r"(\d+)바이트를 보냈습니다", screens["client"])
    assert sum(map(int, sizes)) == length + len("the next line")


@pytest.mark.parametrize("typed", [b"", b"\n", b"\0\n", b"hello", b"\0"])
async def test_the_client_ends_at_the_end_of_its_input(program: Program, typed: bytes) -> None:
    async def talk(desk: Desk) -> None:
        port = await port_of(await desk.open("server", program("server", "127.0.0.1"), "0"))
        command = [program("client", "127.0.0.1"), "127.0.0.1", port]
        ran = await trio.run_process(command, stdin=typed, capture_stdout=True)
        assert (b"[\xeb\xb0\x9b\xec\x9d\x80" in ran.stdout) == (typed == b"hello")

    await perform(talk)


@pytest.mark.parametrize("name", ["server", "threads"])
async def test_a_reset_ends_one_client_and_not_the_server(
    program: Program, host: str, name: str
) -> None:
    async def talk(desk: Desk) -> None:
        server = await desk.open("server", program(name, host), "0")
        port = await port_of(server)
        sock = connected(host, port)
        await server.shows("클라이언트 접속")
        reset(sock)
        await server.shows(r"^\[recv\(\)\] Connection reset by peer\n.*클라이언트 종료")
        with connected(host, port) as sock:
            sock.sendall(b"hello")
            assert await trio.to_thread.run_sync(receive_count, sock, 5) == b"hello"

    await perform(talk)


if sys.platform != "win32":  # it has neither SIGPIPE nor SIGSTOP

    async def test_sending_to_a_client_that_has_left_ends_only_that_client(
        program: Program,
    ) -> None:
        host = "127.0.0.1"

        async def talk(desk: Desk) -> None:
            server = await desk.open("server", program("server", host), "0")
            port = await port_of(server)
            sock = connected(host, port)
            await server.shows("클라이언트 접속")
            server._process.send_signal(signal.SIGSTOP)  # so that all of this waits for it
            sock.sendall(b"x" * 2048)
            sock.close()
            server._process.send_signal(signal.SIGCONT)
            # The first echo is answered with a reset, and the second send() fails: EPIPE.
            await server.shows(r"^\[send\(\)\] Broken pipe\n.*클라이언트 종료")
            connected(host, port).close()
            await server.shows("클라이언트 종료")

        await perform(talk)


async def test_a_server_that_leaves_early_is_reported(
    program: Program,
) -> None:
    async def talk(desk: Desk) -> None:
        with trio.socket.socket() as listener:
            await listener.bind(("127.0.0.1", 0))
            listener.listen()
            port = listener.getsockname()[1]
            client = await desk.open(
                "client", program("client", "127.0.0.1"), "127.0.0.1", str(port)
            )
            await client.enter("hello")
            sock, _ = await listener.accept()
            with sock:
                await sock.send((await sock.recv(5))[:2])
            await client.shows("5바이트 중 2바이트를 받고 연결이 종료되었습니다")
            await client.ended()

    await perform(talk)


async def test_fatal_errors_name_their_call(program: Program, host: str) -> None:
    async def talk(desk: Desk) -> None:
        first = await desk.open("first", program("server", host), "0")
        port = await port_of(first)
        second = await desk.open("second", program("server", host), port)
        assert await second.ended() == 1
        await first.close()
        client = await desk.open("client", program("client", host), host, port)
        assert await client.ended() == 1

    screens = await perform(talk)
    assert screens["second"].startswith("[bind()] Address already in use\n")
    assert screens["client"].startswith("[connect()] Connection refused\n")


def test_wrong_arguments_are_reported(program: Program) -> None:
    for name, words in (
        ("server", ["70000"]),
        ("server", ["http"]),
        ("client", ["localhost", "9000"]),
        ("client", ["127.0.0.1", ""]),
    ):
        command = [program(name, "127.0.0.1"), *words]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert ran.returncode == 2
        assert re.fullmatch(r"\S* is not (a port|an IP address)\n", ran.stderr)


async def test_one_client_at_a_time_but_a_thread_for_each(
    program: Program,
) -> None:
    host = "127.0.0.1"

    async def one_at_a_time(desk: Desk) -> None:
        server = await desk.open("server", program("server", host), "0")
        port = await port_of(server)
        with connected(host, port) as first, connected(host, port) as second:
            second.sendall(b"hello")
            first.sendall(b"hi")
            assert await trio.to_thread.run_sync(receive_count, first, 2) == b"hi"
            assert server.text.count("클라이언트 접속") == 1
            first.close()
            assert await trio.to_thread.run_sync(receive_count, second, 5) == b"hello"

    async def a_thread_each(desk: Desk) -> None:
        port = await port_of(await desk.open("server", program("threads", host), "0"))
        with connected(host, port), connected(host, port) as second:
            second.sendall(b"hello")
            assert await trio.to_thread.run_sync(receive_count, second, 5) == b"hello"

    await perform(one_at_a_time)
    await perform(a_thread_each)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_without_a_compiler_the_notebook_shows_recordings_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path,) = FOLDER.parent.glob("06_*.ipynb")
    shutil.copytree(path.parent, tmp_path / "notebooks")
    monkeypatch.setenv("PATH", str(tmp_path))
    before, again = execute.read(path), execute.execute(tmp_path / "notebooks" / path.name)
    assert execute.kinds(again) == execute.kinds(before)
    shown = [one.data["text/plain"] for one in execute.outputs(again) if "data" in one]
    ends = [text.rpartition("\n(")[2] for text in shown if text.endswith((" here)", "(live)"))]
    # Lab 4-2 is our own programs.
    assert sorted(ends) == ["live)"] + [f"recorded, for: {terminals.NO_COMPILER})"] * 6
