"""Writes files whole or not, and never through somebody's symbolic link.

Anyone who can create files in a folder could put a link to somebody else's file there, under a name
that will be written. So the data goes to a new file with a random name, which then takes the wanted
name. A link with that name is replaced; its target is left alone.

A user may name a link on purpose: `followed` returns its target.
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
    """Yield a new file to write, which replaces the path when the block ends.

    If that fails or is interrupted, nothing has changed and nothing is left.

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
            exc.filename = str(path)  # the name that the user knows
        raise
    finally:
        part.unlink(missing_ok=True)


def check(path: str | os.PathLike[str]) -> None:
    """Check that `whole` can write a file, and leave an existing one alone.

    Raises:
        OSError: it cannot.
    """
    part = _part(Path(path))
    part.touch(exist_ok=False)
    part.unlink()


def followed(path: str | os.PathLike[str]) -> Path:
    """Follow a link that a user named, as other programs do.

    In a folder such as /tmp, Linux does not follow the link of another user (`protected_symlinks`
    in proc_sys_fs(5)). Here the link is not read by the kernel, so this function applies that rule,
    in every folder: the link must belong to this user, or to the owner of its folder.

    Raises:
        OSError: its target is not a regular file (such as /dev/stdout), and would be replaced by
            one; or it is somebody else's link.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode  # raises OSError for links in a circle
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
    """Return a name beside it that nobody else uses."""
    return path.with_name(f".{path.stem}.{secrets.token_hex(8)}.part{path.suffix}")
