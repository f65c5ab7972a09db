"""`wire`: its options, its statuses, its server, its capture file, and that nothing is left."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import signal
import sys
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

import psutil
import pytest
from support import PATIENCE, Process

from trio_echo.observe.packets.files import pcap

if sys.platform != "linux":
    pytest.skip("hosts can be made on Linux only", allow_module_level=True)

import pexpect

if TYPE_CHECKING:
    from typing import NoReturn

    from support import CommandLine

hosts = pytest.mark.usefixtures("hosts_allowed")

# A server that ends at once, so that no test waits for Python to start.
NO_SERVER = ("--server", "exit 3")
PYTHON = sys.executable
# To give itself its own number, root alone needs the one that is left (user_namespaces(7)).
WITHOUT_CAPABILITIES = (
    ("setpriv", "--bounding-set=-all,+setfcap", "--inh-caps=-all") if os.geteuid() == 0 else ()
)
ECHO = f"printf 'hello\\n' | {PYTHON} -m trio_echo connect server 9000"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--delay", "20", "--delay: '20' has no unit"),
        ("--loss", "5", "--loss: '5' is more than all frames: did you mean 5%?"),
        ("--rate", "1mph", "--rate: "),
        ("--queue", "-1", "--queue: '-1' is not a whole number"),
        ("--mtu", "576", "--mtu: '576' is not 1280 to 65535 bytes"),
        ("--pcap", "/nowhere/x.pcap", "--pcap: No such file or directory: /nowhere/x.pcap"),
        ("--pcap", "-", "--pcap: - is not a file; standard output is /dev/stdout"),
        ("--pcap", "", "--pcap: Is a directory"),
        ("--pcap", "/dev/full", "--pcap: No space left on device: /dev/full"),
    ],
)
def test_a_wrong_option_is_one_line(
    option: str, value: str, words: str, command_line: CommandLine
) -> None:
    status, out, err = command_line("wire", option, value, "true")
    assert (status, out) == (2, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_without_pyroute2_it_is_one_line(
    monkeypatch: pytest.MonkeyPatch, command_line: CommandLine
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pyroute2" else find(name)
    )
    assert command_line("wire", "true") == (
        1,
        "",
        'trio-echo wire: hosts need pyroute2: python -m pip install "trio-echo[lan]"\n',
    )


@pytest.mark.slow
@hosts
def test_where_hosts_are_not_allowed_it_is_one_line() -> None:
    # Within a user namespace that may have no others.
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh")
    with Process("wire", "true", prefix=prefix) as process:
        assert process.wait() == 1
    assert process.err.text == (
        "[unshare()] the limits in /proc/sys/user are reached: "
        "hosts need user and network namespaces\n"
    )


@hosts
@pytest.mark.parametrize(
    ("command", "expected"),
    [
        pytest.param(["sh", "-c", "exit 7"], 7, marks=pytest.mark.slow),
        (["sh", "-c", "kill -TERM $$"], 128 + signal.SIGTERM),
        (["no-such-command"], 127),
    ],
)
def test_it_exits_as_the_command_does(
    command: list[str], expected: int, command_line: CommandLine
) -> None:
    status, _, err = command_line("wire", *NO_SERVER, "--", *command)
    assert status == expected
    assert "[wire] the server has ended with 3\n" in err
    assert err.endswith("[wire] to server: 0 frames; to client: 0 frames\n")


@pytest.mark.slow
@hosts
def test_a_server_that_a_signal_ended_has_the_status_of_a_shell(command_line: CommandLine) -> None:
    status, _, err = command_line("wire", "--server", "kill -KILL $$", "true")
    assert status == 0
    assert "[wire] the server has ended with 137\n" in err


@hosts
def test_a_rate_that_no_cable_carries_is_said(command_line: CommandLine) -> None:
    status, _, err = command_line("wire", *NO_SERVER, "--rate", "100gbit", "true")
    assert status == 0
    assert "[wire] in each direction: rate=100gbit\n" in err
    assert "[wire] a rate of 100gbit may be beyond this cable" in err


@pytest.mark.slow
@hosts
def test_too_many_open_files_are_one_line(
    monkeypatch: pytest.MonkeyPatch, command_line: CommandLine
) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr("trio_echo.cli.wiring.served", refuse)
    monkeypatch.setattr("trio_echo.cli.discard_output", lambda: None)  # it is pytest's too
    status, _, err = command_line("wire", "true")
    assert (status, err.splitlines()[2:]) == (1, ["trio-echo: Too many open files"])


@pytest.mark.slow
@hosts
def test_a_signal_during_the_start_ends_it(tmp_path: Path) -> None:
    started = tmp_path / "started"
    server = f"touch {started}; exec sleep infinity"
    with Process("wire", "--server", server, "true") as process:
        while not started.exists():
            assert process.popen.poll() is None
        process.interrupt()
        assert process.wait() == 128 + signal.SIGINT


@hosts
@pytest.mark.slow
def test_an_echo_crosses_the_cable_and_every_frame_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.pcap"
    options = ("--loss", "20%", "--seed", "3", "--mtu", "1400", "--pcap", str(file))
    command = ("--", "sh", "-c", f"echo $TRIO_ECHO_HOST; {ECHO}")
    with Process("wire", *options, *command, prefix=WITHOUT_CAPABILITIES) as process:
        assert process.wait() == 0
    assert process.out.seen[0] == "client\n"
    assert "[received data] hello\n" in process.out.text
    first, second, *_ = process.err.seen
    assert first == (
        "[wire] client 10.0.0.1 fd00::1, server 10.0.0.2 fd00::2 (port 9000: an echo server)\n"
    )
    assert second == "[wire] in each direction: loss=20%,seed=3,mtu=1400\n"
    crossed, kept = process.err.seen[-2:]
    there, back = map(int, re.findall(r"(\d+) frames", crossed))
    assert "lost" in crossed
    assert kept == f"[wire] {file}: {there + back} frames\n"
    assert len(pcap.unpack(file.read_bytes())) == there + back


@hosts
@pytest.mark.slow
def test_a_reader_of_the_capture_that_does_not_read_cannot_hold_it_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script = (
        "import socket, time\n"
        "sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)\n"
        "for _ in range(100): sender.sendto(bytes(1400), ('10.0.0.255', 9))\n"
        "socket.create_connection(('server', 9000))\n"  # all have crossed the cable
        "print('crossed', flush=True)\n"
        "time.sleep(1000)\n"
    )
    with Process("wire", "--pcap", str(pipe), "--", PYTHON, "-Sc", script) as process:
        process.out.expect("crossed")
        process.popen.terminate()
        assert process.wait() == 128 + signal.SIGTERM
    assert process.err.seen[-1] == f"[wire] {pipe} is not complete: its reader was too slow\n"
    os.close(reader)


@hosts
@pytest.mark.slow
def test_the_command_waits_until_a_server_of_the_users_listens(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    server = (
        "import socket, pathlib\n"
        f"pathlib.Path('{ready}').touch()\n"
        "with socket.create_server(('', 80)) as listener:\n"
        "    print('it listens', flush=True)\n"
        "    listener.accept()[0].sendall(b'welcome')\n"
    )
    client = "import socket; print(socket.create_connection(('server', 80)).recv(100))"
    command = f'test -e {ready} && {PYTHON} -c "{client}"'
    with Process("wire", "--server", f'{PYTHON} -c "{server}"', "sh", "-c", command) as process:
        assert process.wait() == 0
    assert process.out.text == "b'welcome'\n"
    assert "it listens\n" in process.err.text
    assert "does not listen" not in process.err.text


@hosts
@pytest.mark.slow
def test_the_command_waits_for_a_server_that_goes_into_the_background(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    server = (
        "import os, socket, pathlib, time\n"
        "while os.getppid() != 1: time.sleep(0.01)\n"  # until the shell has ended
        f"pathlib.Path('{ready}').touch()\n"
        "with socket.create_server(('', 80)) as listener:\n"
        "    while True: listener.accept()[0].sendall(b'welcome')\n"
    )
    client = "import socket; print(socket.create_connection(('server', 80)).recv(100))"
    command = f'test -e {ready} && {PYTHON} -c "{client}"'
    daemon = f'{PYTHON} -c "{server}" &'
    with Process("wire", "--server", daemon, "sh", "-c", command) as process:
        assert process.wait() == 0
    assert process.out.text == "b'welcome'\n"
    assert "the server" not in process.err.text.replace("your server", "")


@hosts
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_it_all_and_nothing_is_left(number: int) -> None:
    command = "trap '' HUP; sleep infinity & sleep infinity & echo ready; wait"
    with Process("wire", "--", "sh", "-c", command) as process:
        process.out.expect("ready")
        started = psutil.Process(process.popen.pid).children(recursive=True)
        assert any(one.name() == "sh" for one in started)
        process.popen.send_signal(number)
        status = process.wait()
    assert status == (-number if number == signal.SIGKILL else 128 + number)
    # Namespaces go with the last process in them. Their numbers are used again at once.
    _, alive = psutil.wait_procs(started, PATIENCE)
    assert not alive


@hosts
@pytest.mark.slow
def test_ctrl_c_is_for_the_command() -> None:
    with shell(
        "sh", "-c", "trap 'echo caught; exit 5' INT; sleep 1000 & echo ready; wait"
    ) as terminal:
        terminal.expect_exact("ready")
        terminal.sendcontrol("c")
        terminal.expect_exact("caught")
        terminal.expect_exact("[wire] to server: 0 frames")
        assert end(terminal) == 5


@hosts
@pytest.mark.slow
@pytest.mark.parametrize("outer", ["/bin/sh", "/bin/bash"])
def test_ctrl_c_also_ends_a_loop_around_it(outer: str) -> None:
    if not Path(outer).exists():
        pytest.skip("it is not installed")
    script = "echo ready; exec sleep infinity"
    wire = f"{PYTHON} -m trio_echo wire --server false"
    loop = f"for one in 1 2; do {wire} sh -c '{script}'; done"
    with pexpect.spawn(outer, ["-c", loop], encoding="utf-8", timeout=PATIENCE) as terminal:
        terminal.expect_exact("ready\r\n")
        terminal.sendcontrol("c")
        terminal.expect(pexpect.EOF)
        assert "ready" not in str(terminal.before)
        assert "to client: 0 frames" in str(terminal.before)
        terminal.close()
        assert (terminal.signalstatus or terminal.exitstatus) in (signal.SIGINT, 130)


@hosts
@pytest.mark.slow
def test_an_interrupt_of_the_whole_job_does_not_end_it_before_the_command() -> None:
    command = ("--", "sh", "-c", "trap '' INT; echo ready; read line; exit 4")
    with Process("wire", *NO_SERVER, *command, stdin=PIPE) as process:
        process.out.expect("ready")
        process.interrupt()
        assert process.popen.stdin is not None
        process.popen.stdin.write(b"go on\n")
        process.popen.stdin.flush()
        assert process.wait() == 4


@hosts
@pytest.mark.slow
@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="its prompt and job control are tested")
def test_a_shell_has_its_prompt_and_job_control() -> None:
    script = (
        'import signal as s; s.signal(s.SIGCONT, lambda *_: print("again", flush=True)); '
        's.signal(s.SIGINT, s.SIG_DFL); print("ready", flush=True); [*iter(s.pause, 0)]'
    )
    with shell() as terminal:
        prompt = r"client[^\n]*[#$] "
        terminal.expect(prompt)
        terminal.sendline("echo on-$TRIO_ECHO_HOST")
        terminal.expect_exact("on-client\r\n")
        terminal.expect(prompt)
        terminal.sendcontrol("c")
        terminal.expect(prompt)
        # It prints when it is in the foreground. A shell would start programs meanwhile, and the
        # signal may stop those before they begin.
        terminal.sendline(f"{PYTHON} -Sc '{script}'")
        terminal.expect_exact("\nready\r\n")
        terminal.sendcontrol("z")
        terminal.expect_exact("Stopped")
        terminal.expect(prompt)
        terminal.sendline("fg")
        terminal.expect_exact("\nagain\r\n")
        terminal.sendcontrol("c")
        terminal.expect(prompt)
        terminal.sendline("exit 6")
        terminal.expect_exact("[wire] to server: 0 frames")
        assert end(terminal) == 6


def shell(*command: str) -> pexpect.spawn[str]:
    return pexpect.spawn(
        PYTHON,
        ["-m", "trio_echo", "wire", *NO_SERVER, "--", *command],
        env={**os.environ, "SHELL": "/bin/bash", "HOME": "/nowhere", "TERM": "dumb"},
        encoding="utf-8",
        timeout=PATIENCE,
    )


def end(terminal: pexpect.spawn[str]) -> int | None:
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.signalstatus is None
    return terminal.exitstatus


@hosts
@pytest.mark.slow
def test_the_terminal_is_ours_again_when_a_signal_ended_a_shell() -> None:
    """The outer shell runs it as a job; after the signal, it can read and write again."""
    command = f"{PYTHON} -m trio_echo wire --server 'exit 3'"
    outer = pexpect.spawn(
        "/bin/sh",
        ["-i"],
        env={**os.environ, "SHELL": "/bin/sh", "PS1": "outer> ", "TERM": "dumb"},
        encoding="utf-8",
        timeout=PATIENCE,
    )
    with outer:
        outer.expect_exact("outer> ")
        outer.sendline(command)
        outer.expect(r"client[^\n]*[#$] ")
        (process,) = psutil.Process(outer.pid).children()
        process.terminate()
        outer.expect_exact("outer> ")
        outer.sendline("stty -a | tr ' ' '\\n' | grep -x icanon; echo status-$?")
        outer.expect_exact("status-0")
        outer.sendline("exit")
        outer.expect(pexpect.EOF)
