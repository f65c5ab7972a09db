"""Whether a run of `bench` meets what was required, in lines. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trio_echo.measure.results.names import cell_name
from trio_echo.measure.verdicts.baseline import against
from trio_echo.measure.verdicts.judging import judge, judge_found
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from trio_echo.measure.results.run import Run
    from trio_echo.measure.verdicts.baseline import Against
    from trio_echo.measure.verdicts.judging import Judgement

    from .options.demands import Demands


class Verdicts(NamedTuple):
    """What was required, and what came of it.

    Attributes:
        lines: about the baseline, and what is met or not decided.
        unmet: a line for each requirement, baseline or search that is not met.
    """

    lines: list[str]
    unmet: list[str]


def verdicts(run: Run, demands: Demands) -> Verdicts:
    """Judge a run by all that was required of it."""
    judged: list[Judgement | Against] = []
    warnings = []
    judged += judge_found(run, demands.require) if run.searches else judge(run, demands.require)
    if demands.baseline is not None:
        judged += against(run, demands.baseline, demands.tolerance)
        if failed := sum(demands.baseline.failures.values()):
            warnings.append(f"failed connections in the baseline: {failed:,}")
    unmet = [one.sentence() for one in judged if one.outcome == "not met"]
    unmet += [
        f"not met: {one.requirement}: {cell_name(run, one.target, 0)}: it holds at no rate tried"
        for one in run.searches
        if one.holds is None and one.complete
    ]
    others = [one.sentence() for one in judged if one.outcome != "not met"]
    return Verdicts([*warnings, *map(safe, others)], [safe(one) for one in unmet])
