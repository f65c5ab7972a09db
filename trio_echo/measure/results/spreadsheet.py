"""The rounds of a run as CSV (RFC 4180), for a spreadsheet. No I/O."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, TypeAlias

from .phases import PHASES
from .summary import PERCENTILES

if TYPE_CHECKING:
    from ..load.usage import Usage
    from .phases import Phases
    from .run import Round, Run
    from .summary import Distribution, Summary

_Row: TypeAlias = dict[str, object]


def to_csv(run: Run) -> str:
    """Write a row for each round, in the order in which they ran. Units are in the column names.

    What a round does not have is empty. Only runs with a connection for each message have columns
    for the phases of connections.
    """
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    phases = any(one.reconnect for one in run.workloads)
    rows = [_row(run, one) | (_phases(one.phases) if phases else {}) for one in run.rounds]
    if rows:
        writer.writerow(rows[0])
    writer.writerows(row.values() for row in rows)
    return file.getvalue()


def _row(run: Run, one: Round) -> _Row:
    target, workload, summary = run.targets[one.target], run.workloads[one.workload], one.summary
    return {
        "round": one.number,
        "target": target.name,
        "address": target.address,
        "family": target.family,
        "connections": workload.connections,
        "message_bytes": workload.size,
        "pipeline": workload.pipeline,
        "intended_messages_per_second": workload.rate,
        "processes": workload.processes,
        "verify": workload.verify,
        "reconnect": workload.reconnect,
        "resume": workload.resume,
        "tls": one.tls,
        "payload": workload.payload,
        "warm_up_seconds": workload.warm_up,
        "cut_short": one.cut,
        "seconds": summary.seconds,
        "messages": summary.messages,
        "unanswered_messages": summary.unanswered,
        "failed_connections": sum(summary.failures.values()),
        "messages_per_second": summary.messages_per_second,
        "bytes_per_second": summary.bytes_per_second,
        **_usage(one.usage),
        "relative_error_of_percentiles": _error(summary),
        **_times("round_trip", summary.round_trip_ns),
        **_times("from_intended", summary.from_intended_ns),
    }


def _usage(usage: Usage | None) -> _Row:
    return {
        "load_processors": None if usage is None else max(usage.load, default=None),
        "server_processors": None if usage is None else usage.server,
        "other_processors": None if usage is None else usage.others,
        "load_average": None if usage is None else usage.load_average,
    }


def _error(summary: Summary) -> float | None:
    return None if summary.round_trip_ns is None else summary.round_trip_ns.relative_error


def _phases(phases: Phases | None) -> _Row:
    row: _Row = {}
    for name in PHASES:
        row |= _times(name.removesuffix("_ns"), getattr(phases, name, None))
    return row | {"resumed_handshakes": getattr(phases, "resumed", None)}


def _times(name: str, times: Distribution | None) -> _Row:
    columns = (*(f"{name}_{one}_ns" for one in ("min", "mean", "max", *PERCENTILES)),)
    if times is None:
        return dict.fromkeys(columns)
    shares = (times.percentiles.get(one) for one in PERCENTILES)
    return dict(zip(columns, (times.min, times.mean, times.max, *shares), strict=True))
