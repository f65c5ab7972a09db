"""Lines of options: read, written, and refused with one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_echo.lan import SettingError, Settings
from trio_echo.lan.options import FRAMES_PER_SECOND, Wire, parse_wire
from trio_echo.lan.quantities import parse_rate, parse_share, parse_time, rate_text, time_text


@pytest.mark.parametrize(
    ("line", "wire"),
    [
        ("", Wire()),
        (
            "delay=20ms,loss=1%,rate=50mbit,queue=100",
            Wire(settings=Settings(delay=0.02, loss=0.01, rate=50e6, queue=100)),
        ),
        (
            " jitter = 2.5 ms , duplicate=.1,reorder=0.5%, corrupt=100%,seed=7,mtu=1280 ",
            Wire(
                settings=Settings(jitter=0.0025, duplicate=0.1, reorder=0.005, corrupt=1.0),
                seed=7,
                mtu=1280,
            ),
        ),
    ],
)
def test_a_line_is_read(line: str, wire: Wire) -> None:
    assert parse_wire(line) == wire


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20ms", 0.02),
        ("15us", 15e-6),
        ("15µs", 15e-6),
        ("15\N{GREEK SMALL LETTER MU}s", 15e-6),
        ("1.5 s", 1.5),
        ("3MS", 0.003),
        ("0", 0.0),
    ],
)
def test_a_time_has_a_unit_unless_it_is_0(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    ("text", "rate"), [("500bit", 500), ("9.6kbit", 9600), ("50mbit", 50e6), ("1Gbit", 1e9)]
)
def test_a_rate_has_a_unit(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize(("text", "share"), [("1%", 0.01), ("0.01", 0.01), ("1", 1.0), ("0%", 0)])
def test_a_share_is_a_percentage_or_a_number(text: str, share: float) -> None:
    assert parse_share(text) == share


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "delai=20ms",
            "'delai' is not a setting: choose from delay, jitter, rate, queue, loss, duplicate, "
            "reorder, corrupt, seed, mtu",
        ),
        ("delay=1ms,delay=2ms", "delay is given twice"),
        ("delay", "delay has no value: write delay=20ms"),
        ("rate", "rate has no value: write rate=50mbit"),
        ("delay=20", "delay: '20' has no unit (s, ms or us): a time is written as 20ms"),
        ("delay=", "delay: '' is not a time such as 20ms"),
        ("delay=-1ms", "delay: '-1ms' is not a time such as 20ms"),
        ("delay=٣ms", "delay: '٣ms' is not a time such as 20ms"),
        ("delay=1min", "delay: '1min' has the unit 'min'; a time is in s, ms or us"),
        ("delay=90000s", "delay must be 0 to 86400 seconds, not 90000.0"),
        (
            "rate=50",
            "rate: '50' has no unit (bit, kbit, mbit or gbit): a rate is written as 50mbit",
        ),
        ("rate=6MB", "rate: '6MB' has the unit 'mb'; a rate is in bit, kbit, mbit or gbit"),
        ("rate=0", "rate: '0' is less than 1bit a second"),
        (f"rate={'9' * 400}bit", "rate must be at least 1 bit/s, not inf"),
        ("loss=5", "loss: '5' is more than all frames: did you mean 5%?"),
        ("loss=101%", "loss: '101%' is more than all frames"),
        ("loss=some", "loss: 'some' is not a share such as 1% or 0.01"),
        ("queue=1.5", "queue: '1.5' is not a whole number"),
        ("mtu=1279", "mtu: '1279' is not 1280 to 65535 bytes"),
    ],
)
def test_a_wrong_line_is_refused_with_one_line(line: str, message: str) -> None:
    with pytest.raises(SettingError) as failure:
        parse_wire(line)
    assert str(failure.value) == message


@given(st.text(alphabet="delayrtmsqu=,.0123456789% ", max_size=20))
def test_any_text_is_read_or_refused(line: str) -> None:
    try:
        wire = parse_wire(line)
    except SettingError:
        return
    assert parse_wire(str(wire)) == wire


@given(st.integers(0, 10**9), st.integers(1, 10**12), st.integers(0, 10**6))
def test_what_is_written_is_read_again(microseconds: int, rate: int, millionths: int) -> None:
    settings = Settings(delay=microseconds / 10**6, rate=rate, loss=millionths / 10**6)
    wire = Wire(settings=settings, seed=microseconds)
    assert parse_wire(str(wire)) == wire


def test_a_line_is_as_short_as_it_can_be() -> None:
    assert str(parse_wire("rate=50000kbit,delay=0.020s,queue=1000,mtu=1500")) == (
        "delay=20ms,rate=50mbit"
    )
    assert [time_text(one) for one in (0, 1e-7, 1e-6, 0.0025, 90)] == [
        "0us",
        "0.1us",
        "1us",
        "2.5ms",
        "90s",
    ]
    assert [rate_text(one) for one in (1, 1000, 1.5e6, 2e10)] == [
        "1bit",
        "1kbit",
        "1.5mbit",
        "20gbit",
    ]


def test_a_wire_makes_such_a_cable() -> None:
    cable = parse_wire("delay=20ms,seed=7").cable("a", "b")
    assert (cable.ends, cable.settings, cable.seed) == (("a", "b"), Settings(delay=0.02), 7)


def test_a_rate_beyond_the_cable_is_said() -> None:
    most = FRAMES_PER_SECOND * 1514 * 8
    assert Wire().warning is None
    assert Wire(settings=Settings(rate=most)).warning is None
    warning = Wire(settings=Settings(rate=1e10)).warning
    assert warning == (
        f"a rate of 10gbit may be beyond this cable: it carries some {FRAMES_PER_SECOND:,} "
        f"frames a second, {most / 1e6:.0f}mbit at an MTU of 1500"
    )
