"""What `bench` must find or prove: `--search`, `--require`, `--baseline`."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from trio_echo.measure.verdicts.requirements import parse_requirement
from trio_echo.screen.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio_echo.cli.options import Command
    from trio_echo.measure.load.workload import Workload
    from trio_echo.measure.results.run import Run, Target
    from trio_echo.measure.verdicts.requirements import Requirement

# More than this is a mistake: it would accept a run that is eleven times as slow.
_MOST_PERCENT = 1000


class Demands(NamedTuple):
    """What to find or to prove.

    Attributes:
        search: what must hold at the highest rate; `None` if no rate is searched for.
        require: what must hold in each cell; with a search, for the rate that it finds.
        baseline: stored results; `None` without them.
        tolerance: how much slower than the baseline is accepted, as a share.
    """

    search: Requirement | None
    require: tuple[Requirement, ...]
    baseline: Run | None
    tolerance: float

    @property
    def accepts_failures(self) -> bool:
        """Whether a requirement says how many connections may fail."""
        return any(one.name == "failures" for one in self.require)

    def check(self, workloads: Sequence[Workload], rounds: int) -> None:
        """Check that a measurement can answer.

        Args:
            workloads: of the measurement.
            rounds: with each of them.

        Raises:
            click.UsageError: it cannot.
        """
        for workload in workloads:
            self._check_length(workload)
        if self.search is not None:
            self._check_search(self.search, workloads)
        elif self.baseline is not None:
            from trio_echo.measure.statistics import MINIMUM_ROUNDS

            if rounds < MINIMUM_ROUNDS:
                raise click.UsageError(f"--baseline needs at least {MINIMUM_ROUNDS} rounds")

    def _check_length(self, load: Workload) -> None:
        """Refuse limits that a message without an echo could never break within a round."""
        if load.rate is None or load.duration is None:
            return
        for one in self.require:
            if one.percentile is not None and one.limit >= load.duration * 1e9:
                raise click.UsageError(
                    f"--require {one}: rounds of {load.duration:g} s cannot show it: --duration "
                    "must be longer than the limit"
                )

    def _check_search(self, search: Requirement, workloads: Sequence[Workload]) -> None:
        if len(workloads) > 1:
            raise click.UsageError("--search is for one size and one number of connections")
        if self.baseline is not None:
            raise click.UsageError("--baseline compares rounds of one load: leave out --search")
        other = next((one for one in self.require if one.name != "rate"), None)
        if other is not None:
            raise click.UsageError(
                f"with --search, only the rate found can be required, not {other}"
            )
        # Imported only when needed: it is slow.
        from trio_echo.measure.search import lowest_rate

        try:
            lowest_rate(workloads[0], search)
        except ValueError as exc:
            raise click.UsageError(f"--search: {exc}") from exc

    def check_baseline(
        self,
        targets: Sequence[Target],
        workloads: Sequence[Workload],
        *,
        wire: str | None,
        tls: bool,
    ) -> None:
        """Check that the baseline was measured in the same way.

        Args:
            targets: of the measurement.
            workloads: of the measurement.
            wire: its cable.
            tls: whether it uses TLS.

        Raises:
            click.UsageError: it was not.
        """
        if self.baseline is None:
            return
        from trio_echo.measure.verdicts.baseline import mismatch

        why = mismatch(self.baseline, targets, workloads, wire=wire, tls=tls)
        if why is not None:
            raise click.UsageError(f"--baseline: {why}")


def demand_options(command: Command) -> Command:
    """Add the options, and pass what they ask for as `demands`."""

    @functools.wraps(command)
    def wrapped(
        *,
        search: Requirement | None,
        require: tuple[Requirement, ...],
        baseline: Run | None,
        tolerance: float | None,
        **others: Any,
    ) -> Any:
        if tolerance is not None and baseline is None:
            raise click.UsageError("--tolerance is for --baseline: give that too")
        accepted = _DEFAULT if tolerance is None else tolerance
        return command(demands=Demands(search, require, baseline, accepted), **others)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _requirement(text: str) -> Requirement:
    try:
        return parse_requirement(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def _stored(text: str) -> Run:
    # Imported only when needed: it is slow.
    from trio_echo.measure.results import files
    from trio_echo.measure.results.json_text import ResultsError

    try:
        return files.read(text)
    except ResultsError as exc:
        raise click.BadParameter(str(exc)) from exc
    except OSError as exc:
        raise click.BadParameter(f"{exc.strerror or exc}: {safe(text)}") from exc


def _share(text: str) -> float:
    found = re.fullmatch(r"([0-9]{1,4}(?:\.[0-9]{1,3})?)\s*%", text.strip())
    if found is None or float(found[1]) > _MOST_PERCENT:
        raise click.BadParameter(f"{text!r} is not a share, such as 10%")
    return float(found[1]) / 100


_DEFAULT = 0.1
_OPTIONS = (
    click.option(
        "--search",
        metavar="LIMIT",
        type=_requirement,
        help="Find the highest rate at which a limit such as 'p99 < 5 ms' holds. Each rate is "
        "tried in --rounds rounds of an open loop; six are enough if they agree.",
    ),
    click.option(
        "--require",
        metavar="LIMIT",
        type=_requirement,
        multiple=True,
        help="Exit with 3 if a limit is broken with 95 % confidence, or if the value is unknown: "
        "'p99 < 5 ms', 'rate > 10000', 'failures == 0'. Repeat it for several.",
    ),
    click.option(
        "--baseline",
        metavar="FILE",
        type=_stored,
        help="Exit with 3 if the rate or the median time is worse than in stored results of the "
        "same load, with 95 % confidence.",
    ),
    click.option(
        "--tolerance",
        metavar="SHARE",
        type=_share,
        show_default="10%",
        help="How much worse than the baseline is accepted.",
    ),
)
