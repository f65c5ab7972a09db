"""What the README and the pages of docs/ show is what happens."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import runs
from pages import PAGES, blocks, free_port, real, run_python, typed, without_ports
from support import PATIENCE, Lines, ipv6

from trio_echo import lan
from trio_echo.cli import cli
from trio_echo.measure.results import files

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow  # each runs the commands of a page

SERVERS = ("python -m trio_echo serve", "python benchmarks/")
unix = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a Unix shell")


def pages_with(language: str) -> list[str]:
    return [name for name, page in PAGES.items() if blocks(page, language)]


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a `console` block, each with what it shows."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def shape(command: str, screen: str) -> str:
    """What is the same each time: no client's address, no measured number, no busy machine."""
    if is_wire(command):
        return re.sub(r"^(\[wire\] to server: ).*", r"\1COUNTS", screen, flags=re.MULTILINE)
    if not command.startswith("python -m trio_echo bench"):
        screen = re.sub(r"(?<=client )(.*IP address=).*(?=,)", r"\1ADDRESS", screen)
        return without_ports(re.sub(r"(?<=\[TCP/)\S*:\d+(?=\] )", "ENDPOINT", screen))
    screen = re.sub(r"^the (load|machine|rounds) .*\n", "", screen, flags=re.MULTILINE)
    screen = re.sub(r"(p\d[\d.]* [\d.,]+ \w+(, )?)+", "PERCENTILES", screen)
    screen = re.sub(r"\b(faster|slower|no difference seen)\b", "VERDICT", screen)
    return re.sub(r"\d[\d,.]*", "N", screen)


def is_wire(command: str) -> bool:
    """Whether a page shows both of a command's outputs: a person sees them together."""
    return command.startswith("python -m trio_echo wire")


def shell(command: str, port: int) -> str:
    """The command that a test runs: on the page's port, and not for minutes."""
    match command.split()[3:]:
        case ["serve", *options] if "--port" not in options:
            return f"{command} --port {port}"
        case ["connect"]:
            return f"{command} localhost {port}"
        case ["connect", _]:
            return f"{command} {port}"
        case ["bench", *_]:
            return f"{command} --messages 200 --rounds 6 --warm-up 0"
        case _:
            return command


def environment() -> dict[str, str]:
    own = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": own, "LC_ALL": "C.UTF-8", "LANGUAGE": ""}


def examples() -> Iterator[object]:
    for name, page in PAGES.items():
        found = re.findall(
            r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", page, re.MULTILINE | re.DOTALL
        )
        for number, (code, shown) in enumerate(found, 1):
            yield pytest.param(code, shown, id=f"{name}-{number}")


@pytest.mark.parametrize(("code", "shown"), [*examples()])
def test_the_python_code_runs(code: str, shown: str, tmp_path: Path) -> None:
    if "import BackgroundServer, lan" in code and (reason := lan.why_not()):
        pytest.skip(reason)
    printed = run_python(code, tmp_path)
    if shown:
        assert without_trailing(printed) == without_trailing(shown)


def without_trailing(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


@unix
@ipv6
@pytest.mark.parametrize("name", pages_with("console"))
def test_the_commands_do_what_a_page_shows(name: str, tmp_path: Path) -> None:
    session = "".join(blocks(PAGES[name], "console"))
    if any(is_wire(command) for command, _ in commands(session)) and (reason := lan.why_not()):
        pytest.skip(reason)
    first, second = (str(free_port()) for _ in range(2))
    servers = []
    with ExitStack() as stack:
        for command, shown in commands(session):
            line = shell(command, int(first)).replace("9000", first).replace("9001", second)
            run = stack.enter_context(
                subprocess.Popen(
                    ["/bin/sh", "-c", real(f"exec {line}")],
                    cwd=tmp_path,
                    env=environment(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT if is_wire(command) else subprocess.PIPE,
                )
            )
            stack.callback(run.kill)
            if command.startswith(SERVERS):
                screen = Lines(run.stdout)
                screen.expect(r"\d")  # it listens
                servers.append((run, command, screen, shown))
                continue
            out, err = run.communicate(typed(shown), PATIENCE)
            if run.returncode != 0:
                out += err  # an error; otherwise, progress
            assert shape(command, out.decode()) == shape(command, shown)
        for server, command, screen, shown in servers:
            if not shown:
                continue
            for _ in range(shown.count("client closed")):
                screen.expect("client closed")
            server.send_signal(signal.SIGINT)
            server.wait(PATIENCE)
            screen.finish()
            assert shape(command, screen.text) == shape(command, shown)


@unix
@pytest.mark.parametrize("name", pages_with("ini"))
def test_the_service_listens_and_stops(name: str) -> None:
    unit, *_ = blocks(PAGES[name], "ini")
    (start,) = re.findall(r"^ExecStart=\S+ (.*)$", unit, re.MULTILINE)
    port = free_port()
    words = start.replace("9000", str(port)).split()
    with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE) as service:
        Lines(service.stdout).expect("listening")
        socket.create_connection(("127.0.0.1", port)).close()
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE) == 0


@pytest.mark.parametrize("name", PAGES)
def test_the_command_line_takes_each_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for baseline in re.findall(r"--baseline ([\w.]+)", PAGES[name]):
        files.write(tmp_path / baseline, *runs.run())
    for line in re.findall(
        r"^(?:    |\$ |.* && )python -m trio_echo (.*)", PAGES[name], re.MULTILINE
    ):
        command, *words = shlex.split(line)
        # Without the group's settings, click would remember a --help without -h.
        group = click.Context(cli, **cli.context_settings)
        cli.commands[command].make_context(command, words, parent=group)


def test_every_option_that_a_page_names_exists() -> None:
    options = [one for command in cli.commands.values() for one in command.params]
    known = {name for option in options for name in option.opts}
    for name, page in PAGES.items():
        named = set(re.findall(r"`(--[a-z-]+)", page))
        assert named <= known, name
