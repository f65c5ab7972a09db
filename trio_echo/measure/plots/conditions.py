"""A run's conditions in words: targets and workloads, where and when."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.measure.results.remarks import remarks
from trio_echo.measure.results.run import tls_words
from trio_echo.quantities import size

from .style import drawable, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_echo.measure.load.workload import Workload
    from trio_echo.measure.results.run import Run

_FIELDS = (
    "connections", "size", "pipeline", "reconnect", "rate", "processes", "verify", "payload",
    "resume",
)  # fmt: skip
_COUNTED = ("connections", "processes")
_MOST = 6


def workload_words(workload: Workload, fields: tuple[str, ...] = ("connections", "size")) -> str:
    """Describe a workload: `16 x 64 B`, or only some of its fields."""
    words = [_one(name, getattr(workload, name), workload.unit) for name in fields]
    if fields[:2] == ("connections", "size"):
        words[:2] = [f"{workload.connections} x {size(workload.size)}"]
    return ", ".join(one for one in words if one)


def varied(run: Run) -> tuple[str, ...]:
    """Name the fields in which the workloads of a run differ."""
    return tuple(name for name in _FIELDS if len({getattr(one, name) for one in run.workloads}) > 1)


def conditions(run: Run) -> list[str]:
    """Describe the conditions of a run, in paragraphs."""
    where = run.environment
    targets = [
        f"{shown(one.name)} ({one.address})" if one.name != one.address else shown(one.name)
        for one in run.targets
    ]
    alone = all(one.reconnect for one in run.workloads)
    asked = [
        _listed(run, name) for name in (*_FIELDS, "warm_up") if not (alone and name == "pipeline")
    ]
    if run.searches:
        tried = [one.rate for one in run.workloads if one.rate is not None]
        unit = run.workloads[0].unit
        rates = f"{_between(tried, ',g')} {unit} a second" if tried else "no rate yet"
        asked[_FIELDS.index("rate")] = f"open loops of {rates}"
    ends = {
        f"{one.duration:g} s" if one.duration is not None else f"{one.messages:,} {one.unit}"
        for one in run.workloads
    }
    rounds = max((one.number for one in run.rounds), default=0)
    asked.append(f"{_counted(rounds, 'round')} of {_few(sorted(ends))}")
    commit = ""
    if where.commit is not None:
        commit = f" ({where.commit[:9]}{', changed' if where.dirty else ''})"
    cpus = "" if where.cpu_count is None else f" ({_counted(where.cpu_count, 'logical processor')})"
    paragraphs = [
        "Targets: " + "; ".join(targets),
        ", ".join(one for one in asked if one),
        f"{where.platform}, {where.cpu_model}{cpus}; {where.python}, trio {where.trio}, "
        f"trio-echo {where.trio_echo}{commit}; {where.date[:16].replace('T', ' ')} UTC",
    ]
    if used_tls := tls_words(run):
        paragraphs.insert(1, f"TLS: {used_tls}")
    if run.wire is not None:
        paragraphs.insert(1, f"Wire: {run.wire or 'a perfect cable'}")
    if used := _usage(run):
        paragraphs.append(used)
    return [drawable(one) for one in paragraphs]


def troubles(run: Run) -> list[str]:
    """Say what went wrong, if something did."""
    failed = [f"{count} x {kind}" for kind, count in run.failures.items()]
    said = []
    if run.partial:
        said.append("Partial: the run ended early.")
    if failed:
        said.append(drawable(f"Failed connections: {_few(failed)}."))
    silent = sum(one.silent_rounds for one in run.cells)
    if not any(one.summary.messages for one in run.rounds):
        said.append("Nothing came back.")
    elif silent:
        said.append(f"Nothing came back in {silent} of {len(run.rounds)} rounds.")
    return said + [drawable(f"{one[0].upper()}{one[1:]}.") for one in remarks(run)]


def _usage(run: Run) -> str:
    """Describe how busy the machine was: the smallest and the largest value of the rounds."""
    used = [one.usage for one in run.rounds if one.usage is not None]
    parts = []
    for name, values in (
        ("busiest load process", [max(one.load) for one in used if one.load]),
        ("server", [one.server for one in used]),
        ("cable", [one.cable for one in used]),
        ("other programs", [one.others for one in used]),
    ):
        known = [100 * one for one in values if one is not None]
        if known:
            parts.append(f"{name} {_between(known, '.0f')} %")
    averages = [one.load_average for one in used if one.load_average is not None]
    if averages:
        parts.append(f"load average {_between(averages, '.1f')}")
    return f"Use of a processor: {', '.join(parts)}" if parts else ""


def _between(values: Sequence[float], form: str) -> str:
    low, high = (format(one, form) for one in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _listed(run: Run, name: str) -> str:
    """List a field of all workloads: `1, 4 or 16 connections`."""
    values = list(dict.fromkeys(getattr(one, name) for one in run.workloads))
    texts = [_one(name, value, run.workloads[0].unit) for value in values]
    words = {text.partition(" ")[2].removesuffix("s") for text in texts}
    if len(values) > 1 and name in _COUNTED and len(words) == 1:
        texts = [text.partition(" ")[0] for text in texts[:-1]] + texts[-1:]
    return _few([text for text in texts if text])


def _few(texts: Sequence[str]) -> str:
    """List texts; if there are many, the first and the last."""
    if len(texts) > _MOST:
        return f"{texts[0]} to {texts[-1]} ({len(texts)} values)"
    return " or ".join([", ".join(texts[:-1]), *texts[-1:]] if len(texts) > 2 else texts)


def _one(name: str, value: float | str | None, unit: str) -> str:
    if name == "rate" and value is not None:
        return f"open loop of {value:,g} {unit} a second"
    return _WORDS[name](value)


def _counted(count: float, word: str) -> str:
    return f"{count:,g} {word}{'' if count == 1 else 's'}"


_WORDS: dict[str, Callable[..., str]] = {
    "connections": lambda value: _counted(value, "connection"),
    "size": size,
    "pipeline": lambda value: f"{_counted(value, 'message')} under way on each",
    "rate": lambda _: "closed loop",
    "processes": lambda value: f"{value} load process{'' if value == 1 else 'es'}",
    "warm_up": lambda value: f"warm-up of {value:g} s" if value else "",
    "verify": lambda value: "echoes verified" if value else "",
    "reconnect": lambda value: "a connection for each message" if value else "",
    "resume": lambda value: "TLS sessions to resume" if value else "",
    "payload": lambda value: f"bytes of {value}" if value else "",
}
