"""`bench --json-lines`: a line for each second, whatever its reader does."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import trio
from support import PATIENCE, Process

from trio_echo import BackgroundServer
from trio_echo.cli.bench import json_lines
from trio_echo.measure.live import SCHEMA, Live, Second
from trio_echo.measure.load.workload import Workload
from trio_echo.measure.results import files

if TYPE_CHECKING:
    from support import CommandLine

VALIDATOR = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
SHORT = ("--duration", "1.2", "--warm-up", "0", "--rounds", "1", "--connections", "2")


def parsed(text: str) -> list[dict[str, Any]]:
    values = [json.loads(line) for line in text.splitlines()]
    for value in values:
        VALIDATOR.validate(value)
    return values


def second() -> Second:
    """A second in which nothing came back."""
    live = Live(1, "a:1", Workload(duration=1.0))
    live._until = [10**9]
    (one,) = live.rest()
    return one


def test_each_second_is_a_line_of_its_schema(tmp_path: Path, command_line: CommandLine) -> None:
    lines, output = tmp_path / "lines", tmp_path / "results.json"
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        target = str(server.addresses[0])
        status, out, _ = command_line(
            "bench", target, *SHORT, "--json-lines", str(lines), "--output", str(output)
        )
    assert status == 0
    assert "messages/s" in out
    first, rest = parsed(lines.read_text(encoding="utf-8"))
    (one,) = files.read(output).rounds
    assert (first["target"], first["round"], first["seconds"]) == (target, 1, 1.0)
    assert (rest["second"], round(rest["seconds"], 6)) == (1, 0.2)
    assert first["messages"] + rest["messages"] == one.summary.messages


@pytest.mark.slow
def test_standard_output_has_only_lines() -> None:
    with (
        BackgroundServer(hosts=["127.0.0.1"]) as server,
        Process("bench", str(server.addresses[0]), *SHORT, "--json-lines", "-") as command,
    ):
        assert command.wait() == 0
    assert len(parsed(command.out.text)) == 2
    assert "messages/s" in command.err.text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the pipe is one of POSIX")
def test_a_reader_that_goes_does_not_end_the_run() -> None:
    ours, its = os.pipe()
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        load = (str(server.addresses[0]), *SHORT, "--rounds", "2", "--json-lines", "-")
        with Process("bench", *load, stdout=its) as command:
            os.close(its)
            with open(ours, encoding="utf-8") as reader:  # noqa: PTH123  a descriptor
                assert parsed(reader.readline())
            assert command.wait() == 0
    assert "messages/s" in command.err.text
    assert "Broken pipe" not in command.err.text


@pytest.mark.skipif(sys.platform == "win32", reason="the pipe is one of POSIX")
async def test_a_reader_that_stalls_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(json_lines, "_GRACE", 0.1)
    ours, its = os.pipe()
    lines = json_lines.Lines(its)
    try:
        with trio.fail_after(PATIENCE):
            async with json_lines.written(lines) as write:
                assert write is not None
                for _ in range(1000):  # more than fits into a pipe
                    write(second())
    finally:
        os.close(ours)  # the thread that waits for room ends
        os.close(its)
    assert lines.incomplete
    assert capsys.readouterr().err == "--json-lines: the last lines were not read within 0.1 s\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_reported_once_and_fails_the_run(command_line: CommandLine) -> None:
    with BackgroundServer(hosts=["127.0.0.1"]) as server:
        target = str(server.addresses[0])
        status, out, err = command_line("bench", target, *SHORT, "--json-lines", "/dev/full")
    assert status == 1
    assert "messages/s" in out  # the results are there
    assert err.count("--json-lines: No space left on device\n") == 1


def test_a_file_that_cannot_be_written_is_an_error(command_line: CommandLine) -> None:
    status, _, err = command_line("bench", "127.0.0.1:9", "--json-lines", "/nowhere/lines")
    assert status == 2
    assert ": --json-lines: No such file or directory: /nowhere/lines " in err


def test_a_closed_standard_output_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(OSError, match="Bad file descriptor"), json_lines.opened(Path("-")):
        pass
