"""The results of a run: what was asked, where, each round, and what the rounds say together.

Values only; `files` writes and reads them. Their docstrings and types are also the description of
the JSON file: `python -m trio_echo.measure.results.schema` writes `results.schema.json` from them.
"""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from ..load.usage import Usage
from ..load.workload import Workload
from ..records import Count, Ordinal, Record
from ..statistics import Comparison, Estimate, compare, estimate
from .environment import Environment
from .found import Found
from .machines import MachineRound
from .names import labels
from .phases import PHASES, PhaseEstimates, Phases
from .summary import BY_PERCENTILE, PERCENTILES, Distribution, PercentileName, Summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..statistics import Quantity

SCHEMA_VERSION: Final = 5
"""Counts up when a program that reads the file must know about a change."""


class Target(Record, frozen=True, kw_only=True):
    """A server that was measured.

    Attributes:
        name: as the user gave it.
        address: what the name was resolved to: `127.0.0.1:9000`, `[::1]:9000`.
        family: of that address.
    """

    name: str
    address: str
    family: Literal["IPv4", "IPv6"]


class Round(Record, frozen=True, kw_only=True):
    """One round of one target.

    Attributes:
        number: from 1, for each target and workload. Rounds with the same number ran next to each
            other, and are compared.
        target: the target's index in `targets`.
        workload: the workload's index in `workloads`.
        cut: whether the run was ended during this round. The round then counts only if it has
            enough messages.
        summary: what was measured.
        usage: how busy the machine was during the round; `None` if that was not measured.
        tls: the version and the cipher of its connections, such as `TLSv1.3
            TLS_AES_256_GCM_SHA384`; `None` without TLS.
        phases: of its connections, if each message had one of its own; otherwise, or if none was
            complete, `None`.
        missing: how many parts of the load ended without their samples. The numbers are of the
            others.
        machines: what each machine measured; empty if the load ran on one.
    """

    number: Ordinal
    target: Count
    workload: Count
    cut: bool = False
    summary: Summary
    usage: Usage | None = None
    tls: str | None = None
    phases: Phases | None = None
    missing: Count = 0
    machines: tuple[MachineRound, ...] = ()


class Cell(Record, frozen=True, kw_only=True):
    """All rounds of one target with one workload.

    Attributes:
        target: the target's index in `targets`.
        workload: the workload's index in `workloads`.
        silent_rounds: the number of rounds in which nothing came back, without a round that was
            cut short.
        messages_per_second: over the rounds; `None` if no time was measured.
        bytes_per_second: over the rounds; `None` if no time was measured.
        round_trip_ns: each percentile that every whole round has. If only the fuller rounds have
            it, its median would be that of the faster rounds. A round that was cut short has fewer
            messages for another reason, so it counts if it has enough.
        from_intended_ns: the same from the intended send time; empty in a closed loop.
        phases: the same of the phases of connections; `None` if messages had none of their own.
    """

    target: Count
    workload: Count
    silent_rounds: Count
    messages_per_second: Estimate | None
    bytes_per_second: Estimate | None
    round_trip_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]
    from_intended_ns: Annotated[dict[PercentileName, Estimate], BY_PERCENTILE]
    phases: PhaseEstimates | None = None


class Compared(Record, frozen=True, kw_only=True):
    """A target against the first one, with one workload.

    Attributes:
        target: the target's index in `targets`.
        baseline: the first target's index in `targets`.
        workload: the workload's index in `workloads`.
        comparison: the result.
    """

    target: Count
    baseline: Count
    workload: Count
    comparison: Comparison


class Run(Record, frozen=True, kw_only=True):
    """A whole run.

    Units stand in the names; `ns` are nanoseconds. No number is NaN or infinite: what is not known
    is `None` or absent. The raw samples are in a file beside the results, NAME.samples.zip.

    Attributes:
        schema_version: of the file's schema. A reader refuses a larger one.
        environment: where and when.
        targets: the servers, in the order given. The others are compared with the first.
        workloads: what was asked for: the cells of the sweep.
        rounds: in the order in which they ran.
        cells: medians for each target and workload that has a round.
        comparisons: each other target with the first, for each workload that both have a round
            of.
        failures: how many connections failed in all rounds, by kind.
        searches: what was found for each target, if this was a search for the highest rate. Each
            rate that it tried is a cell. Its first cells are a closed loop.
        wire: the cable between load and servers, as `--wire` takes it, with the seed of its lots;
            empty for a perfect one. `None` if there was no cable.
        partial: whether the run ended early, or a part of the load is missing. What was measured is
            here.

    Raises:
        ValueError: a round, a cell, a comparison or a search refers to a target or a workload that
            is not there.
    """

    schema_version: Literal[5] = SCHEMA_VERSION
    environment: Environment
    targets: Annotated[tuple[Target, ...], Meta(min_length=1)]
    workloads: Annotated[tuple[Workload, ...], Meta(min_length=1)]
    rounds: tuple[Round, ...]
    cells: tuple[Cell, ...]
    comparisons: tuple[Compared, ...]
    failures: dict[str, Ordinal]
    searches: tuple[Found, ...] = ()
    wire: str | None = None
    partial: bool

    def __post_init__(self) -> None:
        targets, workloads = range(len(self.targets)), range(len(self.workloads))
        every: tuple[Round | Cell | Compared, ...]
        every = (*self.rounds, *self.cells, *self.comparisons)
        for one in every:
            if one.target not in targets or one.workload not in workloads:
                raise ValueError(f"no target {one.target} with workload {one.workload}")
        for compared in self.comparisons:
            if compared.baseline not in targets:
                raise ValueError(f"no target {compared.baseline}")
        for found in self.searches:
            if found.target not in targets:
                raise ValueError(f"no target {found.target}")


def collect(
    environment: Environment,
    targets: Sequence[Target],
    workloads: Sequence[Workload],
    rounds: Sequence[Round],
    *,
    partial: bool,
    wire: str | None = None,
) -> Run:
    """Make a run from its rounds: medians, and comparisons of the other targets with the first.

    Args:
        environment: where and when.
        targets: in the order given; the first is the baseline.
        workloads: the cells of the sweep.
        rounds: in the order in which they ran.
        partial: whether the run ended early, or a part of the load is missing.
        wire: the cable between load and servers.
    """
    cells: list[Cell] = []
    comparisons: list[Compared] = []
    names = labels(targets)
    for workload, asked in enumerate(workloads):
        ran: list[dict[int, Round]] = [{} for _ in targets]
        for one in rounds:
            if one.workload == workload:
                ran[one.target][one.number] = one
        times: Quantity = "connection_ns" if asked.reconnect else "round_trip_ns"
        quantities: list[Quantity] = ["messages_per_second", times]
        if asked.rate is not None:
            quantities.append("from_intended_ns")
        for target, of_target in enumerate(ran):
            if of_target:
                cells.append(_cell(target, workload, list(of_target.values())))
            if target > 0 and of_target and ran[0]:
                both = [number for number in of_target if number in ran[0]]
                pairs = [(of_target[number].summary, ran[0][number].summary) for number in both]
                comparisons += _compared(workload, target, names, pairs, quantities)
    failures: Counter[str] = Counter()
    for one in rounds:
        failures.update(one.summary.failures)
    return Run(
        environment=environment,
        targets=tuple(targets),
        workloads=tuple(workloads),
        rounds=tuple(rounds),
        cells=tuple(cells),
        comparisons=tuple(comparisons),
        failures=dict(failures),
        wire=wire,
        partial=partial,
    )


def tls_words(run: Run) -> str:
    """Say what TLS the connections used, and if that differs, with which target; "" without TLS."""
    names = labels(run.targets)
    used = {(one.target, one.tls) for one in run.rounds if one.tls is not None}
    kinds = {tls for _, tls in used}
    if len(kinds) <= 1:
        return "".join(kinds)
    return "; ".join(f"{names[target]}: {tls}" for target, tls in sorted(used))


def pairs_of(run: Run, compared: Compared) -> list[tuple[float | None, float | None]]:
    """Return the values behind a comparison, in the order of the rounds.

    Each pair is of the target and the baseline; `None` if a round does not have the quantity.
    """
    mine, others = (
        {
            one.number: _value(one.summary, compared.comparison.quantity)
            for one in run.rounds
            if (one.target, one.workload) == (target, compared.workload)
        }
        for target in (compared.target, compared.baseline)
    )
    return [(value, others[number]) for number, value in mine.items() if number in others]


def _cell(target: int, workload: int, rounds: Sequence[Round]) -> Cell:
    def over(value: Callable[[Summary], float | None]) -> Estimate | None:
        values = [value(one.summary) for one in rounds]
        return estimate([one for one in values if one is not None])

    def percentiles(
        value: Callable[[Round], Distribution | None],
    ) -> dict[PercentileName, Estimate]:
        whole = [value(one) for one in rounds if not one.cut]
        return _percentiles(whole, [value(one) for one in rounds if one.cut])

    def phase(name: str) -> dict[PercentileName, Estimate]:
        return percentiles(lambda one: getattr(one.phases, name, None))

    return Cell(
        target=target,
        workload=workload,
        silent_rounds=sum(not (one.summary.messages or one.cut) for one in rounds),
        messages_per_second=over(attrgetter("messages_per_second")),
        bytes_per_second=over(attrgetter("bytes_per_second")),
        round_trip_ns=percentiles(attrgetter("summary.round_trip_ns")),
        from_intended_ns=percentiles(attrgetter("summary.from_intended_ns")),
        phases=(
            PhaseEstimates(**{name: phase(name) for name in PHASES})
            if any(one.phases for one in rounds)
            else None
        ),
    )


def _percentiles(
    whole: Sequence[Distribution | None], cut: Sequence[Distribution | None]
) -> dict[PercentileName, Estimate]:
    each = [{} if one is None else one.percentiles for one in whole]
    more = [one.percentiles for one in cut if one is not None]
    estimates = {
        name: estimate([one[name] for one in (*each, *more) if name in one])
        for name in PERCENTILES
        if all(name in one for one in each)
    }
    return {name: one for name, one in estimates.items() if one is not None}


def _compared(
    workload: int,
    target: int,
    names: Sequence[str],
    pairs: Sequence[tuple[Summary, Summary]],
    quantities: Sequence[Quantity],
) -> Iterator[Compared]:
    for quantity in quantities:
        values = [(_value(one, quantity), _value(other, quantity)) for one, other in pairs]
        comparison = compare(names[target], names[0], quantity, values)
        yield Compared(target=target, baseline=0, workload=workload, comparison=comparison)


def _value(summary: Summary, quantity: Quantity) -> float | None:
    if quantity == "messages_per_second":
        return summary.messages_per_second
    whole = quantity in ("round_trip_ns", "connection_ns")
    times = summary.round_trip_ns if whole else summary.from_intended_ns
    return None if times is None else times.percentiles.get("p50")
