"""Checks of notebook 16: right and wrong answers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from trio_echo.notebook.checks import real_link

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trio_echo.observe.packets import Crossing

HEADERS = {4: 14 + 20 + 32, 6: 14 + 40 + 32}


def right_bytes(size: int, mtu: int, version: int) -> int:
    most = mtu + 14 - HEADERS[version]
    return size + math.ceil(size / most) * HEADERS[version]


def forgets_the_last_segment(size: int, mtu: int, version: int) -> int:
    most = mtu + 14 - HEADERS[version]
    return size + size // most * HEADERS[version]


def sends_one_segment_too_many(size: int, mtu: int, version: int) -> int:
    most = mtu + 14 - HEADERS[version]
    return size + (size // most + 1) * HEADERS[version]


def knows_one_family(size: int, mtu: int, version: int) -> int:
    return right_bytes(size, mtu, 4)


def forgets_time_stamps(size: int, mtu: int, version: int) -> int:
    headers = HEADERS[version] - 12
    return size + math.ceil(size / (mtu + 14 - headers)) * headers


def returns_nothing(*arguments: object) -> None:
    str(arguments)


def divides_by_nothing(size: int, mtu: int, version: int) -> int:
    return right_bytes(size, mtu, version) * size // size


def test_right_bytes() -> None:
    assert real_link.wire_bytes(right_bytes).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (forgets_the_last_segment, "1 byte of data, MTU 1500, IPv4: 67 bytes cross"),
        (sends_one_segment_too_many, "1448 bytes of data, MTU 1500, IPv4: 1514 bytes cross"),
        (knows_one_family, "1428 bytes of data, MTU 1500, IPv6: 1514 bytes cross"),
        (forgets_time_stamps, "segments with at most 1448 bytes of data: 1."),
        (divides_by_nothing, "With 0 bytes of data, MTU 1500, IPv6, it raised ZeroDivisionError"),
        (returns_nothing, "Is a `return` missing"),
        (1514, "1514 is not a function"),
    ],
)
def test_wrong_bytes(answer: Callable[[int, int, int], object], why: str) -> None:
    verdict = real_link.wire_bytes(answer)
    assert verdict.right is False
    assert why in verdict.why


def right_path(crossings: Sequence[Crossing], mtu: int) -> int:
    told = [one.decoded.mtu for one in crossings if one.decoded.mtu and one.arrivals]
    return min([mtu, *told])


def believes_lost_messages(crossings: Sequence[Crossing], mtu: int) -> int:
    return min([mtu, *(one.decoded.mtu for one in crossings if one.decoded.mtu)])


def takes_the_latest(crossings: Sequence[Crossing], mtu: int) -> int:
    for one in crossings:
        if one.decoded.mtu and one.arrivals:
            mtu = one.decoded.mtu
    return mtu


def takes_the_first(crossings: Sequence[Crossing], mtu: int) -> int:
    for one in crossings:
        if one.decoded.mtu and one.arrivals:
            return one.decoded.mtu
    return mtu


def expects_a_message(crossings: Sequence[Crossing], mtu: int) -> int:
    return min(one.decoded.mtu for one in crossings if one.decoded.mtu and one.arrivals)


def test_a_right_path() -> None:
    assert real_link.path_mtu(right_path).right


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (believes_lost_messages, "With a link of 1500 and MTU 1400 (lost), the client knows 1500"),
        (takes_the_latest, "MTU 1280, then MTU 1400, the client knows 1280, not 1400"),
        (takes_the_first, "MTU 1400, then MTU 1280, the client knows 1280, not 1400"),
        (expects_a_message, "no message about an MTU, it raised ValueError"),
        (returns_nothing, "Is a `return` missing"),
        (1400, "1400 is not a function"),
    ],
)
def test_a_wrong_path(answer: Callable[[Sequence[Crossing], int], object], why: str) -> None:
    verdict = real_link.path_mtu(answer)
    assert verdict.right is False
    assert why in verdict.why
