"""Runs that were not interleaved, such as those of different days: what they share. No I/O.

Their rounds are not pairs, so a ratio is that of two independent medians. Whatever changed between
the runs is in it: the machine, its other work, the versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

from ..results.names import common_labels, exact_load_name
from ..statistics import independent_ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Workload
    from ..results.found import Found
    from ..results.run import Cell, Round, Run
    from ..statistics import Estimate

    Place: TypeAlias = tuple[str, Workload]

Measured: TypeAlias = Literal["rate", "p50", "p99"]
"""What is compared. Percentiles are of the round trip, or from the intended send time."""


class Shared(NamedTuple):
    """A cell that every run has.

    Attributes:
        name: of its target and its load, in the first run.
        cells: that of each run.
    """

    name: str
    cells: tuple[Cell, ...]


def same_load(workload: Workload) -> Workload:
    """Return what is equal for two workloads that load a server in the same way.

    How long a round and its warm-up take makes no difference.
    """
    return replace(workload, duration=1.0, messages=None, warm_up=0.0)


def shared(runs: Sequence[Run]) -> list[Shared]:
    """Match the cells of runs, by target and load, in the order of the first run.

    If every run has one target, these are taken for the same. Otherwise their labels decide.
    """
    names = _names(runs)
    each = [_places(run, own) for run, own in zip(runs, names.matched, strict=True)]
    return [
        Shared(_name(runs[0], names.shown[0], cell), tuple(one[place] for one in each))
        for place, cell in each[0].items()
        if all(place in one for one in each)
    ]


def unshared(runs: Sequence[Run]) -> list[list[str]]:
    """Name the cells and the searches of each run that not all of them have."""
    names = _names(runs)
    each = [_places(run, own) for run, own in zip(runs, names.matched, strict=True)]
    found = [_searches(run, own) for run, own in zip(runs, names.matched, strict=True)]
    return [
        [
            _name(run, shown, cell)
            for place, cell in own.items()
            if any(place not in one for one in each)
        ]
        + [
            _search_name(run, shown, search)
            for place, search in searched.items()
            if any(place not in one for one in found)
        ]
        for run, shown, own, searched in zip(runs, names.shown, each, found, strict=True)
    ]


def estimate_of(run: Run, cell: Cell, measured: Measured) -> Estimate | None:
    """Return a quantity of a cell over its rounds; `None` if the cell does not have it."""
    if measured == "rate":
        return cell.messages_per_second
    open_loop = run.workloads[cell.workload].rate is not None
    return (cell.from_intended_ns if open_loop else cell.round_trip_ns).get(measured)


def ratio(one: tuple[Run, Cell], other: tuple[Run, Cell], measured: Measured) -> Estimate | None:
    """Return the ratio of one cell to another; `None` if one does not have the quantity."""
    return independent_ratio(_values(*one, measured), _values(*other, measured))


def _values(run: Run, cell: Cell, measured: Measured) -> list[float]:
    """Return the values of the rounds behind an estimate."""
    if estimate_of(run, cell, measured) is None:
        return []
    rounds = [
        one for one in run.rounds if (one.target, one.workload) == (cell.target, cell.workload)
    ]
    open_loop = run.workloads[cell.workload].rate is not None
    values = [_value(one, measured, open_loop=open_loop) for one in rounds]
    return [one for one in values if one is not None]


def _value(one: Round, measured: Measured, *, open_loop: bool) -> float | None:
    if measured == "rate":
        return one.summary.messages_per_second
    times = one.summary.from_intended_ns if open_loop else one.summary.round_trip_ns
    return None if times is None else times.percentiles.get(measured)


def searches(runs: Sequence[Run]) -> list[tuple[str, tuple[Found, ...]]]:
    """Match the searches of runs, by target, load and requirement.

    Returns:
        The name of each, and what each run found.
    """
    names = _names(runs)
    each = [_searches(run, own) for run, own in zip(runs, names.matched, strict=True)]
    return [
        (_search_name(runs[0], names.shown[0], one), tuple(others[place] for others in each))
        for place, one in each[0].items()
        if all(place in others for others in each)
    ]


class _Names(NamedTuple):
    """What the targets of each run are called: to show, and to find the same one in other runs."""

    shown: list[list[str]]
    matched: list[list[str]]


def _names(runs: Sequence[Run]) -> _Names:
    shown = common_labels([run.targets for run in runs])
    alone = all(len(run.targets) == 1 for run in runs)
    return _Names(shown, [[""]] * len(runs) if alone else shown)


def _searches(run: Run, names: Sequence[str]) -> dict[tuple[str, Workload, str], Found]:
    load = same_load(run.workloads[0])
    return {(names[one.target], load, one.requirement): one for one in run.searches}


def _search_name(run: Run, names: Sequence[str], found: Found) -> str:
    load = exact_load_name(run.workloads[0])
    return f"{names[found.target]}, {load}: {found.requirement}"


def _places(run: Run, names: Sequence[str]) -> dict[Place, Cell]:
    if run.searches:
        return {}  # each search chose its own rates: compare what it found
    return {(names[one.target], same_load(run.workloads[one.workload])): one for one in run.cells}


def _name(run: Run, names: Sequence[str], cell: Cell) -> str:
    load = exact_load_name(run.workloads[cell.workload])
    return f"{names[cell.target]}, {load}"
