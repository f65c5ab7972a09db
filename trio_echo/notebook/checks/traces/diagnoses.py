"""What happened to the connections in the captures, case 1 to 8."""

from __future__ import annotations

from trio_echo.notebook.checks import Verdict, same, shown, unfinished

from .answers import answered

_SIDES = ("client", "server")

_LISTENS, _UNKNOWN = "nobody listens", "no such connection"
_ABORTED, _VANISHED = "thrown away", "no answer"
_ENDS = {
    1: ("client", _ABORTED),
    2: ("server", _LISTENS),
    3: ("client", _VANISHED),
    4: ("server", _UNKNOWN),
}
_NOT_THAT = {
    _LISTENS: "Then the RST would answer a SYN. Here the handshake is complete.",
    _UNKNOWN: "Then the RST would answer a segment, and continue at its ack, without an ACK flag.",
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
        if not (isinstance(who, str) and who in _SIDES):
            return Verdict(False, f'Case {case}: {shown(who)} is neither "client" nor "server".')
        if not isinstance(cause, str) or cause not in _NOT_THAT:
            return Verdict(False, f"Case {case}: {shown(cause)} is not in the list of causes.")
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
            return Verdict(False, f"Case {case}: {shown(answer)} is not in the list.")
        if answer != what:
            return Verdict(False, f"Case {case}: not {answer!r}. {_NOT_LOST[answer][case]}")
    if not same(needless, _NEEDLESS):
        hint = "Which bytes came twice, and in which segment?"
        return Verdict(False, f"needless is not {shown(needless)}. {hint}")
    if not same(stop, _STOP):
        return Verdict(False, f"stop is not {shown(stop)}. Which window leaves no room, first?")
    return Verdict(
        True, "A lost segment and a lost ACK look alike, until the other side says what it has."
    )
