"""Pictures of what was measured. They need matplotlib: the `notebooks` extra.

Each function returns a `trio_echo.pictures.Picture`, which a notebook shows and `save` writes.
Targets differ by colour (Okabe and Ito's), marker and line, so black-and-white print works too. The
conditions of the measurement are below each picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import history, knee, rates, ratios, stages, times
from .frame import framed, theme_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.measure.load.workload import Samples
    from trio_echo.measure.results.run import Run
    from trio_echo.pictures.canvas import Picture

    from .frame import Panel
    from .rates import Against

__all__ = [
    "ecdf",
    "highest_rate",
    "over_time",
    "page",
    "paired",
    "phases",
    "spectrum",
    "throughput",
]

# The page shows the round trips of this many workloads of a sweep.
_MOST_WORKLOADS = 3


def throughput(run: Run, *, against: Against = "size", dark: bool = False) -> Picture:
    """Draw messages and bytes a second against what a sweep varies.

    Each point is the median over the rounds, its bar the 95 % interval. If the sweep varies other
    quantities too, each of their values has its own line.

    Args:
        run: the results.
        against: the x axis: the size of a message, the connections, or the pipelining depth.
        dark: for a dark page.
    """
    theme = theme_of(dark)
    rows = [rates.panels(run, against, theme)]
    return framed(run, f"Throughput against {rates.name(against)}", rows, theme)


def spectrum(
    run: Run, samples: Sequence[Samples] | None, workload: int = 0, *, dark: bool = False
) -> Picture:
    """Draw the percentiles of the round trip on an axis of nines, as far as the samples allow.

    In an open loop each target has two lines: from the send, and from the intended send time. The
    gap between them is what a stalled server hides from a client that waits for each answer before
    it sends again: coordinated omission.

    Args:
        run: the results.
        samples: of each of its rounds; `None` draws the percentiles in the results.
        workload: its index in `run.workloads`.
        dark: for a dark page.

    Raises:
        ValueError: the numbers of samples and rounds differ.
        IndexError: there is no such workload.
    """
    theme = theme_of(dark)
    found = times.lines(run, samples, workload)
    return framed(
        run, "Percentiles of the round trip", [[times.spectrum(run, found, workload, theme)]], theme
    )


def ecdf(run: Run, samples: Sequence[Samples], workload: int = 0, *, dark: bool = False) -> Picture:
    """Draw the share of round trips within a time (the empirical distribution function).

    Args:
        run: the results.
        samples: of each of its rounds.
        workload: its index in `run.workloads`.
        dark: for a dark page.

    Raises:
        ValueError: the numbers of samples and rounds differ.
        IndexError: there is no such workload.
    """
    theme = theme_of(dark)
    found = times.lines(run, samples, workload)
    return framed(
        run,
        "How many round trips are that fast",
        [[times.ecdf(run, found, workload, theme)]],
        theme,
    )


def over_time(
    run: Run, samples: Sequence[Samples], workload: int = 0, *, dark: bool = False
) -> Picture:
    """Draw how long round trips took over the time of the run, all targets on one clock.

    For each slice of time, the median and the longest; in an open loop from the intended send time.

    Args:
        run: the results.
        samples: of each of its rounds.
        workload: its index in `run.workloads`.
        dark: for a dark page.

    Raises:
        ValueError: the numbers of samples and rounds differ.
        IndexError: there is no such workload.
    """
    theme = theme_of(dark)
    rows = [[history.over_time(run, samples, workload, theme)]]
    return framed(run, "Round trips over time", rows, theme, wide=True)


def paired(run: Run, *, dark: bool = False) -> Picture:
    """Draw the other targets against the first: each pair of rounds, the median, its interval.

    Args:
        run: the results.
        dark: for a dark page.

    Raises:
        ValueError: fewer than two targets have rounds.
    """
    theme = theme_of(dark)
    panels = ratios.panels(run, theme)
    if not panels:
        raise ValueError("fewer than two targets have rounds: nothing to compare")
    return framed(run, "The targets compared", _twos(panels), theme)


def phases(run: Run, workload: int = 0, *, dark: bool = False) -> Picture:
    """Draw how long connections took to connect, to answer and to close.

    Args:
        run: the results, of a connection for each message.
        workload: its index in `run.workloads`.
        dark: for a dark page.

    Raises:
        IndexError: there is no such workload.
    """
    theme = theme_of(dark)
    panel = stages.phases(run, workload, theme)
    return framed(run, "The phases of connections", [[panel]], theme, wide=True)


def highest_rate(run: Run, *, dark: bool = False) -> Picture:
    """Draw what a search found: a percentile against the rate, up to where its limit is broken.

    Args:
        run: the results of a search.
        dark: for a dark page.

    Raises:
        ValueError: they are not those of a search.
    """
    if not run.searches:
        raise ValueError("this was not a search")
    theme = theme_of(dark)
    title = f"The highest rate with {run.searches[0].requirement}"
    return framed(run, title, [[knee.panel(run, theme)]], theme, wide=True)


def page(run: Run, samples: Sequence[Samples] | None, *, dark: bool = False) -> Picture:
    """Draw a whole run on one page.

    Args:
        run: the results.
        samples: of each of its rounds; `None` draws only what the results contain.
        dark: for a dark page.

    Raises:
        ValueError: the numbers of samples and rounds differ.
    """
    theme = theme_of(dark)
    rows: list[list[Panel]]
    workloads: Sequence[int]
    if run.searches:
        title = f"Echo: the highest rate with {run.searches[0].requirement}"
        rows, workloads = [[knee.panel(run, theme)]], knee.found_workloads(run)
    else:
        title = "Echo: throughput and round trips"
        rows = [rates.panels(run, one, theme) for one in rates.axes_of(run)]
        workloads = range(len(run.workloads))
    if compared := ratios.panels(run, theme):
        rows += _twos(compared)
    for workload in _some(workloads):
        if run.workloads[workload].reconnect:
            rows.append([stages.phases(run, workload, theme)])
        found = times.lines(run, samples, workload)
        panels = [times.spectrum(run, found, workload, theme)]
        if samples is not None:
            panels.append(times.ecdf(run, found, workload, theme))
        rows.append(panels)
        if samples is not None:
            rows.append([history.over_time(run, samples, workload, theme)])
    return framed(run, title, rows, theme, wide=True)


def _twos(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Put two panels side by side."""
    return [list(panels[at : at + 2]) for at in range(0, len(panels), 2)]


def _some(workloads: Sequence[int]) -> list[int]:
    """Choose workloads: the first, one in the middle, the last."""
    most = min(len(workloads), _MOST_WORKLOADS)
    places = {round(i * (len(workloads) - 1) / max(most - 1, 1)) for i in range(most)}
    return [workloads[place] for place in sorted(places)]
