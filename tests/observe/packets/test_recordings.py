"""The captures that come with the notebooks."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from trio_echo.observe.packets import Traffic, anomalies
from trio_echo.observe.packets.trace import Trace
from trio_echo.observe.packets.wire import Flags

RECORDINGS = Path(__file__).parents[3] / "notebooks" / "recordings"
ECHO = ["> SYN", "< SYN+ACK", "> PSH+ACK hello", "< PSH+ACK hello", "> FIN+ACK", "< FIN+ACK"]
REQUEST = ["> PSH+ACK length: 5;", "> PSH+ACK hello", "< PSH+ACK thanks"]


@pytest.mark.parametrize(
    ("name", "host", "segments"),
    [
        ("echo-ipv4.pcap", "127.0.0.1", ECHO),
        ("echo-ipv6.pcap", "::1", ECHO),
        ("reset.pcap", "127.0.0.1", [*ECHO[:4], "> RST+ACK"]),
        ("refused.pcap", "127.0.0.1", ["> SYN", "< RST+ACK"]),
        ("unanswered.pcap", "127.0.0.1", ["> SYN"] * 6 + [*ECHO[:2], *ECHO[4:]]),
        ("nagle.pcap", "127.0.0.1", [*ECHO[:2], *REQUEST * 3, *ECHO[4:]]),
    ],
)
def test_a_recording_shows_what_its_name_says(name: str, host: str, segments: list[str]) -> None:
    trace = Trace.load(RECORDINGS / name)
    assert (trace.client.host, trace.server) == (host, (host, 9000))
    assert trace.recording == name
    assert [
        f"{'>' if one.source == trace.client else '<'} {one.flags} {one.payload.decode()}".rstrip()
        for one in trace.segments
        if one.flags != Flags.ACK
    ] == segments


def test_a_small_segment_waits_for_a_late_acknowledgement() -> None:
    segments = Trace.load(RECORDINGS / "nagle.pcap").segments
    waits = 0
    for before, acknowledgement, body in zip(segments, segments[1:], segments[2:], strict=False):
        if body.payload == b"hello":
            assert before.payload == b"length: 5;"
            assert acknowledgement.acknowledgement == before.end
            waits += acknowledgement.time - before.time > 20_000_000
    assert waits == 2  # the first request of a connection is acknowledged at once


def test_a_syn_without_an_answer_is_repeated_each_second_and_then_less_often() -> None:
    segments = Trace.load(RECORDINGS / "unanswered.pcap").segments
    times = [one.time / 1e9 for one in segments if one.flags == Flags.SYN]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == pytest.approx([1, 1, 1, 1, 1, 2], abs=0.1)


def test_tls_hides_the_message_but_not_the_servers_name_or_the_sizes() -> None:
    message, hidden = b"\0\0\0\x10the code is 1234", 5 + 1 + 16
    plain, tls = (Trace.load(RECORDINGS / name) for name in ("plain.pcap", "tls.pcap"))
    sent = [one.payload for one in plain.segments if one.payload]
    assert sent == [message, b"\0\0\0\x10THE CODE IS 1234"]
    wire = b"".join(one.payload for one in tls.segments)
    assert b"1234" not in wire
    assert b"echo.example" in wire
    sizes = [len(one.payload) for one in tls.segments if one.source == tls.client]
    assert sizes.count(len(message) + hidden) == 1
    for trace in (plain, tls):
        assert trace.server == ("127.0.0.1", 9000)
        assert not [one for one in trace.segments if Flags.RST in one.flags]


PLAIN = ["> SYN", "< SYN+ACK"]
ENDED = ["> FIN+ACK", "< FIN+ACK"]


@pytest.mark.parametrize(
    ("name", "segments", "unusual"),
    [
        (
            "both-talk.pcap",
            [*PLAIN, "> PSH+ACK one", "> PSH+ACK two", "< PSH+ACK welcome", *ENDED],
            [],
        ),
        ("case-1.pcap", [*ECHO[:4], "> RST+ACK"], ["it resets the connection"]),
        ("case-2.pcap", ["> SYN", "< RST+ACK"], ["it refuses the connection"]),
        (
            "case-3.pcap",
            [*ECHO[:3], "> RST+ACK"],
            ["keepalive probe"] * 3 + ["it resets the connection"],
        ),
        (
            "case-4.pcap",
            [*PLAIN, "< FIN+ACK", "> PSH+ACK hello", "< RST"],
            ["it resets the connection"],
        ),
        (
            "case-5.pcap",
            [*ECHO[:3], ECHO[2], *ENDED],
            ["retransmission", "D-SACK 1-6"],
        ),
        ("case-7.pcap", [*ECHO[:3], ECHO[2], *ENDED], ["retransmission"]),
        (
            "case-8.pcap",
            ["> SYN"] * 4,
            [*["retransmission"] * 3, "nothing of the server is in this capture"],
        ),
    ],
)
def test_a_case_of_notebook_17_shows_what_its_check_says(
    name: str, segments: list[str], unusual: list[str]
) -> None:
    trace = Trace.load(RECORDINGS / name)
    assert not trace.from_cable  # one host's view
    assert [
        f"{'>' if one.source == trace.client else '<'} {one.flags} {one.payload.decode()}".rstrip()
        for one in trace.segments
        if one.flags != Flags.ACK
    ] == segments
    lines = (line.rpartition(": ")[2].partition(" after ")[0] for line in anomalies(trace))
    assert list(lines) == unusual


def test_a_closed_window_is_probed_and_opens() -> None:
    trace = Trace.load(RECORDINGS / "case-6.pcap")
    windows = [one.window for one in trace.segments if one.source == trace.server]
    assert windows[2:6] == [0, 0, 0, 2896]
    lines = anomalies(trace)
    assert [line.rpartition(": ")[2] for line in lines[::2]] == ["its receive buffer is full"] * 3
    assert [line.rpartition(": ")[2] for line in lines[1::2]] == ["zero-window probe"] * 2


def test_a_download_begins_with_ten_segments() -> None:
    segments = Trace.load(RECORDINGS / "download.pcap").segments
    assert [one.mss for one in segments[:2]] == [1360, 1460]
    data = [one for one in segments if one.payload][1:]
    assert sum(len(one.payload) for one in data) == 24_000
    pauses = [later.time - earlier.time for earlier, later in pairwise(data)]
    assert pauses.index(max(pauses)) == 9


def test_the_connections_of_one_file_are_told_apart() -> None:
    found = Traffic.load(RECORDINGS / "several.pcap").connections()
    names = ["refused", "echo-ipv4", "echo-ipv6", "reset", "nagle", "unanswered"]
    alone = [Trace.load(RECORDINGS / f"{name}.pcap") for name in names]
    assert [one.segments for one in found] == [one.segments for one in alone]


def test_each_recording_is_tested() -> None:
    names = {path.name for path in RECORDINGS.glob("*.pcap")}
    assert names == {
        "both-talk.pcap",
        *(f"case-{number}.pcap" for number in range(1, 9)),
        "download.pcap",
        "echo-ipv4.pcap",
        "echo-ipv6.pcap",
        "nagle.pcap",
        "plain.pcap",
        "refused.pcap",
        "reset.pcap",
        "several.pcap",
        "tls.pcap",
        "unanswered.pcap",
    }
