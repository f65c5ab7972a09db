"""Segments without their order."""

from __future__ import annotations

import re
from string import ascii_uppercase
from typing import TYPE_CHECKING

from trio_echo.notebook.checks import Verdict, shown, unfinished

from .causality import impossible
from .sheets import deal

if TYPE_CHECKING:
    from trio_echo.observe.packets import Trace


def ordered(order: object, trace: Trace) -> Verdict:
    """An order of the shuffled segments, as a text of letters or a list of them."""
    if (verdict := unfinished(order)) is not None:
        return verdict
    if not (isinstance(order, str | list | tuple) and all(isinstance(one, str) for one in order)):
        return Verdict(False, f'Not {shown(order)}: write a text of letters, such as "ABC".')
    letters = re.findall(r"[^\s,]", "".join(order).upper())
    known = ascii_uppercase[: len(trace.segments)]
    for letter in letters:
        if letter not in known:
            return Verdict(False, f"There is no segment {letter!r}.")
        if letters.count(letter) > 1:
            return Verdict(False, f"{letter} is there more than once.")
    missing = [letter for letter in known if letter not in letters]
    if missing:
        return Verdict(False, f"Missing: {', '.join(missing)}.")
    dealt = deal(len(trace.segments))
    indexes = [dealt[known.index(letter)] for letter in letters]
    found = impossible(trace.segments, indexes)
    if found is not None:
        index, need = found
        early = known[dealt.index(index)]
        step = letters.index(early) + 1
        return Verdict(False, f"Step {step}: {early} {need.why}.")
    recorded = list(range(len(dealt)))
    if indexes == recorded:
        return Verdict(True, "So it was recorded.")
    was = "".join(known[dealt.index(index)] for index in recorded)
    return Verdict(True, f"So it can have been. {was} was recorded: also possible.")
