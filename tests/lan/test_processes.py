"""Processes on a host."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from subprocess import PIPE
from typing import TYPE_CHECKING

import pexpect
import pytest
import trio
from rooms import processes_below

from trio_echo import lan

if TYPE_CHECKING:
    from pathlib import Path

if sys.platform != "linux":
    pytest.skip("hosts need Linux", allow_module_level=True)

pytestmark = pytest.mark.usefixtures("hosts_allowed")

_SERVER = """
import socket
with socket.create_server(("", 9000)) as server:
    print("listening", end="", flush=True)
    client, address = server.accept()
    with client:
        client.sendall(client.recv(100))
"""


async def test_a_process_is_on_its_host() -> None:
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        client, server = net.hosts.values()
        command = [sys.executable, "-c", _SERVER]
        process = await nursery.start(partial(server.run, command, stdout=PIPE))
        async with process.stdout:
            assert await process.stdout.receive_some() == b"listening"
        (row,) = server.snapshot(9000).rows
        assert (row.state, row.owned) == ("LISTEN", True)
        assert row.process_id in processes_below(process.pid)  # its number outside
        async with await client.connect(server.ipv4, 9000) as connection:
            assert await connection.echo(b"hello") == b"hello"


async def test_a_process_knows_the_names_and_sees_only_what_is_its_own() -> None:
    async with lan.hosts("client", "server") as net:
        script = "hostname; id -u; getent hosts server; ls /proc | grep -c '^[0-9]'"
        command = ["sh", "-c", script]
        done = await net["client"].run(command, capture_stdout=True)
        name, user, server, processes = done.stdout.decode().splitlines()
        assert (name, user) == ("client", "0")
        assert server.split() == [net["server"].ipv6, "server"]
        assert int(processes) <= 5


async def test_a_process_starts_where_it_is_told_to(tmp_path: Path) -> None:
    async with lan.hosts("client", "server") as net:
        run = partial(net["client"].run, cwd=tmp_path, env={**os.environ, "WORD": "hello"})
        done = await run(["sh", "-c", "pwd; echo $WORD; cat"], stdin=b"input", capture_stdout=True)
        assert done.stdout.decode().splitlines() == [str(tmp_path), "hello", "input"]


async def test_a_process_ends_with_its_own_status() -> None:
    async with lan.hosts("client", "server") as net:
        run = partial(net["client"].run, check=False, capture_stderr=True)
        for script, status in (
            ("exit 3", 3),
            ("kill -TERM $$", -signal.SIGTERM),
            ("kill -KILL $$", -signal.SIGKILL),
        ):
            assert (await run(["sh", "-c", script])).returncode == status
        with pytest.raises(subprocess.CalledProcessError, match=r"Command '\['false'\]' returned"):
            await net["client"].run(["false"])
        with pytest.raises(TypeError, match=r"as a list: \['echo', 'hi'\]"):
            await net["client"].run("echo hi")


async def test_a_command_that_cannot_be_run_ends_with_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    async with lan.hosts("client", "server") as net:
        run = partial(net["client"].run, check=False, capture_stderr=True)
        for command, status, line in (
            ("no-such-program", 127, "[exec()] No such file or directory: no-such-program"),
            ("/etc/passwd", 126, "[exec()] Permission denied: /etc/passwd"),
            ("", 127, "[exec()] No such file or directory: ''"),
            ("\x1b[2J\n\udcff", 127, r"[exec()] No such file or directory: \x1b[2J\n\udcff"),
        ):
            done = await run([command])
            assert (done.returncode, done.stderr.decode()) == (status, f"{line}\n")
        # A shell may be in a folder that was removed.
        remove = ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *net["client"]._entering(["true"])]
        done = await trio.run_process(
            remove,
            cwd=gone,
            pass_fds=net["client"]._namespaces,
            check=False,
            capture_stderr=True,
        )
        assert done.returncode == 127
        assert done.stderr == b"[getcwd()] No such file or directory\n"


async def test_a_process_gets_the_signals_that_are_sent_to_it() -> None:
    script = "trap 'echo hup' HUP; trap 'echo int; exit 4' INT; echo; while :; do sleep 0.01; done"
    async with lan.hosts("client", "server") as net, trio.open_nursery() as nursery:
        run = partial(net["client"].run, ["sh", "-c", script], stdout=PIPE, check=False)
        process = await nursery.start(run)
        for number, answer in ((None, b"\n"), (signal.SIGHUP, b"hup\n"), (signal.SIGINT, b"int\n")):
            if number is not None:
                process.send_signal(number)
            assert await process.stdout.receive_some() == answer
        assert await process.wait() == 4
        await process.stdout.aclose()


@pytest.mark.slow
async def test_a_process_ends_when_its_run_is_cancelled_or_killed() -> None:
    command = ["sh", "-c", "echo; exec sleep infinity"]
    async with lan.hosts("client", "server") as net:
        for end in ("cancelled", "killed"):
            async with trio.open_nursery() as nursery:
                run = partial(net["client"].run, command, stdout=PIPE, check=False)
                process = await nursery.start(run)
                await process.stdout.receive_some()
                (inner,) = processes_below(process.pid)
                life = os.pidfd_open(inner)
                if end == "killed":
                    process.kill()
                else:
                    nursery.cancel_scope.cancel()
            await trio.lowlevel.wait_readable(life)  # it has ended
            os.close(life)
            await process.stdout.aclose()


_TERMINAL = """
import sys, trio
from trio_echo import lan

async def main():
    async with lan.hosts("client", "server") as net:
        done = await net["client"].run(["sh", "-i"], stdin=None, check=False)
        print("status", done.returncode)
        print("a line:", input())

trio.run(main)
"""


@pytest.mark.slow
def test_a_shell_has_the_terminal_with_its_jobs_and_gives_it_back() -> None:
    environment = {**os.environ, "PS1": "ready> "}
    terminal = pexpect.spawn(
        sys.executable, ["-c", _TERMINAL], env=environment, encoding="utf-8", timeout=None
    )
    with terminal:
        terminal.expect_exact("ready> ")
        terminal.sendline("hostname")
        terminal.expect_exact("client\r\nready> ")
        terminal.sendline("sh -c 'echo on && exec sleep infinity'")
        terminal.expect_exact("on\r\n")
        terminal.sendintr()
        terminal.expect_exact("ready> ")
        terminal.sendline("exit 5")
        terminal.expect_exact("status 5\r\n")
        terminal.sendline("hello")
        terminal.expect_exact("a line: hello\r\n")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0
