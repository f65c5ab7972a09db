"""What a capture says about the speed of a connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.notebook.checks import Verdict, is_number, near, shown

from .answers import answered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trio_echo.observe.packets import Trace


def measured(answers: object, trace: Trace) -> Verdict:
    """The round trip, both MSS, the first flight and the goodput of a download."""
    right = _numbers(trace)
    known = answered(answers, right)
    if isinstance(known, Verdict):
        return known
    for name, value in right.items():
        answer = known[name]
        if not is_number(answer):
            return Verdict(False, f"{name}: not {shown(answer)}: a number is expected.")
        if not _close(answer, value):
            hint = _number_hint(name, answer, value, right)
            return Verdict(False, f"{name} is not {shown(answer)}. {hint}")
    return Verdict(True, "Most of the time went into round trips: see notebook 15.")


def _numbers(trace: Trace) -> dict[str, float]:
    syn, syn_ack, *others = trace.segments
    request = next(one for one in others if one.payload)
    answer = [one for one in others if one.payload and one.source == trace.server]
    first_ack = next(
        one.time for one in others if one.source == trace.client and one.time > answer[0].time
    )
    size = sum(len(one.payload) for one in answer)
    return {
        "round trip": (syn_ack.time - syn.time) / 1e9,
        "client's MSS": syn.mss or 0,
        "server's MSS": syn_ack.mss or 0,
        "first flight": sum(one.time < first_ack for one in answer),
        "bytes": size,
        "goodput": size / ((answer[-1].time - request.time) / 1e9),
    }


def _number_hint(name: str, answer: float, right: float, numbers: Mapping[str, float]) -> str:
    if name == "round trip" and _close(answer, right * 1e9):
        return "These are nanoseconds."
    if _close(answer, right * 1000):
        return "Are these milliseconds?" if name == "round trip" else "A second has 1000 ms."
    if name == "round trip":
        return "How long after the SYN does its answer come?"
    if "MSS" in name:
        other = next(one for one in numbers if "MSS" in one and one != name)
        asked = "Each side announces what it accepts, in its own segment with SYN."
        return f"That is the other side's. {asked}" if _close(answer, numbers[other]) else asked
    if name == "first flight":
        return "Count the segments with data before the pause of a round trip."
    if name == "bytes":
        return "The client's last ack, minus 2: the server's SYN and FIN take a number each."
    if _close(answer, right * 8):
        return "These are bits."
    if _close(answer, right / 1000):
        return "Per second, not per millisecond."
    return "From the request (segment 4) to the last segment with data."


def _close(answer: float, right: float) -> bool:
    """Compare an answer: exactly what is counted, within 2 % what is measured."""
    return near(answer, right, rel_tol=0 if isinstance(right, int) else 0.02)
