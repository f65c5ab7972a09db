"""Where the notebooks are, and how a student gets a copy to work in."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from trio_echo.writing import whole

from .student import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator

_PACKAGE = Path(__file__).parents[1]
INSTALLED = _PACKAGE / "notebooks"
"""Where a wheel puts them. Not a place for a user's own files."""
CLONED = _PACKAGE.with_name("notebooks")
"""Where they are in a clone of the repository, which `pip install -e` uses."""

# What a student needs. The scripts and the README's pictures are for the notebooks' authors.
_SUFFIXES = {".c", ".h", ".ipynb", ".json", ".pcap"}

# Records what was copied, so that a later version can see what the user changed.
_RECORD = ".trio_echo.json"


class _Copied(NamedTuple):
    """The digests of a file: as it was in the source, and as it was written into the copy.

    They differ for a notebook. How it is prepared depends on the version of Python, so the copy's
    digest does not say whether the source is newer.
    """

    source: str
    copy: str


def update(source: Path, target: Path) -> list[Path]:
    """Bring a folder of notebooks up to date without overwriting what the user changed.

    A file that is missing, or unchanged since it was copied, is copied from `source`. So a file
    that was deleted or renamed is copied again. Only notebooks, recordings and C programs are
    copied, the notebooks without outputs.

    Nothing is written through a symbolic link below the folder: a dangling link is replaced by the
    file, and a link in place of a folder is refused.

    Args:
        source: `INSTALLED` or `CLONED`.
        target: made if it does not exist.

    Returns:
        The files of `target` that the user changed and that are newer in `source`. They are kept.

    Raises:
        OSError: a file cannot be read or written; the files before it are copied.
    """
    _make(target)
    record = _read(target / _RECORD)
    kept = []
    try:
        for name in _files(source):
            data = (source / name).read_bytes()
            copy = prepared(data) if name.suffix == ".ipynb" else data
            now = _Copied(_digest(data), _digest(copy))
            before = record.get(name.as_posix())
            there = target / name
            present = _digest(there.read_bytes()) if there.exists() else None
            if present not in (None, before and before.copy, now.copy):
                if before is None or before.source != now.source:
                    kept.append(there)
                continue
            if present != now.copy:
                _make_folder(target, there.parent)
                _write(there, copy)
            record[name.as_posix()] = now
    finally:
        _write(target / _RECORD, json.dumps(record, indent=1).encode())
    return kept


def first(folder: Path) -> str | None:
    """Return the name of the notebook to begin with, or `None`."""
    return min((file.name for file in folder.glob("*.ipynb")), default=None)


def _files(source: Path) -> Iterator[Path]:
    for file in sorted(source.rglob("*")):
        name = file.relative_to(source)
        hidden = any(part.startswith((".", "__")) for part in name.parts)
        # A copy may be below its source: after `cd notebooks`, the default folder is.
        copied = any((source / folder / _RECORD).exists() for folder in name.parents[:-1])
        if file.is_file() and file.suffix in _SUFFIXES and not hidden and not copied:
            yield name


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _read(record: Path) -> dict[str, _Copied]:
    """Read the record; without a valid one, files that differ count as changed by the user."""
    try:
        entries = json.loads(record.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    copied = {}
    for name, digests in entries.items() if isinstance(entries, dict) else ():
        match digests:
            case str(both):  # a version that copied notebooks as they are
                copied[name] = _Copied(both, both)
            case [str(source), str(copy)]:
                copied[name] = _Copied(source, copy)
    return copied


def _make_folder(target: Path, folder: Path) -> None:
    """Make a folder below `target`, if it does not exist."""
    if folder != target:
        _make_folder(target, folder.parent)
        if folder.is_symlink():
            raise OSError(errno.ELOOP, "it is a symbolic link", str(folder))
        _make(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        reason = os.strerror(errno.ENOTDIR)
        raise NotADirectoryError(errno.ENOTDIR, reason, str(folder)) from None


def _write(file: Path, data: bytes) -> None:
    """Write a file as a whole: half a notebook would count as changed."""
    with whole(file) as new:
        new.write(data)
