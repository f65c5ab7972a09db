"""Several answers in one dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trio_echo.notebook.checks import NO_ANSWER, Verdict


def answered(answers: object, names: Iterable[object]) -> Mapping[Any, Any] | Verdict:
    """Return a dict of answers, or say what is missing in it.

    Args:
        answers: what the learner wrote.
        names: the keys that it must have.
    """
    if answers is ...:
        return NO_ANSWER
    if not isinstance(answers, Mapping):
        return Verdict(False, f"Not {answers!r}: a dict is expected.")
    wanted = list(names)
    empty = [name for name in wanted if answers.get(name, ...) is ...]
    if len(empty) == len(wanted):
        return NO_ANSWER
    return Verdict(False, f"{empty[0]!r} has no answer yet.") if empty else answers
