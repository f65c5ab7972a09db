"""What the cells of a run are called, in reports and judgements. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.quantities import size

from .run import labels

if TYPE_CHECKING:
    from ..load.workload import Workload
    from .run import Run


def cell_name(run: Run, target: int, workload: int) -> str:
    """Name a target with a workload: `IPv4, 16 x 64 B`. A target's name is as the user gave it."""
    return f"{labels(run.targets)[target]}, {load_name(run.workloads[workload])}"


def load_name(workload: Workload) -> str:
    """Name a workload: `16 x 64 B` is 16 connections with messages of 64 bytes."""
    words = f"{workload.connections} x {size(workload.size)}"
    if workload.rate is not None:
        words += f" at {workload.rate:,g}/s"
    if workload.reconnect:
        words += ", a connection each"
    if workload.pipeline > 1:
        words += f", {workload.pipeline} under way"
    return words


def exact_load_name(workload: Workload) -> str:
    """Name a workload so that another one, which loads a server in another way, differs."""
    words = [load_name(workload)]
    if workload.processes > 1:
        words.append(f"{workload.processes} processes")
    if workload.verify:
        words.append("verified")
    if workload.resume:
        words.append("TLS sessions to resume")
    if workload.payload is not None:
        words.append(f"bytes of {workload.payload}")
    return ", ".join(words)
