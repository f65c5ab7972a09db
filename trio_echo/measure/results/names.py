"""What the targets, the loads and the cells of a run are called. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_echo.quantities import size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..load.workload import Workload
    from .run import Run, Target


def labels(targets: Sequence[Target]) -> list[str]:
    """Name targets so that they differ, and as briefly as possible.

    By family if nothing else differs; otherwise as the user did, or by address. Targets that were
    given twice are numbered.
    """
    (names,) = common_labels([targets])
    return names


def common_labels(groups: Sequence[Sequence[Target]]) -> list[list[str]]:
    """Name the targets of several runs as `labels` does: by family only if that does for all.

    So the target of one run has the name that it has in a run of several.
    """
    ports = [{target.address.rpartition(":")[2] for target in targets} for targets in groups]
    by_family = all(len(one) == 1 for one in ports)
    return [_labels(targets, by_family=by_family) for targets in groups]


def _labels(targets: Sequence[Target], *, by_family: bool) -> list[str]:
    families: list[str] = [target.family for target in targets]
    names = [target.name for target in targets]
    addresses = [target.address for target in targets]
    different = len(set(zip(names, addresses, strict=True)))
    for choice in (families if by_family else names, names, addresses):
        if len(set(choice)) == different:
            return [
                name if choice.count(name) == 1 else f"{name} (target {i})"
                for i, name in enumerate(choice, 1)
            ]
    return [f"{name} (target {i})" for i, name in enumerate(names, 1)]


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
