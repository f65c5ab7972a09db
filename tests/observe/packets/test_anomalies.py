"""What is unusual about a connection, in words."""

from __future__ import annotations

import pytest
from frames import tcp
from hypothesis import given, settings
from hypothesis import strategies as st
from passages import Crossed, fast, lost_data, lost_syn
from wire import ACK, BIRTH, FIN, PSH, RST, SYN, Script

from trio_echo.observe.packets import Fate, Traffic, anomalies, seen_at
from trio_echo.observe.packets.files import Frame
from trio_echo.observe.packets.states import moments
from trio_echo.observe.packets.trace import Trace


def at_client(crossed: Crossed) -> list[str]:
    return anomalies(Trace.parse(seen_at("client", crossed.passages)))


def closed(crossed: Crossed, own: int, theirs: int, at: float = 5000) -> Crossed:
    crossed.segment(at, FIN | ACK, own, theirs)
    crossed.segment(at + 10, FIN | ACK, theirs, own + 1, back=True)
    return crossed.segment(at + 20, ACK, own + 1, theirs + 1)


def test_an_undisturbed_connection_has_none() -> None:
    assert anomalies(Script().handshake().echo(b"hello").close().trace()) == []


def test_a_repeated_syn_is_named() -> None:
    assert at_client(closed(lost_syn(), 1, 1)) == [
        "2, 1000.000 ms, client: retransmission after 1.00 s"
    ]


def test_silence_is_named() -> None:
    trace = Trace.parse(Script().handshake().frames[:1])
    assert anomalies(trace) == ["nothing of the server is in this capture"]


def test_repeated_data_is_named_but_not_that_its_sender_lost_it() -> None:
    assert at_client(closed(lost_data(), 6, 6)) == [
        "5, 231.000 ms, client: retransmission after 210 ms"
    ]


def test_duplicate_acknowledgements_are_named() -> None:
    found = at_client(closed(fast(), 41, 1))
    assert [line.split(": ")[1] for line in found] == [
        "duplicate ACK",
        "duplicate ACK; SACK 11-21",
        "duplicate ACK; SACK 11-31",
        "duplicate ACK; SACK 11-41",
        "retransmission after 20.2 ms",
    ]


@pytest.mark.parametrize(
    ("refused", "words"),
    [(True, "it refuses the connection"), (False, "it resets the connection")],
)
def test_a_reset_is_named(refused: bool, words: str) -> None:
    crossed = Crossed().segment(0, SYN, 0)
    if refused:
        crossed.segment(10, RST | ACK, 0, 1, back=True, window=0)
    else:
        crossed.segment(10, SYN | ACK, 0, 1, back=True).segment(20, ACK, 1, 1)
        crossed.segment(30, RST, 1, back=True, window=0)
    (line,) = at_client(crossed)
    assert line.endswith(f" ms, server: {words}")


def test_a_probe_is_named_after_the_window_it_probes() -> None:
    crossed = Crossed().handshake().segment(30, PSH | ACK, 1, 1, payload=b"hello")
    crossed.segment(40, ACK, 1, 6, back=True, window=0).segment(300, ACK, 5, 1)
    crossed.segment(310, ACK, 1, 6, back=True).segment(2000, ACK, 5, 1)
    crossed.segment(2010, ACK, 1, 6, back=True)
    assert at_client(closed(crossed, 6, 1)) == [
        "5, 50.000 ms, server: window 0: its receive buffer is full",
        "6, 300.000 ms, client: zero-window probe",
        "8, 2000.000 ms, client: keepalive probe",
    ]


def test_what_the_capture_missed_is_named() -> None:
    crossed = Crossed().handshake().segment(30, PSH | ACK, 6, 1, payload=b"world")
    crossed.segment(31, PSH | ACK, 1, 1, payload=b"hello")
    crossed.segment(50, ACK, 9, 11, back=True)
    assert at_client(crossed) == [
        "4, 30.000 ms, client: the bytes 1 to 5 are not in this capture",
        "5, 31.000 ms, client: out of order",
        "6, 60.000 ms, server: the bytes 1 to 8 are not in this capture",
        "the capture ends before the connection does",
    ]
    late = Crossed().handshake().segment(30, ACK, 1, 9)
    assert at_client(late)[0].endswith("it acknowledges bytes that are not in this capture")


def test_a_host_sees_what_it_sends_and_what_arrives() -> None:
    crossed = lost_data()
    sent = [one.data for one in crossed.passages]
    back = [one.data for one in crossed.passages if one.source == "server"]
    at_client, at_server = (seen_at(end, crossed.passages) for end in ("client", "server"))
    assert [one.data for one in at_client] == sent
    assert len(at_server) == len(sent) - 1  # one is lost on its way there
    assert at_server[0].time == crossed.passages[0].arrivals[0]
    assert [one.data for one in at_server if one.data in back] == back


def test_a_host_sees_frames_when_they_arrive_and_as_they_arrive() -> None:
    crossed = Crossed().frame(0, tcp(ACK, 1, 1), Fate.REORDERED, way=(30,))
    crossed.frame(1, tcp(ACK, 2, 1), Fate.DUPLICATED, way=(10, 12))
    crossed.frame(2, tcp(ACK, 3, 1), Fate.CORRUPTED, received=b"broken")
    late, twice = tcp(ACK, 1, 1), tcp(ACK, 2, 1)
    found = [one.data for one in seen_at("server", crossed.passages)]
    assert found == [twice, b"broken", twice, late]


@settings(deadline=None)
@given(st.data())
def test_no_capture_causes_a_failure(more: st.DataObject) -> None:
    frames = [bytearray(one.data) for one in Script().handshake().echo(b"hello").close().frames]
    for _ in range(more.draw(st.integers(1, 20))):
        frame = more.draw(st.sampled_from(frames))
        # Behind the addresses and ports: the numbers, flags, window, options and data.
        frame[more.draw(st.integers(38, len(frame) - 1))] = more.draw(st.integers(0, 255))
    order = more.draw(st.permutations(frames))
    captured = (Frame(BIRTH + number, bytes(one)) for number, one in enumerate(order))
    for trace in Traffic(captured).connections():
        assert all("\n" not in line for line in anomalies(trace))
        assert len(moments(trace)) == 2 * len(trace.segments)
