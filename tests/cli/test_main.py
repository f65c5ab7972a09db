"""The command line before any command."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import Process

from trio_echo import cli

if TYPE_CHECKING:
    from support import CommandLine


def test_without_a_command_it_prints_help() -> None:
    with Process() as process:
        assert process.wait() == 2
        assert process.out.text == ""
        assert "Commands:" in process.err.text


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_not_an_error(option: str, command_line: CommandLine) -> None:
    for command in ([], *([name] for name in cli.cli.commands)):
        status, out, error = command_line(*command, option)
        assert (status, error) == (0, "")
        assert "Options:" in out


def test_it_prints_its_version() -> None:
    with Process("--version") as process:
        assert process.wait() == 0
        assert version("trio-echo") in process.out.text


def test_an_unknown_command_is_a_one_line_error() -> None:
    with Process("server") as process:
        assert process.wait() == 2
        assert len(process.err.seen) == 1
        assert "'server'" in process.err.text


def test_it_is_also_installed_as_a_command() -> None:
    program = Path(sys.executable).with_name("trio-echo")
    shown = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    assert version("trio-echo") in shown.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no status for a signal")
@pytest.mark.parametrize(
    "program",
    [["-m", "trio_echo"], ["-c", "from trio_echo.__main__ import main; main()"]],
    ids=["module", "installed command"],
)
def test_ctrl_c_while_it_is_imported_ends_it_without_a_traceback(
    program: list[str], tmp_path: Path
) -> None:
    """The import of a library takes a while; this one is interrupted."""
    interrupted = "import signal; signal.raise_signal(signal.SIGINT)"
    (tmp_path / "click.py").write_text(interrupted, "utf-8")
    (tmp_path / "trio.py").write_text(interrupted, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, *program, "serve"]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], marks=pytest.mark.slow),
        pytest.param(["--version"], marks=pytest.mark.slow),
        ["serve", "--help"],
    ],
)
def test_help_that_cannot_be_written_is_a_one_line_error(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full, Process(*arguments, stdout=full) as process:
        assert process.wait() == 1
        assert process.err.seen == ["trio-echo: No space left on device\n"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs ulimit")
@pytest.mark.parametrize("command", ["serve", "connect"])
@pytest.mark.parametrize(
    "limit", [6, pytest.param(7, marks=pytest.mark.slow), pytest.param(8, marks=pytest.mark.slow)]
)
def test_too_few_descriptors_are_a_one_line_error(command: str, limit: int) -> None:
    prefix = ("sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh")
    with Process(command, prefix=prefix) as process:
        assert process.wait() == 1
        assert len(process.err.seen) == 1
        assert "Too many open files" in process.err.text
