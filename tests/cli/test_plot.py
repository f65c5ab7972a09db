"""`python -m trio_echo plot`."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import runs
from support import Process, without_module

from trio_echo.measure.results import files
from trio_echo.measure.results.json_text import to_json

if TYPE_CHECKING:
    from pathlib import Path

    from support import CommandLine

RUN, SAMPLES = runs.run()


@pytest.fixture
def plot(command_line: CommandLine) -> CommandLine:
    return lambda *words: command_line("plot", *map(str, words))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.json"
    files.write(path, RUN, SAMPLES)
    return path


@pytest.mark.parametrize(
    ("ending", "begins"),
    [
        ("png", b"\x89PNG"),
        pytest.param("svg", b"<?xml", marks=pytest.mark.slow),
        pytest.param("pdf", b"%PDF", marks=pytest.mark.slow),
    ],
)
def test_it_writes_the_page_and_says_where(
    results: Path, ending: str, begins: bytes, plot: CommandLine
) -> None:
    path = results.with_name(f"page.{ending}")
    assert plot(results, "-o", path, "--dark") == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(begins)


@pytest.mark.slow
def test_without_a_name_it_is_a_png_beside_the_results(results: Path, plot: CommandLine) -> None:
    path = results.with_suffix(".png")
    assert plot(results) == (0, f"{path}\n", "")
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_without_raw_samples_it_says_so_and_draws_the_rest(
    results: Path, plot: CommandLine
) -> None:
    files.samples_path(results).unlink()
    status, out, err = plot(results)
    assert (status, out) == (0, f"{results.with_suffix('.png')}\n")
    assert err == f"drawn without raw samples: there is no {files.samples_path(results)}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "No such file or directory: "),
        ("", "not a complete JSON file"),
        ("[1, 2]", "not a results file"),
        (json.dumps({"schema_version": 99}), "schema version 99"),
        (to_json(RUN).replace('"p50"', '"p75"'), "percentiles: invalid enum value 'p75'"),
        (to_json(RUN).replace('"median": ', '"median": -'), "median: expected float >= 0"),
        (
            re.sub('"median": [0-9.]+', '"median": 1e308', to_json(RUN)),
            "median: expected float <= 1e",
        ),
        (
            to_json(RUN).replace('"size": 64', f'"size": 1{"0" * 30}'),
            "[0].size: expected int <= ",
        ),
    ],
)
def test_a_wrong_results_file_is_one_line(
    tmp_path: Path, text: str | None, words: str, plot: CommandLine
) -> None:
    path = tmp_path / "results.json"
    if text is not None:
        path.write_text(text)
    status, out, err = plot(path)
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("[open()] " if text is None else "trio-echo plot: ")
    assert words in err
    assert str(path) in err


@pytest.mark.parametrize("damage", ["cut short", "of fewer rounds", "of other rounds"])
def test_samples_that_do_not_belong_to_the_results_are_one_line(
    results: Path, damage: str, plot: CommandLine
) -> None:
    samples = files.samples_path(results)
    if damage == "cut short":
        samples.write_bytes(samples.read_bytes()[:-100])
    else:
        other = runs.run(1) if damage == "of fewer rounds" else runs.run(messages=7)
        files.write(results.with_name("other.json"), *other)
        samples.write_bytes(results.with_name("other.samples.zip").read_bytes())
    status, out, err = plot(results)
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert str(samples) in err
    assert not results.with_suffix(".png").exists()


def zeros(value: object) -> object:
    """The same results, of messages that took no time."""
    if isinstance(value, dict):
        return {
            name: dict.fromkeys(one, 0) if name == "percentiles" else zeros(one)
            for name, one in value.items()
        }
    if isinstance(value, list):
        return [zeros(one) for one in value]
    return 0 if isinstance(value, float) else value


@pytest.mark.slow
@pytest.mark.parametrize("raw", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "rounds", [pytest.param(2, marks=pytest.mark.slow), 6]
)  # without and with intervals
def test_times_that_are_all_0_are_drawn(
    results: Path, rounds: int, raw: bool, plot: CommandLine
) -> None:
    run, samples = runs.run(rounds)
    value = json.loads(to_json(run))
    for name in ("rounds", "cells", "comparisons"):
        value[name] = zeros(value[name])
    results.write_text(json.dumps(value))
    if raw:
        none = [replace(one, sent=one.received, intended=one.received) for one in samples]
        with files.samples_path(results).open("wb") as file:
            files._write_samples(file, none)
    else:
        files.samples_path(results).unlink()
    status, out, _ = plot(results)
    assert (status, out) == (0, f"{results.with_suffix('.png')}\n")


def test_a_file_that_cannot_be_written_is_one_line(results: Path, plot: CommandLine) -> None:
    path = results.with_name("missing") / "page.svg"
    status, _, err = plot(results, "-o", path)
    assert status == 1
    assert err == f"[open()] No such file or directory: {path}\n"


@pytest.mark.skipif(sys.platform == "win32", reason="it says so in other words")
def test_a_symbolic_link_to_itself_is_one_line(results: Path, plot: CommandLine) -> None:
    path = results.with_name("page.svg")
    path.symlink_to(path)
    status, _, err = plot(results, "-o", path)
    assert status == 1
    assert err == f"[open()] Too many levels of symbolic links: {path}\n"
    assert path.is_symlink()


def test_a_picture_does_not_replace_its_results(results: Path, plot: CommandLine) -> None:
    other = results.rename(results.with_suffix(".png"))
    text = other.read_bytes()
    status, out, err = plot(other)
    assert (status, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "would replace its results" in err
    assert other.read_bytes() == text


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_a_picture_that_cannot_be_finished_leaves_the_old_one(results: Path) -> None:
    path = results.with_suffix(".svg")
    path.write_text("old")
    prefix = ("sh", "-c", 'ulimit -f 40; trap "" XFSZ; exec "$@"', "sh")
    with Process("plot", str(results), "-o", str(path), prefix=prefix) as command:
        assert command.wait() == 1
    assert command.err.text == f"[write()] File too large: {path}\n"
    assert path.read_text() == "old"


def test_another_format_is_a_wrong_command_line(results: Path, plot: CommandLine) -> None:
    status, _, err = plot(results, "-o", "page.gif")
    assert status == 2
    assert "does not end in .png, .svg, .pdf" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("missing", ["matplotlib", "numpy"])
def test_without_matplotlib_it_says_what_to_install(
    results: Path, tmp_path: Path, missing: str
) -> None:
    env = without_module(missing, tmp_path)
    with Process("plot", str(results), env=env) as command:
        status, out, err = command.wait(), command.out.text, command.err.text
    assert (status, out) == (1, "")
    assert err == (
        'trio-echo plot: plots need matplotlib: python -m pip install "trio-echo[notebooks]"\n'
    )


def test_a_directory_is_no_results_file(tmp_path: Path, plot: CommandLine) -> None:
    for path in (tmp_path, tmp_path / ".."):
        status, out, err = plot(path)
        assert (status, out) == (1, "")
        assert len(err.splitlines()) == 1
