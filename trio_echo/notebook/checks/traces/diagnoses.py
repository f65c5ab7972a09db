"""What happened to the connections in the captures, case 1 to 8."""

from __future__ import annotations

from trio_echo.notebook.checks import Verdict, is_integer, shown, unfinished, wanted

from .answers import answered, either
from .sheets import SIDES

_LISTENS, _CLOSED = "nobody listens", "already closed"
_ABORTED, _VANISHED = "thrown away", "no answer"
_ENDS = {
    1: ("client", _ABORTED),
    2: ("server", _LISTENS),
    3: ("client", _VANISHED),
    4: ("server", _CLOSED),
}
_NOT_THAT = {
    _LISTENS: "Then the RST would answer a SYN. Here the handshake is complete.",
    _CLOSED: "Then the RST would answer data, and its seq would be that segment's ack.",
    _ABORTED: "Is there a connection that a program could throw away, and why just then?",
    _VANISHED: "Then its sender would have asked several times before, without an answer.",
}


def ended(answers: object) -> Verdict:
    """Who sent the RST in cases 1 to 4, and why: a dict of pairs by number."""
    known = answered(answers, _ENDS)
    if isinstance(known, Verdict):
        return known
    for case, (side, why) in _ENDS.items():
        answer = known[case]
        if not isinstance(answer, list | tuple) or len(answer) != 2:
            return Verdict(
                False, f"Case {case}: not {shown(answer)}: a pair (who, why) is expected."
            )
        who, cause = answer
        if who is ... or cause is ...:
            return Verdict(False, f"Case {case} has no whole answer yet.")
        for one, choices in ((who, SIDES), (cause, _NOT_THAT)):
            if not (isinstance(one, str) and one in choices):
                return Verdict(False, f"Case {case}: {shown(one)} is not one of {either(choices)}.")
        if who != side:
            return Verdict(False, f"Case {case}: which side sends the segment with RST?")
        if cause != why:
            return Verdict(False, f"Case {case}: not {cause!r}. {_NOT_THAT[cause]}")
    return Verdict(True, "What came just before an RST says why it was sent.")


_DATA, _ACK, _SYN, _NOTHING = "data", "ACK", "SYN or its answer", "nothing"
_LOST = {5: _ACK, 6: _NOTHING, 7: _DATA, 8: _SYN}
_NEEDLESS, _STOP = 5, 8  # segments of the cases 5 and 6
_NOT_LOST = {
    _DATA: {
        5: "The server says in its SACK block which bytes came twice.",
        6: "Does the server not acknowledge each byte?",
        8: "Was data ever sent?",
    },
    _ACK: {
        6: "Does an acknowledgement fail to come?",
        7: "Then the server would have had the bytes twice, and would say so: compare case 5.",
        8: "What would be acknowledged?",
    },
    _SYN: dict.fromkeys((5, 6, 7), "The handshake is complete."),
    _NOTHING: {
        5: "Why does the client send segment 5?",
        7: "Why does the client send segment 5?",
        8: "Then somebody would answer.",
    },
}


def lost(answers: object, needless: object, stop: object) -> Verdict:
    """What was lost in cases 5 to 8, and two segments' numbers."""
    if (verdict := unfinished(needless, stop)) is not None:
        return verdict
    known = answered(answers, _LOST)
    if isinstance(known, Verdict):
        return known
    for case, what in _LOST.items():
        answer = known[case]
        if not (isinstance(answer, str) and answer in _LOST.values()):
            choices = either(_NOT_LOST)
            return Verdict(False, f"Case {case}: {shown(answer)} is not one of {choices}.")
        if answer != what:
            return Verdict(False, f"Case {case}: not {answer!r}. {_NOT_LOST[answer][case]}")
    for name, number, right, hint in (
        (
            "needless",
            needless,
            _NEEDLESS,
            "Two segments have the same bytes. Which came later?",
        ),
        ("stop", stop, _STOP, "Which window leaves no room, first?"),
    ):
        if not is_integer(number):
            return Verdict(False, f"{name} is not {shown(number)}{wanted(number, right)}.")
        if number != right:
            return Verdict(False, f"{name} is not {shown(number)}. {hint}")
    return Verdict(
        True, "A lost segment and a lost ACK look alike, until the other side says what it has."
    )
