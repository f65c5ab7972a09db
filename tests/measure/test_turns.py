"""The order of rounds."""

from __future__ import annotations

from trio_echo.measure.turns import visits


def test_a_turn_visits_every_target_once() -> None:
    order = list(visits(3, 2, 2))
    assert [one[:2] for one in order[::3]] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for index in range(0, len(order), 3):
        turn = order[index : index + 3]
        assert len({one[:2] for one in turn}) == 1
        assert {target for *_, target in turn} == {0, 1, 2}


def test_the_order_within_a_turn_is_random() -> None:
    first = [target for *_, target in visits(2, 2, 100)][::2]
    assert 20 < sum(first) < 180
