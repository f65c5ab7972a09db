"""What a cable decides: pure logic, with times that the tests make up."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import ACK, CLIENT, CLIENT6, PSH, SERVER, SERVER6, SYN, Script, frame

from trio_echo import Endpoint, lan
from trio_echo.lan.direction import LONGEST_HOLD, Direction
from trio_echo.observe.packets import CaptureError
from trio_echo.observe.packets.files import pcap
from trio_echo.observe.packets.passage import Fate, Passage
from trio_echo.observe.packets.wire import parse

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000
SECOND = 1000 * MS
ARP = bytes(12) + b"\x08\x06" + bytes(28)


def numbered(number: int, size: int = 100) -> bytes:
    """Return a frame that can be told from the others."""
    return number.to_bytes(4, "big").ljust(size, b"\0")


def toward_b(**settings: Any) -> Direction:
    return lan.Cable("a", "b", **{"seed": 1, **settings}).toward("b")


def drain(direction: Direction) -> list[tuple[int, bytes]]:
    """Take everything out, each frame when it is due."""
    out = []
    while (due := direction.next_due) is not None:
        assert not direction.due(due - 1)
        frames = direction.due(due)
        assert frames
        out += [(due, one) for one in frames]
    return out


shares = st.sampled_from([0.0, 0.3, 1.0])
settings = st.fixed_dictionaries(
    {
        "delay": st.sampled_from([0.0, 0.001, 0.05]),
        "jitter": st.sampled_from([0.0, 0.01]),
        "rate": st.sampled_from([None, 1e5, 1e6]),
        "queue": st.integers(0, 5),
        "loss": shares,
        "duplicate": shares,
        "reorder": shares,
        "seed": st.integers(0, 100),
    }
)
# Nanoseconds before each frame, and its size.
traffic = st.lists(
    st.tuples(st.sampled_from([0, 1000, 5 * MS]), st.integers(60, 1514)), max_size=40
)
# What happens before a frame enters.
changes = st.sampled_from(
    [
        None,
        None,
        None,
        {"rate": 1e7},
        {"rate": 1e4},
        {"rate": None},
        {"delay": 0.2},
        {"delay": 0.0},
        "cut",
        "heal",
    ]
)


@given(settings, st.lists(st.tuples(st.sampled_from([0, 1000, 5 * MS]), changes), max_size=40))
def test_every_frame_is_carried_lost_or_inside(
    settings: dict[str, Any], events: list[tuple[int, Any]]
) -> None:
    cable = lan.Cable("a", "b", **settings)
    direction = cable.toward("b")
    now, out = SECOND, []
    for number, (pause, change) in enumerate(events):
        now += pause
        out += [(now, one) for one in direction.due(now)]
        if change == "cut":
            cable.cut()
        elif change == "heal":
            cable.heal()
        elif change is not None:
            cable.change(**change)
        direction.take(numbered(number), now)
        inside = Counter({Fate.CARRIED: direction.inside})
        left = sum(len(one.arrivals) for one in cable.passages)
        assert left == len(out) + sum(inside.values())
    out += drain(direction)
    assert len(cable.passages) == len(events) == sum(cable.counts.values())
    arrived = Counter(one for _, one in out)
    for number, passage in enumerate(cable.passages):
        assert passage.data == numbered(number)
        assert arrived[passage.data] == len(passage.arrivals)
        assert all(time >= passage.time for time in passage.arrivals)
        if passage.fate in {Fate.LOST, Fate.QUEUE_FULL, Fate.CUT}:
            assert passage.lost
        else:
            assert len(passage.arrivals) == 1 + (passage.fate is Fate.DUPLICATED) or (
                passage.fate is Fate.REORDERED
            )
    assert Counter(one.fate for one in cable.passages) == +cable.counts
    assert direction.inside == 0


@given(settings, traffic, st.lists(changes, min_size=40, max_size=40))
def test_without_reorder_the_order_is_kept_and_nothing_comes_before_its_delay(
    settings: dict[str, Any], traffic: list[tuple[int, int]], changes: list[Any]
) -> None:
    direction = toward_b(**{**settings, "reorder": 0.0})
    now, out, delays = SECOND, [], {}
    for number, ((pause, size), change) in enumerate(zip(traffic, changes, strict=False)):
        now += pause
        out += [(now, one) for one in direction.due(now)]
        if isinstance(change, dict):
            direction.change(**change)
        delays[number] = now + round(direction.delay * SECOND)
        direction.take(numbered(number, size), now)
    out += drain(direction)
    numbers = [int.from_bytes(one[:4], "big") for _, one in out]
    assert numbers == sorted(numbers)
    for (time, _), number in zip(out, numbers, strict=True):
        assert time >= delays[number]


@given(settings, traffic)
def test_the_same_seed_gives_the_same_fates(
    settings: dict[str, Any], traffic: list[tuple[int, int]]
) -> None:
    def run() -> tuple[Passage, ...]:
        cable = lan.Cable("a", "b", **settings)
        now = 0
        for number, (pause, size) in enumerate(traffic):
            now += pause
            cable.toward("b").take(numbered(number, size), now)
        return cable.passages

    assert run() == run()


def test_another_seed_gives_other_fates_and_each_direction_has_its_own() -> None:
    def fates(cable: lan.Cable, end: str) -> list[Fate]:
        cable.clear()
        for number in range(100):
            cable.toward(end).take(numbered(number), 0)
        return [one.fate for one in cable.passages]

    one, other = (lan.Cable("a", "b", loss=0.5, seed=seed) for seed in (1, 2))
    assert fates(one, "a") != fates(other, "a")
    assert fates(one, "b") != fates(lan.Cable("a", "b", loss=0.5, seed=1), "a")
    unseeded = lan.Cable("a", "b", loss=0.5)
    again = lan.Cable("a", "b", loss=0.5, seed=unseeded.seed)
    assert fates(unseeded, "b") == fates(again, "b")


def test_a_share_is_about_the_share_of_frames_that_suffer_it() -> None:
    for name, fate in [
        ("loss", Fate.LOST),
        ("duplicate", Fate.DUPLICATED),
        ("reorder", Fate.REORDERED),
    ]:
        direction = toward_b(**{name: 0.1})
        for number in range(10_000):
            direction.take(numbered(number), number * MS)
        # 10 standard deviations of a binomial distribution
        assert abs(direction.counts[fate] - 1000) < 300


def test_the_delay_is_exact_in_each_direction() -> None:
    cable = lan.Cable("a", "b", delay=0.025)
    cable.toward("b").take(numbered(1), 7)
    cable.toward("a").delay = 0.05
    cable.toward("a").take(numbered(2), 7)
    assert cable.toward("b").next_due == 25 * MS + 7
    assert cable.toward("a").next_due == 50 * MS + 7
    assert cable.toward("b").due(25 * MS + 6) == []
    assert cable.toward("b").due(25 * MS + 7) == [numbered(1)]
    (one, other) = cable.passages
    assert one == Passage(7, "a", numbered(1), Fate.CARRIED, (25 * MS + 7,), numbered(1))
    assert (other.source, other.arrivals) == ("b", (50 * MS + 7,))


def test_a_new_delay_is_for_frames_that_enter_later_and_they_wait_for_those_inside() -> None:
    direction = toward_b(delay=1.0)
    direction.take(numbered(1), 0)
    direction.delay = 0.0
    direction.take(numbered(2), 5)
    assert drain(direction) == [(SECOND, numbered(1)), (SECOND, numbered(2))]


def test_with_a_rate_latency_comes_from_the_queue() -> None:
    direction = toward_b(rate=8_000_000, queue=3, delay=0.01)  # 1 ms for 1000 bytes
    for number in range(6):
        direction.take(numbered(number, 1000), 0)
    # One is being sent and three wait; the last two find the queue full.
    assert drain(direction) == [((11 + n) * MS, numbered(n, 1000)) for n in range(4)]
    assert direction.counts == {Fate.CARRIED: 4, Fate.QUEUE_FULL: 2}
    direction.take(numbered(7, 1000), 100 * MS)
    assert direction.next_due == 111 * MS  # the wire is free


def test_a_queue_of_no_frames_takes_one_frame_at_a_time() -> None:
    direction = toward_b(rate=8_000_000, queue=0)
    for time in (0, MS - 1, MS):
        direction.take(numbered(time, 1000), time)
    assert [one for _, one in drain(direction)] == [numbered(0, 1000), numbered(MS, 1000)]


def test_a_frame_finds_the_queue_as_it_was_when_it_came() -> None:
    """A carrier may let others leave before it lets the frame enter."""
    cable = lan.Cable("a", "b", rate=8_000_000, queue=1)
    direction = cable.toward("b")
    for number in range(2):
        direction.take(numbered(number, 1000), 0)
    assert len(direction.due(MS)) == 1
    direction.take(numbered(2, 1000), MS - 1)
    direction.take(numbered(3, 1000), MS)
    assert [one.lost for one in cable.passages] == [False, False, True, False]


def test_a_lost_frame_takes_its_time_on_the_wire() -> None:
    cable = lan.Cable("a", "b", rate=8_000_000)
    cable.rules.append(lan.drop(lan.data, first=1))
    direction = cable.toward("b")
    segment = frame(CLIENT, SERVER, PSH | ACK, 1, payload=bytes(946)).data
    assert len(segment) == 1000
    direction.take(segment, 0)
    direction.take(numbered(1, 1000), 0)
    assert drain(direction) == [(2 * MS, numbered(1, 1000))]


def test_a_new_rate_plans_what_waits_again() -> None:
    cable = lan.Cable("a", "b", rate=8_000, delay=0.01)  # 1 s for 1000 bytes
    direction = cable.toward("b")
    changes = []
    direction.on_change(lambda: changes.append(1))
    for number in range(3):
        direction.take(numbered(number, 1000), 0)
    cable.rate = 8_000_000
    assert changes == [1]
    assert direction.due(SECOND // 2) == []
    direction.take(numbered(3, 1000), SECOND // 2)
    # Half of the first one is left, which takes half a millisecond now.
    first = SECOND // 2 + MS // 2
    times = [first + (10 + n) * MS for n in range(4)]
    assert drain(direction) == [(time, numbered(n, 1000)) for n, time in enumerate(times)]
    assert [one.arrivals[0] for one in cable.passages] == times


def test_a_new_rate_does_not_let_frames_wait_for_one_that_a_rule_delays() -> None:
    cable = lan.Cable("a", "b", rate=8_000)
    cable.rules.append(lan.delay(lan.data, by=100.0))
    direction = cable.toward("b")
    late = frame(CLIENT, SERVER, PSH | ACK, 1, payload=bytes(946)).data
    for one in (late, numbered(1, 1000)):
        direction.take(one, 0)
    cable.rate = None
    assert direction.due(1) == [numbered(1, 1000)]
    assert drain(direction) == [(100 * SECOND + 1, late)]


def test_without_a_rate_what_waits_is_sent_at_once() -> None:
    direction = toward_b(rate=1, delay=0.01)
    for number in range(3):
        direction.take(numbered(number), 0)
    direction.rate = None
    assert direction.due(SECOND) == []
    assert drain(direction) == [(SECOND + 10 * MS, numbered(n)) for n in range(3)]


def test_jitter_is_added_and_never_changes_the_order() -> None:
    direction = toward_b(delay=0.01, jitter=0.01)
    for number in range(1000):
        direction.take(numbered(number), number * 100 * MS)
    times = [time - n * 100 * MS for n, (time, _) in enumerate(drain(direction))]
    assert 10 * MS <= min(times) < 11 * MS
    assert 19 * MS < max(times) <= 20 * MS
    assert 14.5 * MS < sum(times) / 1000 < 15.5 * MS


def test_a_setting_with_a_typo_is_an_error() -> None:
    cable = lan.Cable("client", "server")
    for one in (cable, cable.toward("server")):
        with pytest.raises(AttributeError, match="dealy"):
            one.dealy = 0.1  # type: ignore[union-attr]


def test_a_cut_loses_what_is_inside_and_what_enters() -> None:
    cable = lan.Cable("a", "b", delay=1.0)
    cable.toward("b").take(numbered(1), 0)
    cable.cut()
    assert cable.is_cut
    cable.toward("b").take(numbered(2), 1)
    cable.toward("a").take(numbered(3), 1)
    assert cable.toward("b").next_due is None
    cable.heal()
    assert not cable.is_cut
    cable.toward("b").take(numbered(4), 2)
    assert drain(cable.toward("b")) == [(SECOND + 2, numbered(4))]
    assert [one.fate for one in cable.passages] == [*[Fate.CUT] * 3, Fate.CARRIED]
    assert +cable.counts == {Fate.CUT: 3, Fate.CARRIED: 1}
    assert [one.lost for one in cable.passages] == [True, True, True, False]


def test_what_is_inside_takes_a_limited_amount_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_echo.lan.direction._ROOM", 9 * 600)  # and 500 bytes beside each
    cable = lan.Cable("a", "b", delay=3600, duplicate=1.0, reorder=1.0)
    direction = cable.toward("b")
    for now, empty in ((0, lambda: drain(direction)), (7200 * SECOND, cable.cut)):
        for number in range(100):
            direction.take(numbered(number), now)
        assert direction.inside == 10
        assert direction.counts[Fate.QUEUE_FULL] == 95
        direction.forget()
        empty()
        assert direction.inside == 0
    cable.heal()
    direction.take(numbered(1), 7200 * SECOND)
    assert direction.inside == 2


def test_one_direction_can_be_cut() -> None:
    cable = lan.Cable("a", "b")
    cable.toward("b").cut()
    assert not cable.is_cut
    for end in cable.ends:
        cable.toward(end).take(numbered(1), 0)
    assert cable.toward("b").counts == {Fate.CUT: 1}
    assert cable.toward("a").due(0) == [numbered(1)]


def test_a_cut_empties_the_queue() -> None:
    cable = lan.Cable("a", "b", rate=1, queue=1)
    direction = cable.toward("b")
    for number in range(2):
        direction.take(numbered(number), 0)
    direction.due(5)
    cable.cut()
    cable.heal()
    direction.rate = 8_000_000
    direction.take(numbered(3, 1000), 10)
    assert drain(direction) == [(MS + 10, numbered(3, 1000))]


def test_a_cut_between_two_copies_loses_the_second_one() -> None:
    cable = lan.Cable("a", "b", duplicate=1.0)
    cable.toward("b").take(numbered(1), 0)
    assert cable.toward("b").due(0, most=1) == [numbered(1)]
    cable.cut()
    assert [(one.fate, one.arrivals) for one in cable.passages] == [(Fate.DUPLICATED, (0,))]
    assert +cable.counts == {Fate.DUPLICATED: 1}


def test_a_reordered_frame_leaves_after_the_next_one() -> None:
    direction = toward_b(delay=0.001)
    direction.reorder = 1.0
    direction.take(numbered(1), 0)
    direction.reorder = 0.0
    direction.take(numbered(2), 5)
    direction.take(numbered(3), 6)
    assert drain(direction) == [
        (MS + 5, numbered(2)),
        (MS + 5, numbered(1)),
        (MS + 6, numbered(3)),
    ]
    assert direction.counts == {Fate.REORDERED: 1, Fate.CARRIED: 2}


def test_a_reordered_frame_that_nothing_overtakes_leaves_all_the_same() -> None:
    cable = lan.Cable("a", "b", reorder=1.0, delay=0.001)
    cable.toward("b").take(numbered(1), 0)
    assert cable.toward("b").inside == 1
    assert drain(cable.toward("b")) == [(MS + LONGEST_HOLD, numbered(1))]
    cable.toward("b").take(numbered(2), SECOND)
    cable.cut()
    assert cable.toward("b").next_due is None
    assert cable.passages[-1].fate is Fate.CUT


def test_a_batch_may_be_limited_and_the_rest_is_due_at_once() -> None:
    direction = toward_b()
    for number in range(5):
        direction.take(numbered(number), 0)
    assert len(direction.due(0, most=3)) == 3
    assert direction.next_due == 0
    assert len(direction.due(0, most=3)) == 2


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (CLIENT6, SERVER6)])
@pytest.mark.parametrize("padding", [0, 6])
def test_a_corrupted_frame_differs_in_one_bit_that_the_checksum_covers(
    client: Any, server: Any, padding: int
) -> None:
    cable = lan.Cable("a", "b", corrupt=1.0)
    whole = frame(client, server, PSH | ACK, 1, payload=b"hello").data + bytes(padding)
    start = len(whole) - padding - 5 - 20
    places = set()
    for _ in range(2000):
        cable.toward("b").take(whole, 0)
        (received,) = cable.toward("b").due(0)
        bits = int.from_bytes(whole, "big") ^ int.from_bytes(received, "big")
        assert bits.bit_count() == 1
        places.add(len(whole) - 1 - (bits.bit_length() - 1) // 8)
    assert places == set(range(start, len(whole) - padding))
    assert cable.passages[-1].received == received
    assert cable.passages[-1].data == whole


@pytest.mark.parametrize(
    "other",
    [
        ARP,
        bytes(12) + b"\x86\xdd\x60" + bytes(5) + b"\x3b" + bytes(33),  # no next header
        bytes(12) + b"\x08\x00\x45",  # cut short
        b"",
    ],
)
def test_what_no_checksum_covers_is_not_corrupted(other: bytes) -> None:
    direction = toward_b(corrupt=1.0)
    direction.take(other, 0)
    assert direction.due(0) == [other]
    assert direction.counts == {Fate.CARRIED: 1}


def test_only_the_newest_passages_are_kept() -> None:
    cable = lan.Cable("a", "b", keep=2)
    seen: list[Passage] = []
    cable.on_passage(seen.append)
    for number in range(3):
        cable.toward("b").take(numbered(number), number)
    assert [one.data for one in cable.passages] == [numbered(1), numbered(2)]
    assert [one.data for one in seen] == [numbered(0), numbered(1), numbered(2)]
    assert cable.counts == {Fate.CARRIED: 3}
    cable.clear()
    assert (cable.passages, cable.counts) == ((), {})
    assert lan.Cable("a", "b", keep=0).passages == ()


def test_settings_are_read_and_changed_as_attributes() -> None:
    cable = lan.Cable("a", "b", delay=0.02)
    cable.loss = 0.1
    assert cable.settings == lan.Settings(delay=0.02, loss=0.1)
    assert (cable.delay, cable.toward("a").loss, cable.queue) == (0.02, 0.1, 1000)
    cable.toward("b").loss = 0.5
    assert cable.toward("a").loss == 0.1
    with pytest.raises(lan.SettingError, match=r"differ: ask cable.toward\(end\)"):
        _ = cable.loss


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"delay": -1}, "delay must be 0 to 86400 seconds, not -1"),
        ({"delay": float("inf")}, "delay must be 0 to 86400 seconds, not inf"),
        ({"jitter": float("nan")}, "jitter must be 0 to 86400 seconds, not nan"),
        ({"rate": 0}, "rate must be at least 1 bit/s, not 0"),
        ({"queue": -1}, "queue must be 0 frames or more, not -1"),
        ({"loss": 1.01}, "loss must be 0 to 1 as a share of all frames, not 1.01"),
        ({"keep": -1}, "keep must be 0 frames or more, not -1"),
    ],
)
def test_a_setting_out_of_range_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(lan.SettingError) as failure:
        lan.Cable("a", "b", **settings)
    assert str(failure.value) == message


def test_a_refused_change_changes_nothing() -> None:
    cable = lan.Cable("a", "b", delay=0.02)
    with pytest.raises(lan.SettingError):
        cable.change(delay=0.05, loss=2)
    with pytest.raises(TypeError, match=r"delay must be a number \(seconds\), not '20ms'"):
        cable.delay = "20ms"  # type: ignore[assignment]
    assert cable.settings == lan.Settings(delay=0.02)


def test_ends_have_different_names_and_others_are_refused() -> None:
    with pytest.raises(lan.SettingError, match="both ends of the cable are named 'a'"):
        lan.Cable("a", "a")
    with pytest.raises(lan.SettingError, match="the cable has no end 'c': its ends are a and b"):
        lan.Cable("a", "b").toward("c")


def test_ten_thousand_frames_at_random_leave_nothing_behind() -> None:
    lots = random.Random(3)
    cable = lan.Cable("a", "b", keep=10, rate=1e8, jitter=0.01, reorder=0.1, duplicate=0.1)
    now = 0
    for number in range(10_000):
        now += lots.randrange(MS)
        cable.toward("b").take(numbered(number), now)
        cable.toward("b").due(now)
    drain(cable.toward("b"))
    assert cable.toward("b").inside == 0


def test_a_trace_is_of_one_connection_with_the_fate_of_each_segment() -> None:
    cable = lan.Cable("client", "server", delay=0.001)
    cable.rules.append(lan.drop(lan.data, first=1))
    cable.toward("client").take(ARP, 0)
    other = Endpoint("10.0.0.1", 40_000)
    for one in [frame(other, SERVER, SYN, 1), *Script().handshake().echo(b"hello").frames]:
        segment = parse(one.data)
        assert segment is not None
        cable.toward("client" if segment.source == SERVER else "server").take(one.data, one.time)
    assert cable.trace().client == other
    trace = cable.trace(CLIENT.port)
    assert [one.flags for one in trace.segments][:3] == [SYN, SYN | ACK, ACK]
    assert trace.from_cable
    with pytest.raises(CaptureError, match="no TCP connection begins in it"):
        cable.trace(1)


def test_a_capture_file_has_every_frame_in_the_order_of_the_times(tmp_path: Path) -> None:
    cable = lan.Cable("a", "b", loss=1.0)
    cable.toward("b").take(numbered(1), 9)
    cable.toward("a").take(numbered(2), 8)
    cable.save(tmp_path / "wire.pcap")
    assert pcap.unpack((tmp_path / "wire.pcap").read_bytes()) == [
        (8, numbered(2)),
        (9, numbered(1)),
    ]


def test_a_cable_says_what_it_does_and_what_it_did() -> None:
    cable = lan.Cable("a", "b")
    assert repr(cable) == "<Cable a and b: perfect>"
    cable.change(delay=0.02, loss=1)
    cable.toward("b").take(numbered(1), 0)
    assert repr(cable) == "<Cable a and b: delay=20ms,loss=100%, 1 lost>"
    cable.toward("a").loss = 0.5
    cable.cut()
    assert repr(cable) == (
        "<Cable a and b: toward a delay=20ms,loss=50%, toward b delay=20ms,loss=100%, cut, 1 lost>"
    )
