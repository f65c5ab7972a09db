"""The files that a command will write: refused before there is anything to write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from trio_echo import writing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def check(places: Mapping[str, Path | None]) -> None:
    """See that each file can be written, and that no two are the same.

    Args:
        places: the files, by what the user knows them as; `None` is none.

    Raises:
        click.UsageError: of the first that cannot.
    """
    known: dict[str, str] = {}
    for name, place in places.items():
        if place is None:
            continue
        try:
            writing.check(writing.followed(place))
        except OSError as exc:
            raise click.UsageError(f"{name}: {exc.strerror or exc}: {place}") from exc
        resolved = os.path.normcase(os.path.realpath(place))
        if resolved in known:
            raise click.UsageError(f"{name} and {known[resolved]} are the same file: {place}")
        known[resolved] = name
