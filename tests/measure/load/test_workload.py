"""Which loads can be asked for."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.measure.load.connections.traffic import FOREVER
from trio_echo.measure.load.pace import Pacer
from trio_echo.measure.load.workload import RANGES, Workload
from trio_echo.quantities import A_YEAR

_STARTED = 10 * A_YEAR * 1_000_000_000  # ns: the machine has been up for long
quantities = st.floats() | st.integers(-(2**70), 2**70)


@pytest.mark.parametrize("name", RANGES)
def test_each_field_has_its_least_and_its_most(name: str) -> None:
    least, most = RANGES[name]
    others: dict[str, Any] = {"messages": 1} if name != "duration" else {}
    if name == "processes":
        others["connections"] = int(most)
    for value in (least, most):
        Workload(**{**others, name: value})
    for value in (least - 1, most * 2, math.nan):
        with pytest.raises((ValueError, TypeError), match=rf"{name} must be|integer"):
            Workload(**{**others, name: value})


@given(duration=quantities, warm_up=quantities, rate=quantities)
def test_a_load_is_refused_or_its_times_fit_into_the_clock(
    duration: float, warm_up: float, rate: float
) -> None:
    try:
        load = Workload(duration=duration, warm_up=warm_up, rate=rate)
    except ValueError as exc:
        assert len(str(exc)) < 100  # noqa: PT017  most of them
        return
    began = _STARTED + int(warm_up * 1e9)
    end = began + int(duration * 1e9)
    assert end < FOREVER
    pacer = Pacer(rate)
    assert end - began - 1 <= pacer.due(pacer.due_before(end - began)) < FOREVER
    assert load.rate == rate
