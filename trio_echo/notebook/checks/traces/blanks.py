"""Fields of segments that are left out in a table."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trio_echo.notebook.checks import Verdict, is_integer, same, shown, wanted

from .answers import answered, either
from .sheets import SIDES, Sheet, field, with_blanks

if TYPE_CHECKING:
    from trio_echo.observe.packets import Segment, Trace

# In nagle.pcap: the segment, counted from 1, and the column.
_BLANKS = {
    "a": (2, "flags"),
    "b": (5, "ack"),
    "c": (6, "seq"),
    "d": (8, "from"),
    "e": (9, "ack"),
    "f": (12, "bytes"),
    "g": (21, "ack"),
    "h": (22, "seq"),
    "i": (22, "ack"),
}
_NAMES = {"FIN", "SYN", "RST", "PSH", "ACK", "URG"}


def hidden(trace: Trace) -> Sheet:
    """Show the connection with the fields of the exercise left out."""
    return with_blanks(trace, _BLANKS)


def fields(answers: object, trace: Trace) -> Verdict:
    """The fields that are left out in a table: a dict of values by letter."""
    known = answered(answers, _BLANKS)
    if isinstance(known, Verdict):
        return known
    for letter, (number, column) in _BLANKS.items():
        segment = trace.segments[number - 1]
        answer, right = known[letter], field(trace, number, column)
        if column == "flags":
            if not (isinstance(answer, str) and _flags(answer) <= _NAMES):
                words = 'write the names of the flags, such as "FIN+ACK"'
                return Verdict(False, f"{letter} is not {shown(answer)}: {words}.")
            good = _flags(answer) == _flags(right)
        elif column == "from":
            if not (isinstance(answer, str) and answer in SIDES):
                return Verdict(
                    False, f"{letter} is not {shown(answer)}: it is one of {either(SIDES)}."
                )
            good = same(answer, right)
        elif not is_integer(answer):
            found = f"{shown(answer)}{wanted(answer, int(right))}"
            return Verdict(False, f"{letter} is not {found}.")
        else:
            good = answer == int(right)
        if not good:
            hint = _hint(column, answer, int(right) if right.isdigit() else 0, segment)
            return Verdict(False, f"{letter} is not {shown(answer)}. {hint}")
    return Verdict(
        True, "seq says where a segment's own bytes are, ack which byte its sender expects next."
    )


def _flags(answer: str) -> set[str]:
    return set(re.findall(r"\w+", answer.upper()))


def _hint(column: str, answer: object, right: int, segment: Segment) -> str:
    if column == "flags":
        return "It answers a SYN: it has a SYN of its own, and says what it has received."
    if column == "from":
        return "Whose numbers continue here?"
    if column == "bytes":
        return "Which byte does the other side expect after it?"
    if answer == right - 1:
        what = "the byte that is expected next, not the last one received"
        also = "A SYN and a FIN count as one byte each."
        return f"An ack is {what}. {also}" if column == "ack" else also
    if column == "ack" and answer == segment.sequence:
        return "That is its sender's own count. An ack continues the count of the other side."
    if column == "seq" and answer == segment.acknowledgement:
        return "That is the other side's count."
    other = "the other side" if column == "ack" else "the same side"
    return f"Look at the last segment of {other}: its seq, and how many numbers it takes."
