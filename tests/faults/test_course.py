"""What faults do to the bytes of one connection, without I/O and without a clock."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo import Faults
from trio_echo.faults.course import Course, End


def sent(
    faults: Faults, messages: list[bytes], number: int = 1
) -> tuple[list[tuple[float, bytes]], End | None]:
    """Send messages; return each step with its time, and how the connection ends."""
    course, now = Course(faults, number, 0.0), 0.0
    steps: list[tuple[float, bytes]] = []
    for message in messages:
        rest = memoryview(message)
        course.begin()
        while rest and course.end is None:
            now, size = course.next_step(len(rest), now)
            steps.append((now, bytes(course.altered(rest[:size]))))
            course.went_out(size, now)
            rest = rest[size:]
    return steps, course.end


def test_without_faults_all_is_sent_at_once() -> None:
    assert sent(Faults(), [b"hello", b"again"]) == ([(0.0, b"hello"), (0.0, b"again")], None)


def test_a_limited_rate_sends_ten_times_a_second() -> None:
    steps, _ = sent(Faults(rate=20), [b"hello"])
    assert [piece for _, piece in steps] == [b"he", b"ll", b"o"]
    assert [when for when, _ in steps] == pytest.approx([0.1, 0.2, 0.25])


def test_a_rate_of_less_than_ten_bytes_sends_each_alone() -> None:
    steps, _ = sent(Faults(rate=0.5), [b"hi"])
    assert steps == [(2.0, b"h"), (4.0, b"i")]


def test_of_delay_and_rate_the_longer_wait_counts() -> None:
    steps, _ = sent(Faults(fragment=2, delay=0.5, rate=10), [b"hello"])
    assert [piece for _, piece in steps] == [b"h", b"e", b"l", b"l", b"o"]
    assert [when for when, _ in steps] == pytest.approx([0.5, 0.6, 1.1, 1.2, 1.7])


def test_after_a_silence_the_rate_saves_nothing_up() -> None:
    course = Course(Faults(rate=10), 1, 0.0)
    for now in (0.0, 100.0):
        course.begin()
        due, size = course.next_step(1, now)
        assert due == pytest.approx(now + 0.1)
        course.went_out(size, due)


@given(
    messages=st.lists(st.binary(max_size=60), max_size=4),
    rate=st.integers(1, 200),
    fragment=st.none() | st.integers(1, 20),
    delay=st.none() | st.integers(0, 2),
)
def test_the_rate_is_never_exceeded(
    messages: list[bytes], rate: int, fragment: int | None, delay: int | None
) -> None:
    steps, _ = sent(Faults(rate=rate, fragment=fragment, delay=delay), messages)
    count = 0
    for when, piece in steps:
        count += len(piece)
        assert count <= rate * when + 1e-6
    assert b"".join(piece for _, piece in steps) == b"".join(messages)


def test_jitter_comes_on_top_of_the_delay_and_repeats_with_the_seed() -> None:
    def pauses(seed: int, number: int = 1) -> list[float]:
        faults = Faults(fragment=1, delay=10, jitter=2, seed=seed)
        times = [0.0, *(when for when, _ in sent(faults, [bytes(200)], number)[0])]
        return [after - before for before, after in pairwise(times)]

    assert all(10 <= pause <= 12 for pause in pauses(1))
    assert min(pauses(1)) < 10.2
    assert max(pauses(1)) > 11.8
    assert pauses(1) == pauses(1)
    assert pauses(1) != pauses(2)
    assert pauses(1) != pauses(1, number=2)


def test_jitter_alone_delays_whole_pieces() -> None:
    ((when, piece),), _ = sent(Faults(jitter=2), [b"hello"])
    assert 0 < when < 2
    assert piece == b"hello"


@given(
    every=st.integers(1, 9),
    message=st.binary(max_size=60),
    pieces=st.integers(1, 9),
    seed=st.integers(),
)
def test_every_nth_byte_is_wrong_and_no_other_however_it_is_cut(
    every: int, message: bytes, pieces: int, seed: int
) -> None:
    faults = Faults(corrupt=every, seed=seed)
    whole = b"".join(piece for _, piece in sent(faults, [message])[0])
    wrong = [count for count, (a, b) in enumerate(zip(whole, message, strict=True), 1) if a != b]
    assert wrong == [*range(every, len(message) + 1, every)]
    cut = [message[start : start + pieces] for start in range(0, len(message), pieces)]
    assert b"".join(piece for _, piece in sent(faults, cut)[0]) == whole


def test_no_byte_is_changed_to_itself() -> None:
    ((_, received),), _ = sent(Faults(corrupt=1), [bytes(5000)])
    assert 0 not in received


def test_what_is_corrupt_depends_on_the_seed_and_the_connection() -> None:
    def received(seed: int, number: int) -> bytes:
        return b"".join(
            one for _, one in sent(Faults(corrupt=1, seed=seed), [bytes(20)], number)[0]
        )

    assert len({received(1, 1), received(1, 2), received(2, 1)}) == 3


@pytest.mark.parametrize(
    ("faults", "received", "end"),
    [
        (Faults(close_after=3), b"hel", End.CLOSE),
        (Faults(close_after=0), b"", End.CLOSE),
        (Faults(reset_after=3, close_after=4), b"hel", End.RESET),
        (Faults(reset_after=4, close_after=3), b"hel", End.CLOSE),
        (Faults(reset_after=3, close_after=3), b"hel", End.RESET),
        (Faults(close_after=5), b"hello", End.CLOSE),
        (Faults(close_after=6), b"hello", None),
        (Faults(close_after=3, fragment=2, rate=10), b"hel", End.CLOSE),
        (Faults(close_after=0, black_hole=True), b"hello", None),
    ],
    ids=str,
)
def test_it_ends_at_the_given_byte(faults: Faults, received: bytes, end: End | None) -> None:
    steps, ended = sent(faults, [b"hello"])
    assert (b"".join(piece for _, piece in steps), ended) == (received, end)


def test_the_lifetime_counts_from_the_beginning() -> None:
    assert Course(Faults(lifetime=3), 1, 10.0).ends_at == 13
    assert Course(Faults(), 1, 10.0).ends_at == math.inf
