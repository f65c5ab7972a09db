"""The files that a command will write: checked before there is anything to write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from trio_echo import writing

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
