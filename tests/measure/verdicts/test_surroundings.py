"""In what the surroundings of runs of different days differed."""

from __future__ import annotations

import runs
from msgspec.structs import replace

from trio_echo.measure.load.workload import Workload
from trio_echo.measure.verdicts.surroundings import differences


def test_what_differed_is_named_and_what_did_not_is_left_out() -> None:
    run, _ = runs.run(2, targets=runs.TARGETS[:1], workloads=[Workload(duration=1.0)])
    assert differences([run, run]) == []
    where = replace(run.environment, python="CPython 3.99", commit="a" * 40, dirty=True)
    rounds = tuple(
        replace(one, tls="TLSv1.3 X", usage=replace(runs.QUIET, load_average=number, others=None))
        for number, one in enumerate(run.rounds, 3)
    )
    other = replace(run, environment=where, rounds=rounds, wire="loss=1%,seed=3")
    found: dict[str, tuple[str, ...]] = dict(differences([run, other]))
    assert found == {
        "wire": ("none", "loss=1%"),
        "TLS": ("none", "TLSv1.3 X"),
        "load average": ("1.2", "3.0 to 4.0"),
        "processors used by others": ("0.0", "not known"),
        "Python": (run.environment.python, "CPython 3.99"),
        "trio-echo": (found["trio-echo"][0], f"{where.trio_echo} (aaaaaaaaa, changed)"),
    }


def test_a_run_that_ended_early_or_had_failures_differs() -> None:
    run, _ = runs.run(2, targets=runs.TARGETS[:1], workloads=[Workload(duration=1.0)])
    other = replace(run, partial=True, failures={"closed early": 1_000, "echo differs": 1})
    assert dict(differences([run, other])) == {
        "run": ("complete", "partial"),
        "failed connections": ("0", "1,001"),
    }
