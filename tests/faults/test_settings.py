"""What can go wrong: which settings are faults, which are refused, whom they hit."""

from __future__ import annotations

import math
import pickle

import pytest

from trio_echo import Faults


@pytest.mark.parametrize(
    ("faults", "something"),
    [
        (Faults(), False),
        (Faults(delay=0), False),
        (Faults(only_first=1, only_share=0.5, seed=3), False),
        (Faults(fragment=1), True),
        (Faults(delay=0.1), True),
        (Faults(jitter=0.1), True),
        (Faults(rate=0.1), True),
        (Faults(corrupt=1), True),
        (Faults(black_hole=True), True),
        (Faults(reset_after=0), True),
        (Faults(close_after=0), True),
        (Faults(lifetime=0), True),
        (Faults(slow_close=0.1), True),
    ],
    ids=str,
)
def test_faults_are_true_if_there_is_a_fault(faults: Faults, something: bool) -> None:
    assert bool(faults) == something


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("fragment", 0),
        ("delay", -1.0),
        ("delay", math.nan),
        ("jitter", -1.0),
        ("jitter", math.inf),
        ("rate", 0),
        ("rate", math.nan),
        ("rate", math.inf),
        ("corrupt", 0),
        ("reset_after", -1),
        ("close_after", -1),
        ("lifetime", math.nan),
        ("slow_close", -1.0),
        ("only_first", 0),
        ("only_share", 0.0),
        ("only_share", 1.1),
        ("only_share", math.nan),
    ],
)
def test_a_fault_out_of_range_is_refused_in_one_line(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=rf"^{field} must be [^\n]*$"):
        Faults(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", ["fragment", "corrupt", "close_after", "only_first", "seed"])
def test_a_count_is_an_integer(field: str) -> None:
    with pytest.raises(TypeError):
        Faults(**{field: 1.5})  # type: ignore[arg-type]


def test_the_first_connections_are_hit() -> None:
    faults = Faults(delay=1, only_first=2)
    assert [faults.hit(number) for number in (1, 2, 3)] == [True, True, False]


def test_a_share_of_the_connections_is_hit_the_same_ones_with_the_same_seed() -> None:
    hit = [Faults(only_share=0.25, seed=1).hit(number) for number in range(4000)]
    assert 900 < sum(hit) < 1100
    assert hit == [Faults(only_share=0.25, seed=1).hit(number) for number in range(4000)]
    assert hit != [Faults(only_share=0.25, seed=2).hit(number) for number in range(4000)]
    assert all(Faults(only_share=1).hit(number) for number in range(100))


def test_of_the_first_connections_a_share_is_hit() -> None:
    faults = Faults(only_first=1000, only_share=0.5)
    hit = [number for number in range(1, 2000) if faults.hit(number)]
    assert 400 < len(hit) < 600
    assert max(hit) <= 1000


def test_a_worker_gets_the_same_faults() -> None:
    faults = Faults(fragment=2, rate=9.5, black_hole=True, lifetime=math.inf, only_share=0.5)
    assert pickle.loads(pickle.dumps(faults)) == faults  # noqa: S301  our own
