"""The line of live numbers that `bench` draws on a terminal."""

from __future__ import annotations

import re
import sys

import pytest

from trio_echo import BackgroundServer

if sys.platform == "win32":
    pytest.skip("it takes a pseudo-terminal", allow_module_level=True)

import pexpect
from support import PATIENCE

pytestmark = pytest.mark.slow


def shown(width: int, *options: str) -> tuple[list[str], str]:
    """Run a bench in a terminal so wide; returns what the line showed, and the report."""
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        words = ["-m", "trio_echo", "bench", str(server.addresses[0]), "--connections", "2"]
        child = pexpect.spawn(
            sys.executable,
            [*words, *options],
            encoding="utf-8",
            timeout=PATIENCE,
            dimensions=(24, width),
            env={"LC_ALL": "C.UTF-8", "TERM": "xterm", "PYTHONPATH": ":".join(sys.path)},
        )
        try:
            child.expect(pexpect.EOF)
        finally:
            child.close(force=True)
    live, _, report = str(child.before).partition("\x1b[?25h")
    return re.split(r"\r\x1b\[2K|\r\n", live.removeprefix("\x1b[?25l")), report


def test_each_second_changes_one_line_in_place() -> None:
    options = ("--rounds", "2", "--duration", "1.3", "--warm-up", "0")
    lines, report = shown(100, *options)
    assert lines[0] == "round 1 of 2"
    number = r"[\d,]+ messages/s  p50 [\d.]+ \ws  p99 [\d.]+ \ws  [▁-█]"
    for line, (which, bars) in zip(lines[1:], ((1, 1), (1, 2), (2, 3), (2, 4)), strict=False):
        assert re.fullmatch(rf"round {which} of 2  {number}{{{bars}}}  \d:\d\d:\d\d left", line)
    assert report.startswith("\r\x1b[1A\x1b[2K")  # the line is gone
    assert "2 x 64 B: " in report


def test_a_narrow_terminal_has_one_line_too() -> None:
    lines, _ = shown(34, "--rounds", "1", "--duration", "1", "--warm-up", "0")
    assert all(len(line) < 34 for line in lines)
    assert any("messages/s" in line for line in lines)


def test_what_goes_into_histograms_is_said_above_the_line() -> None:
    options = ("--messages", "300", "--rounds", "2", "--keep-samples", "400", "--warm-up", "0")
    lines, report = shown(100, *options)
    said = "the run has more than 400 messages (--keep-samples): this round goes into histograms"
    assert lines.count(said) == 1
    assert "percentiles of 1 of 2 rounds are from histograms: within 0.4 %" in report
