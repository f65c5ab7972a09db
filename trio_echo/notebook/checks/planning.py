"""Checks for notebook 18, from one machine to a hundred."""

from __future__ import annotations

from . import Verdict, is_number, near, same, shown, unfinished, wanted


def limits(rate: object, machines: object) -> Verdict:
    """The highest rate of a server with 4 workers, and how many machines it takes to reach it.

    A message costs the server 12 µs and the load 8 µs; each machine of the load has 2 processes.
    """
    if (verdict := unfinished(rate, machines)) is not None:
        return verdict
    if not is_number(rate):
        return Verdict(False, f"Not {shown(rate)}{wanted(rate, 1.0)}.")
    if not is_number(machines):
        return Verdict(False, f"Not {shown(machines)}{wanted(machines, 1.0)}.")
    if not near(rate, 1_000_000 / 3, rel_tol=0.01):
        if near(rate, 250_000, rel_tol=0.01):
            return Verdict(False, "That is what one machine of the load can make.")
        return Verdict(False, "Each of four processors echoes one message in 12 µs.")
    if same(machines, 2):
        return Verdict(True, "The first machine makes 250,000 a second; the second one the rest.")
    if same(machines, 1):
        return Verdict(False, "One machine makes 2 / 8 µs. Is that enough?")
    return Verdict(False, "Divide the rate by what one machine makes, and round up.")
