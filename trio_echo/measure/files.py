"""The files of a run: the results, the raw samples beside them, the table.

`RESULTS.json` is described by `results.schema.json`. `RESULTS.samples.zip` holds the time stamps of
each round, in the order of the rounds in the results: the nth (from 0) as `n/sent`, `n/received`
and, in an open loop, `n/intended`; in a closed loop, that is `n/sent`. Each is an array of 64-bit
little-endian integers, the first time stamp in nanoseconds and then the difference of each to the
one before. numpy reads one like this:

    with zipfile.ZipFile("RESULTS.samples.zip") as file:
        sent = numpy.cumsum(numpy.frombuffer(file.read("0/sent"), "<i8"))

What else a round brought back stands in `rounds.json`: `began`, `ended`, `failures`,
`unanswered`, and whether there is `intended`.
"""

from __future__ import annotations

import errno
import json
import os
import secrets
import stat
import sys
import zipfile
import zlib
from array import array
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import accumulate, chain
from operator import sub
from pathlib import Path
from typing import TYPE_CHECKING

from .records import Count, Nanoseconds, Ordinal, build
from .results import ResultsError, Run, from_json, to_json
from .spreadsheet import to_csv
from .workload import Samples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROUNDS = "rounds.json"
# Level 1 takes a quarter of the time of level 6, and 4 % more room: 7 bytes a message.
_LEVEL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """What `rounds.json` holds of a round, with the names and meanings of `Samples`.

    But for `intended`, which says whether that array is in the file.
    """

    began: Nanoseconds
    ended: Nanoseconds
    intended: bool
    failures: dict[str, Ordinal]
    unanswered: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rounds:
    rounds: tuple[_Round, ...]


def samples_path(path: str | os.PathLike[str]) -> Path:
    """Say where the raw samples of a results file are: beside it."""
    return Path(path).with_suffix(".samples.zip")


def write(path: str | os.PathLike[str], run: Run, samples: Sequence[Samples]) -> None:
    """Write the results, and the raw samples beside them.

    Each file is there as a whole or not at all; one of the same name is replaced.

    Args:
        path: of the results.
        run: the results.
        samples: of each of its rounds.

    Raises:
        ValueError: there are not as many samples as rounds.
        OSError: a file cannot be written.
    """
    if len(samples) != len(run.rounds):
        raise ValueError(f"{len(samples)} samples of {len(run.rounds)} rounds")
    text = to_json(run) + "\n"
    with whole(Path(path)) as part, whole(samples_path(path)) as samples_part:
        part.write_text(text, "utf-8")
        _write_samples(samples_part, samples)


def write_csv(path: str | os.PathLike[str], run: Run) -> None:
    """Write the table of rounds.

    Raises:
        OSError: the file cannot be written.
    """
    with whole(Path(path)) as part:
        part.write_bytes(to_csv(run).encode())


def read(path: str | os.PathLike[str]) -> Run:
    """Read results.

    Raises:
        ResultsError: it holds none, or not all, or those of a newer version.
        OSError: the file cannot be read.
    """
    try:
        return from_json(Path(path).read_bytes())
    except ResultsError as exc:
        raise ResultsError(f"{path}: {exc}") from None


def read_samples(path: str | os.PathLike[str]) -> list[Samples]:
    """Read the raw samples of a results file, a `Samples` for each of its rounds.

    Args:
        path: of the results, or of the raw samples themselves.

    Raises:
        ResultsError: the file holds no raw samples, or is cut short.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if not path.name.endswith(".samples.zip"):
        path = samples_path(path)
    try:
        with zipfile.ZipFile(path) as file:
            rounds = build(_Rounds, json.loads(file.read(_ROUNDS))).rounds
            return [_read_round(file, number, one) for number, one in enumerate(rounds)]
    except (
        EOFError,
        KeyError,  # no such member
        NotImplementedError,  # compressed in another way
        OverflowError,  # sums that are no 64-bit integers
        RuntimeError,  # encrypted; nested too deeply
        ValueError,  # no JSON, wrong values, arrays that are not whole
        zipfile.BadZipFile,
        zlib.error,
    ) as exc:
        raise ResultsError(f"{path}: no whole file of raw samples: {exc}") from None


def _write_samples(path: Path, samples: Sequence[Samples]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as file:
        rounds = tuple(
            _Round(
                began=one.began,
                ended=one.ended,
                intended=one.intended != one.sent,
                failures=one.failures,
                unanswered=one.unanswered,
            )
            for one in samples
        )
        file.writestr(_ROUNDS, json.dumps(asdict(_Rounds(rounds=rounds))))
        for number, (one, kept) in enumerate(zip(samples, rounds, strict=True)):
            file.writestr(f"{number}/sent", _packed(one.sent))
            file.writestr(f"{number}/received", _packed(one.received))
            if kept.intended:
                file.writestr(f"{number}/intended", _packed(one.intended))


def _read_round(file: zipfile.ZipFile, number: int, one: _Round) -> Samples:
    sent = _unpacked(file.read(f"{number}/sent"))
    received = _unpacked(file.read(f"{number}/received"))
    samples = Samples(
        began=one.began,
        ended=one.ended,
        intended=_unpacked(file.read(f"{number}/intended")) if one.intended else sent[:],
        sent=sent,
        received=received,
        failures=one.failures,
        unanswered=one.unanswered,
    )
    if not len(samples.intended) == len(sent) == len(received):
        raise ValueError(f"the arrays of round {number} are not of one length")
    return samples


def _packed(times: array[int]) -> bytes:
    # The first one's difference is to 0.
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


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a part file to write, of the same suffix, which then takes the path's place.

    Raises:
        OSError: it cannot.
    """
    path = _regular(path)
    part = _part(path)
    try:
        yield part
        part.replace(path)
    except OSError as exc:
        if str(exc.filename) == str(part):
            exc.filename = str(path)  # which the user knows
        raise
    finally:
        part.unlink(missing_ok=True)


def check(path: Path) -> None:
    """See that a file can be written, and leave what is there alone.

    Raises:
        OSError: it cannot.
    """
    part = _part(_regular(path))
    part.touch(exist_ok=False)
    part.unlink()


def _regular(path: Path) -> Path:
    """Follow a link, as any program that writes; /dev/stdout would be replaced by a file."""
    try:
        mode = path.stat().st_mode  # of links in a circle: an OSError, on every Python
    except FileNotFoundError:
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "it exists and is not a regular file", str(path))
    return Path(os.path.realpath(path))


def _part(path: Path) -> Path:
    """Name a file beside it that nobody else has."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
