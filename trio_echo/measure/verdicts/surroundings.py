"""How the conditions of several runs differed: time, machine, versions, failures. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..results.run import tls_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..results.environment import Environment
    from ..results.run import Run


class Difference(NamedTuple):
    """Something that was not the same for all runs.

    Attributes:
        name: what it is.
        values: in each run.
    """

    name: str
    values: tuple[str, ...]


def differences(runs: Sequence[Run]) -> list[Difference]:
    """List what was not the same for all runs."""
    every = [
        Difference(name, tuple(describe(run) for run in runs)) for name, describe in _WORDS.items()
    ]
    return [one for one in every if len(set(one.values)) > 1]


def cable_words(wire: str | None) -> str:
    """Describe the cable, without the seed of its random choices."""
    if wire is None:
        return "none"
    parts = [one for one in wire.split(",") if not one.startswith("seed=")]
    return ",".join(parts) or "perfect"


def _version(where: Environment) -> str:
    if where.commit is None:
        return where.trio_echo
    return f"{where.trio_echo} ({where.commit[:9]}{', changed' if where.dirty else ''})"


def _rounds(run: Run) -> str:
    count = max((one.number for one in run.rounds), default=0)
    lengths = {
        f"{one.messages:,} messages" if one.duration is None else f"{one.duration:g} s"
        for one in run.workloads
    }
    warm_ups = {f"{one.warm_up:g} s" for one in run.workloads}
    return f"{count} of {', '.join(sorted(lengths))}, warm-up {', '.join(sorted(warm_ups))}"


def _others(run: Run) -> str:
    used = [one.usage.others for one in run.rounds if one.usage is not None]
    return _range([one for one in used if one is not None])


def _load_average(run: Run) -> str:
    used = [one.usage.load_average for one in run.rounds if one.usage is not None]
    return _range([one for one in used if one is not None])


def _range(values: Sequence[float]) -> str:
    if not values:
        return "not known"
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"


_WORDS: dict[str, Callable[[Run], str]] = {
    "date": lambda run: run.environment.date[:16].replace("T", " ") + " UTC",
    "targets": lambda run: ", ".join(one.name for one in run.targets),
    "wire": lambda run: cable_words(run.wire),
    "TLS": lambda run: tls_words(run) or "none",
    "rounds": _rounds,
    "run": lambda run: "partial" if run.partial else "complete",
    "failed connections": lambda run: f"{sum(run.failures.values()):,}",
    "platform": lambda run: run.environment.platform,
    "kernel": lambda run: run.environment.kernel,
    "processor": lambda run: run.environment.cpu_model,
    "processors": lambda run: str(run.environment.cpu_count or "not known"),
    "load average": _load_average,
    "processors used by others": _others,
    "Python": lambda run: run.environment.python,
    "trio": lambda run: run.environment.trio,
    "trio-echo": lambda run: _version(run.environment),
}
