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
            resolved = os.path.normcase(place.resolve())
        except (OSError, RuntimeError) as exc:  # the latter of a loop of links
            why = exc.strerror if isinstance(exc, OSError) else None
            raise click.UsageError(f"{name}: {why or exc}: {place}") from exc
        if resolved in known:
            raise click.UsageError(f"{name} and {known[resolved]} are the same file: {place}")
        known[resolved] = name
