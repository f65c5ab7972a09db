from __future__ import annotations

import random

from trio_echo.measure.cluster.clocks import Exchange, offset_of


def test_the_offset_is_never_wrong_by_more_than_its_error() -> None:
    """Whatever part of a round trip each way took."""
    chance = random.Random(1)
    for _ in range(200):
        true = chance.randrange(-(10**15), 10**15)
        exchanges = []
        for _ in range(5):
            asked = chance.randrange(10**12)
            there, back = chance.randrange(10**7), chance.randrange(10**7)
            exchanges.append(Exchange(asked, asked + there + true, asked + there + back))
        found = offset_of(exchanges)
        assert abs(found.value - true) <= found.error


def test_the_quickest_exchange_counts() -> None:
    exchanges = [
        Exchange(0, 5_900, 1_000),
        Exchange(2_000, 7_051, 2_100),
        Exchange(0, 9_000, 9_000),
    ]
    assert offset_of(exchanges) == (5_001, 50)
