"""Checks for notebook 06, the lecture's programs in C."""

from __future__ import annotations

from . import Verdict, compare, is_integer, shown, unfinished, wanted

_SERVER_CALLS = {"socket", "bind", "listen", "accept", "recv", "send"}
_FATAL = {"socket", "bind", "listen", "accept"}
_WRONG_LINES = {1, 8}


def returns(a: object, b: object, c: object) -> Verdict:
    """What `recvn(s, buf, 10, 0)` returns in three cases."""
    if (verdict := unfinished(a, b, c)) is not None:
        return verdict
    cases = (
        ("a", a, 10, "What was left before the third recv()? It asks for no more than that."),
        ("b", b, 4, "recv() returns 0 at the end of the stream. Then follow the break."),
        ("c", c, -1, "SOCKET_ERROR is -1. Which line does recvn() leave by?"),
    )
    for name, answer, right, hint in cases:
        if not is_integer(answer):
            return Verdict(False, f"{name} is not {shown(answer)}{wanted(answer, right)}.")
        if answer != right:
            return Verdict(False, f"{name} is not {shown(answer)}. {hint}")
    return Verdict(True, "All of it, what came before the end, or the error.")


def wrong_lines(answer: object) -> Verdict:
    """Two lines of a C server that only a long message shows to be wrong."""
    if (verdict := unfinished(answer)) is not None:
        return verdict
    if not isinstance(answer, set | frozenset | list | tuple):
        return Verdict(False, f"{shown(answer)} is not a set of line numbers, such as {{2, 5}}.")
    if not all(is_integer(one) and one in range(1, 10) for one in answer):
        return Verdict(False, f"The lines have the numbers 1 to 9; you wrote {shown(answer)}.")
    lines = set(answer)
    if right := sorted(lines - _WRONG_LINES):
        return Verdict(False, f"Line {right[0]} is right.")
    if lines < _WRONG_LINES:
        missing = {
            frozenset(): "Which cells of buf may line 6 write to? How many bytes does line 8 send?",
            frozenset({1}): "One more. How many bytes does the client get back for `hello`?",
            frozenset({8}): "One more. Which cell does line 6 write to after BUFSIZE bytes?",
        }
        return Verdict(False, missing[frozenset(lines)])
    return Verdict(True, "The '\\0' needs a cell of its own, and only retval bytes were received.")


def fatal(answer: object) -> Verdict:
    """The calls whose failure ends the lecture's server."""
    if (verdict := unfinished(answer)) is not None:
        return verdict
    if not isinstance(answer, set | frozenset | list | tuple):
        words = f'{shown(answer)} is not a set of names, such as {{"socket", "send"}}.'
        return Verdict(False, words)
    calls = {one.removesuffix("()") if isinstance(one, str) else shown(one) for one in answer}
    if unknown := sorted(calls - _SERVER_CALLS):
        return Verdict(False, f"The server does not call {unknown[0]}().")
    if wrong := sorted(calls - _FATAL):
        return Verdict(
            False, f"After {wrong[0]}() comes a break, too. Out of which of the two loops?"
        )
    if "accept" not in calls:
        return Verdict(
            False, "err_display() does not end a program. But what follows it after accept()?"
        )
    if missing := sorted(_FATAL - calls):
        return Verdict(False, f"What does the server do if {missing[0]}() fails?")
    return Verdict(True, "Three by err_quit(), and accept() by leaving the outer loop: too strict.")


def without_htons(answer: object) -> Verdict:
    """The port that a server with `sin_port = 80` listens on, on a little-endian machine."""
    hints = {
        80: "The kernel reads the two bytes in network order. In which order does this PC write?",
        5: "The bytes change places, not the decimal digits: write 80 in hexadecimal first.",
        5000: "Almost: 5000 is how it is written in hexadecimal, 0x5000.",
        0x0500: "80 is 0x0050. Which two bytes does the PC write, and in which order?",
    }
    why = "80 is 0x0050. The PC writes 50 00, and the kernel reads 0x5000."
    return compare(answer, 0x5000, why, hints)
