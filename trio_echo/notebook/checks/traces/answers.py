"""Several answers in one dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trio_echo.notebook.checks import NO_ANSWER, Verdict, shown, unfinished


def answered(answers: object, names: Iterable[object]) -> Mapping[Any, Any] | Verdict:
    """Return a dict of answers, or say what is missing in it.

    Args:
        answers: what the learner wrote.
        names: the keys that it must have.
    """
    if (verdict := unfinished(answers)) is not None:
        return verdict
    if not isinstance(answers, Mapping):
        return Verdict(False, f"Not {shown(answers)}: a dict is expected.")
    keys = list(names)
    for name in answers:
        if name not in keys:
            return Verdict(False, f"{shown(name)} is not asked for. The keys: {either(keys)}.")
    empty = [name for name in keys if answers.get(name, ...) is ...]
    if len(empty) == len(keys):
        return NO_ANSWER
    if empty:
        return Verdict(False, f"{empty[0]!r} has no answer yet.")
    return unfinished(*(answers[name] for name in keys)) or answers


def either(choices: Iterable[object]) -> str:
    """List what can be written, as it is written in Python."""
    return ", ".join(f'"{one}"' if isinstance(one, str) else repr(one) for one in choices)
