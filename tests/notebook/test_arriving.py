"""Bytes that arrive in chosen pieces, and all ways to cut them."""

from __future__ import annotations

import pytest

from trio_echo.notebook.arriving import Arriving, cut, every_cut


async def test_each_receive_returns_one_piece_and_the_end_comes_after_the_last() -> None:
    stream = Arriving(b"on", b"", b"e")
    assert [await stream.receive_some() for _ in range(4)] == [b"on", b"e", b"", b""]
    assert stream.received == [b"on", b"e"]


async def test_the_rest_of_a_piece_stays_for_the_next_receive() -> None:
    async with Arriving(b"hello") as stream:
        assert [await stream.receive_some(3), await stream.receive_some(3)] == [b"hel", b"lo"]
        assert stream.received == [b"hel", b"lo"]
        with pytest.raises(ValueError, match="at least 1"):
            await stream.receive_some(0)


def test_data_is_cut_into_equal_pieces_and_a_rest() -> None:
    assert cut(b"hello", 2) == [b"he", b"ll", b"o"]


def test_every_way_to_cut_comes_once_and_few_pieces_come_first() -> None:
    assert list(every_cut(b"abc")) == [
        [b"abc"],
        [b"a", b"bc"],
        [b"ab", b"c"],
        [b"a", b"b", b"c"],
    ]
    ways = [tuple(pieces) for pieces in every_cut(b"abcdefgh")]
    assert len(set(ways)) == len(ways) == 2**7
    assert {b"".join(pieces) for pieces in ways} == {b"abcdefgh"}
