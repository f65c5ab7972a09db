"""A run as the text of a JSON file, and back, also of older versions."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from ..records import build
from .run import SCHEMA_VERSION, Run, collect


class ResultsError(ValueError):
    """A file does not hold complete results. The message says why, in one line."""


def to_json(run: Run) -> str:
    """Write a run as the text of a JSON file."""
    return json.dumps(msgspec.to_builtins(run), indent=1, allow_nan=False)  # msgspec: NaN as null


def from_json(text: str | bytes) -> Run:
    """Read what `to_json` wrote.

    Raises:
        ResultsError: it is not JSON or cut short, a value is wrong, or a newer version wrote it.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ResultsError(f"not a complete JSON file: {exc}") from None
    if not isinstance(value, dict) or "schema_version" not in value:
        raise ResultsError("not a results file: it has no schema_version")
    found = value["schema_version"]
    if type(found) is int and found > SCHEMA_VERSION:
        raise ResultsError(f"schema version {found}; this version reads {SCHEMA_VERSION}")
    if type(found) is not int or found < 1:
        raise ResultsError("not a results file: its schema_version is not a version")
    try:
        return build(Run, value) if found == SCHEMA_VERSION else _build_older(value)
    except ValueError as exc:
        raise ResultsError(f"wrong results: {exc}") from None


def _build_older(value: dict[str, Any]) -> Run:
    """Build a run of an older version.

    A field that it does not have takes its default. Version 1 also has other medians: all are
    computed again.
    """
    new: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "cells": [], "comparisons": []}
    old = build(Run, value | new, whole=False)
    return collect(
        old.environment,
        old.targets,
        old.workloads,
        old.rounds,
        partial=old.partial,
        wire=old.wire,
    )
