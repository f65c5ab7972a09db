"""The files of a run: read back the same, complete or absent, and readable by others."""

from __future__ import annotations

import errno
import json
import os
import sys
import tracemalloc
import zipfile
from array import array
from pathlib import Path

import numpy as np
import pytest
import runs
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.load.keeping import fold
from trio_echo.measure.load.workload import Samples
from trio_echo.measure.results import files
from trio_echo.measure.results.json_text import ResultsError
from trio_echo.measure.results.run import Round, collect
from trio_echo.measure.results.summary import Summary

RUN, SAMPLES = runs.run()

times = st.lists(st.tuples(*[st.integers(0, 2**63 - 1)] * 3), max_size=20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Results that have been written."""
    path = tmp_path / "results.json"
    files.write(path, RUN, SAMPLES)
    return path


def test_results_and_samples_are_read_back_as_they_were(path: Path) -> None:
    assert files.read(path) == RUN
    assert files.read_samples(path, RUN) == SAMPLES
    assert files.read_samples(files.samples_path(path), RUN) == SAMPLES


def test_the_stages_of_connections_are_read_back_as_they_were(tmp_path: Path) -> None:
    run, samples = runs.run(1, workloads=runs.RECONNECTING)
    files.write(path := tmp_path / "results.json", run, samples)
    assert files.read_samples(path, run) == samples
    assert samples[-1].resumed


def test_older_samples_have_no_stages(path: Path) -> None:
    with zipfile.ZipFile(files.samples_path(path)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    rounds = json.loads(members["rounds.json"])
    for one in rounds["rounds"]:
        del one["stages"]
    members["rounds.json"] = json.dumps(rounds).encode()
    with zipfile.ZipFile(files.samples_path(path), "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    assert files.read_samples(path, RUN) == SAMPLES


def test_histograms_are_read_back_as_they_were(tmp_path: Path) -> None:
    path, (run, samples) = tmp_path / "results.json", runs.run(rounds=2)
    for one in samples[::2]:
        fold(one)
    files.write(path, run, samples)
    assert files.read_samples(path, run) == samples


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"round_trip": {"length": 0, "slices": []}}, "length: expected int >= 1"),
        ({"round_trip": {"length": 1, "slices": []}}, "is not of 100 messages"),
        ({}, "not the histograms of a round"),
        ([], "not the histograms of a round"),
    ],
)
def test_wrong_histograms_are_refused(tmp_path: Path, change: object, reason: str) -> None:
    path, (run, samples) = tmp_path / "results.json", runs.run(rounds=1)
    fold(samples[0])
    files.write(path, run, samples)
    with zipfile.ZipFile(files.samples_path(path)) as file:
        members = {name: file.read(name) for name in file.namelist()}
    members["0/histograms"] = json.dumps(change).encode()
    with zipfile.ZipFile(files.samples_path(path), "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    with pytest.raises(ResultsError, match=reason):
        files.read_samples(path, run)


def summary(one: Samples) -> Summary:
    """As much of a summary as the samples are held against."""
    return Summary(
        messages=len(one.received),
        unanswered=one.unanswered,
        seconds=0,
        messages_per_second=None,
        bytes_per_second=None,
        round_trip_ns=None,
        from_intended_ns=None,
        failures=one.failures,
    )


def test_nothing_else_is_left_beside_them(path: Path) -> None:
    names = sorted(one.name for one in path.parent.iterdir())
    assert names == ["results.json", "results.samples.zip"]


@given(times, st.dictionaries(st.text(), st.integers(1, 9)))
def test_any_time_stamps_are_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    stamps: list[tuple[int, int, int]],
    failures: dict[str, int],
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.samples.zip"
    intended, sent, received = (array("q", [one[i] for one in stamps]) for i in range(3))
    one = Samples(
        began=1,
        ended=2,
        intended=intended,
        sent=sent,
        received=received,
        failures=failures,
        unanswered=3,
    )
    with path.open("wb") as file:
        files._write_samples(file, [one, one])
    load = RUN.workloads[0]
    rounds = [Round(number=i, target=0, workload=0, summary=summary(one)) for i in (1, 2)]
    run = collect(RUN.environment, RUN.targets, [load], rounds, partial=False)
    assert files.read_samples(path, run) == [one, one]


def test_numpy_reads_the_samples_in_two_lines(path: Path) -> None:
    with zipfile.ZipFile(files.samples_path(path)) as file:
        for number, one in enumerate(SAMPLES):
            for name in ("sent", "received"):
                read = np.cumsum(np.frombuffer(file.read(f"{number}/{name}"), "<i8"))
                assert read.tolist() == list(getattr(one, name))


def test_the_other_byte_order_writes_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = array("q", [1, 2**40])
    swapped = files._packed(times)
    monkeypatch.setattr(sys, "byteorder", "big" if sys.byteorder == "little" else "little")
    other = array("q")
    other.frombytes(files._packed(times))
    other.byteswap()
    assert other.tobytes() == swapped


def test_the_intended_start_takes_no_room_if_it_is_the_send(path: Path) -> None:
    with zipfile.ZipFile(files.samples_path(path)) as file:
        names = set(file.namelist())
    for number, one in enumerate(RUN.rounds):
        open_loop = RUN.workloads[one.workload].rate is not None
        assert (f"{number}/intended" in names) == open_loop


def test_writing_again_replaces(path: Path) -> None:
    run, samples = runs.run(1)
    old = path.with_name("old.json")
    old.hardlink_to(path)
    files.write(path, run, samples)
    assert files.read(path) == run
    assert files.read_samples(path, run) == samples
    assert files.read(old) == RUN  # the new one is another file: nobody reads half of it


def test_a_failure_in_the_middle_leaves_the_old_files(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, samples = runs.run(1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "_packed", full)
    with pytest.raises(OSError, match="No space left"):
        files.write(path, run, samples)
    test_nothing_else_is_left_beside_them(path)
    monkeypatch.undo()
    assert files.read(path) == RUN
    assert files.read_samples(path, RUN) == SAMPLES


def test_a_place_that_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    for place in (tmp_path, Path(), Path(os.devnull)):
        with pytest.raises(OSError, match="not a regular file"):
            files.write(place, RUN, SAMPLES)
        with pytest.raises(OSError, match="not a regular file"):
            files.write_csv(place, RUN)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_replaced_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(part: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "Access is denied", str(part), None, str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    sheet = tmp_path / "results.csv"
    with pytest.raises(PermissionError) as failure:
        files.write_csv(sheet, RUN)
    assert (failure.value.strerror, failure.value.filename) == ("Access is denied", str(sheet))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_is_written_through(tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    link = tmp_path / "link.json"
    link.symlink_to(target)
    files.write(link, RUN, SAMPLES)
    assert link.is_symlink()
    assert files.read(target) == RUN


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_a_link_in_the_place_of_the_raw_samples_is_replaced(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", "utf-8")
    files.samples_path(tmp_path / "results.json").symlink_to(victim)
    files.write(tmp_path / "results.json", RUN, SAMPLES)
    assert victim.read_text("utf-8") == "mine"
    assert files.read_samples(tmp_path / "results.json", RUN) == SAMPLES


def test_samples_of_other_rounds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 samples of 24 rounds"):
        files.write(tmp_path / "results.json", RUN, SAMPLES[:1])
    assert not list(tmp_path.iterdir())


def test_a_wrong_results_file_is_named(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ResultsError, match=r"results\.json: not a complete JSON file"):
        files.read(path)


def test_a_missing_file_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.read(tmp_path / "results.json")
    with pytest.raises(FileNotFoundError):
        files.read_samples(tmp_path / "results.json", RUN)


def rewritten(path: Path, members: dict[str, bytes | None]) -> None:
    """Change members of the archive; `None` takes one away."""
    with zipfile.ZipFile(path) as file:
        old = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in (old | members).items():
            if data is not None:
                file.writestr(name, data)


@pytest.mark.parametrize(
    "members",
    [
        {"rounds.json": None},
        {"rounds.json": b"{"},
        {"rounds.json": b"[" * 100_000},
        {"rounds.json": b"\xff"},
        {"rounds.json": b"{}"},
        {"rounds.json": json.dumps({"rounds": [{"began": "then"}]}).encode()},
        {"0/sent": None},
        {"0/received": None},
        {"0/sent": b"123"},
        {"0/received": bytes(8)},
        {"0/received": (b"\xff" * 7 + b"\x7f") * 100},
    ],
)
def test_wrong_samples_are_said_in_one_line(path: Path, members: dict[str, bytes | None]) -> None:
    archive = files.samples_path(path)
    rewritten(archive, members)
    with pytest.raises(ResultsError, match=r"results\.samples\.zip: not the raw samples") as caught:
        files.read_samples(path, RUN)
    assert "\n" not in str(caught.value)


def test_samples_cut_short_or_damaged_anywhere_are_said_in_one_line(path: Path) -> None:
    archive = files.samples_path(path)
    whole = archive.read_bytes()
    for length in range(0, len(whole), len(whole) // 20):
        archive.write_bytes(whole[:length])
        with pytest.raises(ResultsError):
            files.read_samples(path, RUN)
    for at in range(0, len(whole), len(whole) // 200):
        archive.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            read = files.read_samples(path, RUN)
        except ResultsError as exc:
            assert "\n" not in str(exc)  # noqa: PT017  some bytes, such as dates, do not matter
        else:
            assert read == SAMPLES


def test_the_table_is_written_as_a_file(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "rounds.csv", RUN)
    assert (tmp_path / "rounds.csv").read_bytes().count(b"\r\n") == len(RUN.rounds) + 1


@pytest.mark.parametrize("name", ["0/sent", "5/received", "rounds.json"])
@pytest.mark.parametrize(
    "compression",
    [
        zipfile.ZIP_DEFLATED,
        zipfile.ZIP_BZIP2,
        pytest.param(zipfile.ZIP_LZMA, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("honest", [True, False])
def test_a_file_that_would_unpack_to_far_more_than_the_results_say_is_refused(
    path: Path, name: str, compression: int, honest: bool
) -> None:
    """Also if the archive lies about the size. Nothing much is unpacked before."""
    archive = files.samples_path(path)
    with zipfile.ZipFile(archive) as file:
        old = {one.filename: file.read(one) for one in file.infolist()}
    with zipfile.ZipFile(archive, "w", compression) as file:
        for one, data in old.items():
            file.writestr(one, bytes(20_000_000) if one == name else data)
        if not honest:
            file.getinfo(name).file_size = len(old[name])
    assert archive.stat().st_size < 1_000_000
    tracemalloc.start()
    try:
        with pytest.raises(ResultsError, match=r"results\.samples\.zip: not the raw") as refused:
            files.read_samples(path, RUN)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
    assert "\n" not in str(refused.value)
