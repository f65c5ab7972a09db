"""The files that a command writes: checked before there is anything to write, and their errors."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from trio_echo import writing
from trio_echo.errors import SocketCallError
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check(paths: Mapping[str, Path | None]) -> None:
    """Check that each file can be written, and that no two are the same.

    Args:
        paths: the files, by the option that names them; `None` for an option not given.

    Raises:
        click.UsageError: for the first file that fails.
    """
    known: dict[str, str] = {}
    for name, path in paths.items():
        if path is None:
            continue
        try:
            writing.check(writing.followed(path))
        except OSError as exc:
            raise click.UsageError(f"{name}: {exc.strerror or exc}: {path}") from exc
        resolved = os.path.normcase(os.path.realpath(path))
        if resolved in known:
            raise click.UsageError(f"{name} and {known[resolved]} are the same file: {path}")
        known[resolved] = name


def failure(error: OSError, path: Path | None = None) -> str:
    """Return the line for a file that cannot be read or written: it names the call.

    Args:
        error: what happened.
        path: the file, if the error does not name it.
    """
    if not isinstance(error, SocketCallError):
        # Python names the file in errors of calls that take its path.
        call = "write()" if error.filename is None else "open()"
        where = error.filename or path
        error = SocketCallError(call, error, None if where is None else str(where))
    return safe(str(error))
