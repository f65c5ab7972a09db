"""The command line before any command."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from support import Process


def test_without_a_command_it_helps() -> None:
    with Process() as process:
        assert process.wait() == 2
        assert process.out.text == ""
        assert "Commands:" in process.err.text


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_no_error(option: str) -> None:
    for command in ([], ["serve"], ["connect"]):
        with Process(*command, option) as process:
            assert process.wait() == 0
            assert "Options:" in process.out.text


def test_it_tells_its_version() -> None:
    with Process("--version") as process:
        assert process.wait() == 0
        assert version("trio-echo") in process.out.text


def test_an_unknown_command_is_one_line() -> None:
    with Process("server") as process:
        assert process.wait() == 2
        assert len(process.err.seen) == 1
        assert "'server'" in process.err.text


def test_it_is_installed_as_a_command_too() -> None:
    program = Path(sys.executable).with_name("trio-echo")
    shown = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    assert version("trio-echo") in shown.stdout
