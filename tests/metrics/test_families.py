"""The names, units and numbers that Prometheus gets."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter

import pytest
from prometheus_client.parser import text_string_to_metric_families

from trio_echo.events import Refusal
from trio_echo.metrics.families import Families
from trio_echo.totals import Ending, Totals

TOTALS = Totals(
    clients=9,
    connected=2,
    waiting=1,
    echoed=1000,
    ended=Counter({Ending.CLOSED: 4, Ending.RESET: 3}),
    refused=Counter({Refusal.TOO_MANY: 5}),
    accept_errors=6,
)


def test_every_total_has_its_metric() -> None:
    page = Families(lambda: TOTALS, lambda: 8).page().decode()
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("trio_echo_")
    }
    assert {key: value for key, value in samples.items() if value} == {
        ("trio_echo_connections_total",): 9,
        ("trio_echo_connections_open",): 2,
        ("trio_echo_connections_waiting",): 1,
        ("trio_echo_connections_ended_total", "closed"): 4,
        ("trio_echo_connections_ended_total", "reset"): 3,
        ("trio_echo_connections_refused_total", "too_many"): 5,
        ("trio_echo_accept_errors_total",): 6,
        ("trio_echo_echoed_bytes_total",): 1000,
        ("trio_echo_screen_dropped_lines_total",): 8,
    }
    # What never happened has a sample too, so that a rate of it is 0 and not missing.
    for ending in Ending:
        assert ("trio_echo_connections_ended_total", ending.name.lower()) in samples


@pytest.mark.slow
def test_promtool_finds_nothing_to_complain_about() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    page = Families(lambda: TOTALS, lambda: 8).page()
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
