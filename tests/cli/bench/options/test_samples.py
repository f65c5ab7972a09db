"""`bench --payload`: messages are the bytes of a file."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from trio_echo import BackgroundServer
from trio_echo.cli.bench.options import samples
from trio_echo.events import DataReceived
from trio_echo.measure.results import files

if TYPE_CHECKING:
    from pathlib import Path

    from support import CommandLine

    from trio_echo.events import ServerEvent


@pytest.mark.parametrize(
    ("options", "size"), [((), 5), pytest.param(("--size", "2"), 2, marks=pytest.mark.slow)]
)
def test_a_file_is_a_message_or_many(
    options: tuple[str, ...], size: int, tmp_path: Path, command_line: CommandLine
) -> None:
    # Linux allows any bytes in a name.
    name = "words\udcff" if sys.platform == "linux" else "words"
    payload, output = tmp_path / name, tmp_path / "results.json"
    payload.write_bytes(b"words")
    events: list[ServerEvent] = []
    with BackgroundServer(hosts=["127.0.0.1"], observer=events.append) as server:
        target = (str(server.addresses[0]), "--connections", "1", "--rounds", "1", "--verify")
        load = ("--messages", "10", "--warm-up", "0", "--payload", str(payload))
        status, _, _ = command_line("bench", *target, *load, *options, "--output", str(output))
    assert status == 0
    sent = b"".join(one.data for one in events if isinstance(one, DataReceived))
    assert sent == (b"words" * 10)[: 10 * size]
    (asked,) = files.read(output).workloads
    assert (asked.size, asked.payload) == (size, str(payload).replace("\udcff", "?"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"12345", "the file has more than 4 B"),
        (None, "No such file or directory"),
    ],
)
def test_a_payload_that_cannot_be_sent_is_refused_in_one_line(
    content: bytes | None,
    reason: str,
    tmp_path: Path,
    command_line: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(samples, "_LARGEST_PAYLOAD", 4)
    path = tmp_path / "payload"
    if content is not None:
        path.write_bytes(content)
    status, out, err = command_line("bench", "127.0.0.1:9", "--payload", str(path))
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert f"{reason}: {path}" in line


@pytest.mark.parametrize("text", ["-1", "some", "1.5", "9" * 19])
def test_what_is_not_a_number_of_samples_is_refused(text: str, command_line: CommandLine) -> None:
    status, _, err = command_line("bench", "127.0.0.1:9", f"--keep-samples={text}")
    assert status == 2
    assert f"'{text}' is not a number of messages, all or none" in err
