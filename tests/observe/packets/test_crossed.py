"""Traces of what crossed a cable: fates, arrivals, repetitions, states."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest
from frames import FAR, tcp
from passages import Crossed, early_fin, fast, lost_data, lost_syn, mixed
from wire import ACK, CLIENT, PSH, RST, SYN, Script

from trio_echo.observe.packets.passage import Fate
from trio_echo.observe.packets.states import initial, moments
from trio_echo.observe.packets.trace import Trace

if TYPE_CHECKING:
    from pathlib import Path

MS = 1_000_000


def trace(crossed: Crossed) -> Trace:
    return Trace.from_passages(crossed.passages)


def states(found: Trace) -> list[tuple[float, str, str]]:
    """Return when each end's state changes, in milliseconds."""
    last, changes = initial(found), []
    for one in moments(found):
        segment = found.segments[one.segment]
        time = sorted(segment.arrivals)[one.copy] if one.arrives else segment.time
        if one.state != last[one.at]:
            last[one.at] = one.state
            side = "client" if one.at == found.client else "server"
            changes.append((time / MS, side, one.state))
    return changes


def test_the_table_of_a_lost_syn() -> None:
    assert (
        str(trace(lost_syn()))
        == """\
10.0.0.1:51188 → 10.0.0.2:9000, 4 segments
time (ms)     flags    seq  ack  window  MSS  bytes  arrives (ms)  notes                        data
    0.000  →  SYN        0           64           0                lost
 1000.000  →  SYN        0           64           0      1010.000  retransmission after 1.00 s
 1010.000  ←  SYN+ACK    0    1      64           0      1020.000
 1020.000  →  ACK        1    1      64           0      1030.000"""
    )
    assert "<td" in trace(lost_syn())._repr_html_()
    assert "retransmission" in trace(lost_syn())._repr_html_()


def test_fates_and_arrivals() -> None:
    late, early, twice, corrupted, full = trace(mixed()).segments[3:]
    assert (late.fate, late.arrival) == (Fate.REORDERED, 39 * MS)
    assert (early.fate, early.arrival) == (Fate.CARRIED, 32 * MS)
    assert twice.arrivals == (60 * MS, 62 * MS)
    assert corrupted.notes == ("corrupted: wrong TCP checksum",)
    assert (full.arrival, full.notes) == (None, ("queue full",))


def test_a_lost_segment_is_repeated() -> None:
    segments = trace(lost_data()).segments
    assert [one.retransmission for one in segments] == [False] * 4 + [True] + [False] * 2


def test_duplicate_acks_with_sack() -> None:
    segments = trace(fast()).segments
    assert [one.notes for one in segments[8:]] == [
        ("duplicate ACK", "SACK 11-21"),
        ("duplicate ACK", "SACK 11-31"),
        ("duplicate ACK", "SACK 11-41"),
        ("retransmission after 20.2 ms",),
        (),
    ]


def test_an_update_of_the_window_is_a_duplicate_ack_only_with_sack() -> None:
    crossed = Crossed().handshake().segment(21, ACK, 1, 1, Fate.LOST, payload=b"x" * 10)
    crossed.segment(22, ACK, 11, 1, payload=b"x" * 10)
    crossed.segment(32, ACK, 1, 1, back=True, window=65)
    block = struct.pack("!BBII", 5, 10, 11, 21)
    crossed.segment(33, ACK, 1, 1, back=True, window=66, options=block)
    assert [one.duplicate_ack for one in trace(crossed).segments[-2:]] == [False, True]


@pytest.mark.parametrize(
    ("blocks", "notes"),
    [
        ([(1, 6)], ("D-SACK 1-6",)),  # below the acknowledgement
        ([(20, 30), (15, 40)], ("D-SACK 20-30", "SACK 15-40")),  # in the next block
        ([(20, 30), (40, 50)], ("SACK 20-30", "SACK 40-50")),
        ([(20, 30), (1, 3)], ("SACK 20-30", "SACK 1-3")),
    ],
)
def test_the_first_block_may_report_a_duplicate(
    blocks: list[tuple[int, int]], notes: tuple[str, ...]
) -> None:
    option = bytes([5, 2 + 8 * len(blocks)]) + b"".join(struct.pack("!II", *one) for one in blocks)
    crossed = lost_data().segment(260, ACK, 6, 6, back=True, options=option)
    assert trace(crossed).segments[-1].notes == notes


def test_several_things_may_happen_to_one_frame() -> None:
    data = tcp(SYN, 7)
    broken = data[:-1] + b"x"
    crossed = Crossed().frame(0, data, Fate.REORDERED, way=(30, 31), received=broken)
    assert trace(crossed).segments[0].notes == (
        "reordered",
        "duplicated",
        "corrupted: wrong TCP checksum",
    )


def test_an_ordinary_trace_marks_repetitions_but_its_table_stays() -> None:
    script = Script().handshake().say(CLIENT, PSH | ACK, b"hello")
    script.frames.append(script.frames[-1])
    found = script.trace()
    assert [one.retransmission for one in found.segments] == [False] * 4 + [True]
    assert (found.from_cable, found.segments[0].arrival) == (False, None)
    assert "notes" not in str(found)


def test_a_keepalive_probe_repeats_nothing() -> None:
    crossed = lost_data().segment(300, ACK, 5, 6).segment(310, ACK, 6, 6, back=True)
    assert [one.notes for one in trace(crossed).segments[-2:]] == [(), ()]


def test_states_if_the_first_syn_is_lost() -> None:
    assert states(trace(lost_syn())) == [
        (0, "client", "SYN_SENT"),
        (1010, "server", "SYN_RECV"),
        (1020, "client", "ESTABLISHED"),
        (1030, "server", "ESTABLISHED"),
    ]


def test_a_fin_counts_when_everything_before_it_has_arrived() -> None:
    assert states(trace(early_fin()))[3:] == [
        (22, "client", "FIN_WAIT1"),
        (30, "server", "ESTABLISHED"),
        (260, "server", "CLOSE_WAIT"),
        (261, "server", "LAST_ACK"),
        (270, "client", "FIN_WAIT2"),
        (271, "client", "TIME_WAIT"),
        (281, "server", "CLOSE"),
    ]


def test_a_segment_with_a_wrong_checksum_changes_nothing() -> None:
    crossed = Crossed().segment(0, SYN, 0, fate=Fate.CORRUPTED)
    assert states(trace(crossed)) == [(0, "client", "SYN_SENT")]


def test_a_reset_that_is_lost_ends_one_side() -> None:
    crossed = Crossed().handshake().segment(40, RST, 1, fate=Fate.LOST)
    assert states(trace(crossed))[-1] == (40, "client", "CLOSE")


def test_copies_arrive_one_after_the_other() -> None:
    found = [(one.copy, one.arrives) for one in moments(trace(mixed())) if one.segment == 5]
    assert found == [(0, False), (0, True), (1, True)]


@pytest.mark.parametrize("at", [0, 12, 22, 30, 45])
def test_a_flip_of_a_bit_that_the_receiver_drops(at: int) -> None:
    data = tcp(SYN, 7)
    broken = bytes([*data[:at], data[at] ^ 16, *data[at + 1 :]])
    crossed = Crossed().frame(0, data, Fate.CORRUPTED, received=broken)
    assert trace(crossed).segments[0].damage


def test_saved_frames_are_those_that_entered(tmp_path: Path) -> None:
    found = trace(lost_syn())
    found.save(tmp_path / "one.pcap")
    loaded = Trace.load(tmp_path / "one.pcap")
    assert loaded.frames == found.frames
    assert loaded.server.host == FAR
    assert [one.retransmission for one in loaded.segments] == [False, True, False, False]
