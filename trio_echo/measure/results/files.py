"""The files of a run: the results, the raw samples beside them, the table.

`results.schema.json` describes `RESULTS.json`. `RESULTS.samples.zip` holds the timestamps of each
round, in the order of the rounds in the results: round n (from 0) as `n/sent`, `n/received` and, in
an open loop, `n/intended`; in a closed loop, that is `n/sent`. If each message had its own
connection, there are also `n/connected`, `n/answered` and `n/echoed`, and with TLS `n/secured` and
`n/resumed` (see `Samples`). Each is an array of 64-bit little-endian integers: the first timestamp
in nanoseconds, then the difference of each to the one before. numpy reads one like this:

    with zipfile.ZipFile("RESULTS.samples.zip") as file:
        sent = numpy.cumsum(numpy.frombuffer(file.read("0/sent"), "<i8"))

The rest of a round is in `rounds.json`: `began`, `ended`, `failures`, `unanswered`, whether there
is `intended`, and which of the others there are.

If a round had more messages than were to be kept, these arrays are empty, and `n/histograms` is
there (see `histogram_text`).
"""

from __future__ import annotations

import json
import sys
import zipfile
import zlib
from array import array
from itertools import accumulate, chain
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from trio_echo.writing import followed, whole

from ..load.workload import STAGES, Samples, StageName
from ..records import Count, Nanoseconds, Ordinal, Record, build
from .histogram_text import from_bytes, to_bytes
from .json_text import ResultsError, from_json, to_json
from .spreadsheet import to_csv

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from .run import Run

_ROUNDS = "rounds.json"
_TIME = 8  # bytes of a timestamp
# Level 1 takes a quarter of the time of level 6 and 4 % more space: 7 bytes a message.
_LEVEL = 1
# Bytes of the histograms of a round. They have a few million.
_MOST_HISTOGRAMS = 1 << 26


class _Round(Record, frozen=True, kw_only=True):
    """A round in `rounds.json`, with the names and meanings of `Samples`.

    Except `intended`: it says whether that array is in the file. `stages` are the arrays of
    connections for one message each.
    """

    began: Nanoseconds
    ended: Nanoseconds
    intended: bool
    failures: dict[str, Ordinal]
    unanswered: Count
    stages: tuple[StageName, ...] = ()


class _Rounds(Record, frozen=True, kw_only=True):
    rounds: tuple[_Round, ...]


def samples_path(path: str | os.PathLike[str]) -> Path:
    """Return the path of the raw samples of a results file: beside it."""
    return Path(path).with_suffix(".samples.zip")


def write(path: str | os.PathLike[str], run: Run, samples: Sequence[Samples]) -> None:
    """Write the results, and the raw samples beside them.

    Each file is written completely or not written. A file of the same name is replaced. If the path
    is a symbolic link, the results are written to its target; a link with the name of the raw
    samples is replaced.

    Args:
        path: of the results.
        run: the results.
        samples: of each of its rounds.

    Raises:
        ValueError: the numbers of samples and rounds differ.
        OSError: a file cannot be written.
    """
    if len(samples) != len(run.rounds):
        raise ValueError(f"{len(samples)} samples of {len(run.rounds)} rounds")
    text = to_json(run) + "\n"
    with whole(followed(path)) as file, whole(samples_path(path)) as samples_file:
        file.write(text.encode())
        file.flush()  # a full disk is noticed before either file is in place
        _write_samples(samples_file, samples)


def write_csv(path: str | os.PathLike[str], run: Run) -> None:
    """Write the table of rounds.

    Raises:
        OSError: the file cannot be written.
    """
    with whole(followed(path)) as file:
        file.write(to_csv(run).encode())


def read(path: str | os.PathLike[str]) -> Run:
    """Read results.

    Raises:
        ResultsError: the file is incomplete or wrong, or a newer version wrote it.
        OSError: the file cannot be read.
    """
    try:
        return from_json(Path(path).read_bytes())
    except ResultsError as exc:
        raise ResultsError(f"{path}: {exc}") from None


def read_samples(path: str | os.PathLike[str], run: Run) -> list[Samples]:
    """Read the raw samples of a run, a `Samples` for each of its rounds.

    Args:
        path: of the results, or of the raw samples themselves.
        run: the results. The sizes in the file are checked against them before it is unpacked.

    Raises:
        ResultsError: the file does not hold raw samples, is cut short, or is of another run.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if not path.name.endswith(".samples.zip"):
        path = samples_path(path)
    try:
        with zipfile.ZipFile(path) as file:
            rounds = _read_rounds(file, run)
            return [
                _read_round(file, number, one, run.rounds[number].summary.messages)
                for number, one in enumerate(rounds)
            ]
    except (
        EOFError,
        KeyError,  # no such member
        NotImplementedError,  # compressed in another way
        OverflowError,  # sums beyond 64-bit integers
        RuntimeError,  # encrypted; nested too deeply
        ValueError,  # not JSON, wrong values, arrays of another size
        zipfile.BadZipFile,
        zlib.error,
    ) as exc:
        raise ResultsError(f"{path}: not the raw samples of these results: {exc}") from None


def _write_samples(target: BinaryIO, samples: Sequence[Samples]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file:
        rounds = tuple(
            _Round(
                began=one.began,
                ended=one.ended,
                intended=one.intended != one.sent,
                failures=one.failures,
                unanswered=one.unanswered,
                stages=tuple(name for name in STAGES if getattr(one, name)),
            )
            for one in samples
        )
        file.writestr(_ROUNDS, msgspec.json.encode(_Rounds(rounds=rounds)))
        for number, (one, kept) in enumerate(zip(samples, rounds, strict=True)):
            file.writestr(f"{number}/sent", _packed(one.sent))
            file.writestr(f"{number}/received", _packed(one.received))
            if kept.intended:
                file.writestr(f"{number}/intended", _packed(one.intended))
            for name in kept.stages:
                file.writestr(f"{number}/{name}", _packed(getattr(one, name)))
            if one.timelines:
                file.writestr(f"{number}/histograms", to_bytes(one.timelines))


def _read_rounds(file: zipfile.ZipFile, run: Run) -> tuple[_Round, ...]:
    # Some numbers, and the kinds of failures. It needs less.
    most = 1000 + sum(1000 + len(json.dumps(one.summary.failures)) for one in run.rounds)
    # Whole or not: older files have no stages.
    rounds = build(_Rounds, json.loads(_member(file, _ROUNDS, most=most)), whole=False).rounds
    if len(rounds) != len(run.rounds):
        raise ValueError(f"{len(rounds)} rounds, and {len(run.rounds)} in the results")
    return rounds


def _read_round(file: zipfile.ZipFile, number: int, one: _Round, messages: int) -> Samples:
    timelines = {}
    if (name := f"{number}/histograms") in file.NameToInfo:
        timelines = from_bytes(_member(file, name, most=_MOST_HISTOGRAMS), one.began)
        if any(len(timeline) != messages for timeline in timelines.values()):
            raise ValueError(f"{name} is not of {messages} messages")
        messages = 0

    def times(name: str) -> array[int]:
        data = _member(file, f"{number}/{name}", most=messages * _TIME)
        if len(data) != messages * _TIME:
            raise ValueError(f"{number}/{name} has {len(data)} bytes, not {messages * _TIME}")
        return _unpacked(data)

    sent = times("sent")
    samples = Samples(
        began=one.began,
        ended=one.ended,
        intended=times("intended") if one.intended else sent[:],
        sent=sent,
        received=times("received"),
        timelines=timelines,
        failures=one.failures,
        unanswered=one.unanswered,
    )
    for name in one.stages:
        setattr(samples, name, times(name))
    return samples


def _member(file: zipfile.ZipFile, name: str, *, most: int) -> bytes:
    """Read a member of an archive, unless it is larger than it may be.

    The archive's size of a member may be wrong. If `zipfile` reads the whole member, it unpacks all
    of it and then cuts it to that size. If it reads a number of bytes, it unpacks little more, but
    only with these two kinds of compression.
    """
    info = file.getinfo(name)
    size = info.file_size
    if size > most:
        raise ValueError(f"{name} has {size:,} bytes, more than {most:,}")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise NotImplementedError(f"{name} is compressed in another way")
    with file.open(name) as member:
        return member.read(size)


def _packed(times: array[int]) -> bytes:
    # The first difference is to 0.
    differences = array("q", map(sub, times, chain((0,), times)))
    return _little_endian(differences).tobytes()


def _unpacked(data: bytes) -> array[int]:
    differences = array("q")
    differences.frombytes(data)
    return array("q", accumulate(_little_endian(differences)))


def _little_endian(numbers: array[int]) -> array[int]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
