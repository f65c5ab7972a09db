"""How files are written: as a whole or not at all, and through nobody's symbolic link.

Who can create files in a folder could put a link to somebody else's file there, under a name that
will be written. So the data goes to a new file with a random name beside the wanted one, which
then takes that name. A link at the wanted name is replaced, and what it leads to is left alone.

A name that a user gave may be a link on purpose: `followed` says which file it leads to.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Give a new file to write, which takes the path's place when the block ends.

    If the block or the writing fails or is interrupted, nothing has changed and nothing is left.

    Raises:
        OSError: it cannot be written.
    """
    path = Path(path)
    part = _part(path)
    try:
        with part.open("xb") as file:
            yield file
        part.replace(path)
    except OSError as exc:
        if str(exc.filename) == str(part):
            exc.filename = str(path)  # which the user knows
        raise
    finally:
        part.unlink(missing_ok=True)


def check(path: str | os.PathLike[str]) -> None:
    """See that `whole` can write a file, and leave what is there alone.

    Raises:
        OSError: it cannot.
    """
    part = _part(Path(path))
    part.touch(exist_ok=False)
    part.unlink()


def followed(path: str | os.PathLike[str]) -> Path:
    """Follow a link that a user named, as any program that writes.

    Linux follows no link of another user in a folder such as /tmp (`protected_symlinks` in
    proc_sys_fs(5)). As the link is read here and not by the kernel, that rule is kept here, in
    every folder: the link belongs to this user, or to whom its folder belongs.

    Raises:
        OSError: it leads to what is not a regular file, which would be replaced by one (such as
            /dev/stdout); or it is somebody else's link.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode  # of links in a circle: an OSError, on every Python
    except FileNotFoundError:
        mode = stat.S_IFREG
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, "it exists and is not a regular file", str(path))
    if sys.platform != "win32" and path.is_symlink():
        trusted = {os.geteuid(), path.parent.stat().st_uid}
        if path.lstat().st_uid not in trusted:
            raise PermissionError(errno.EACCES, "it is a link of another user", str(path))
    return Path(os.path.realpath(path))


def _part(path: Path) -> Path:
    """Name a file beside it that nobody else has."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
