"""A trace of frames: its numbers and its table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire import (
    ACK,
    BIRTH,
    CLIENT,
    CLIENT6,
    FIN,
    PSH,
    RST,
    SERVER,
    SERVER6,
    SYN,
    Script,
    frame,
    mss,
    scale,
)

from trio_echo.observe.packets.files import CaptureError, Frame, pcap
from trio_echo.observe.packets.trace import Trace
from trio_echo.observe.packets.wire import Flags, parse
from trio_echo.pictures.ladder import ladder

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo import Endpoint


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (SYN, "SYN"),
        (SYN | ACK, "SYN+ACK"),
        (PSH | ACK, "PSH+ACK"),
        (FIN | PSH | ACK, "FIN+PSH+ACK"),
        (RST, "RST"),
        (RST | ACK, "RST+ACK"),
        (Flags(0), "none"),
    ],
)
def test_flags_are_written_as_people_do(flags: Flags, words: str) -> None:
    assert str(flags) == words


@pytest.mark.parametrize(("client", "server"), [(CLIENT, SERVER), (CLIENT6, SERVER6)])
def test_numbers_are_relative_even_if_they_wrap(client: Endpoint, server: Endpoint) -> None:
    trace = Script(client, server).handshake().echo(b"x" * 20).close().trace()
    assert (trace.client, trace.server) == (client, server)
    assert [(one.sequence, one.acknowledgement) for one in trace.segments] == [
        (0, None),
        (0, 1),
        (1, 1),
        (1, 1),
        (1, 21),
        (1, 21),
        (21, 21),
        (21, 21),
        (21, 22),
        (22, 22),
    ]
    assert [one.time for one in trace.segments] == list(range(0, 100_000, 10_000))


def test_windows_are_scaled_but_not_in_a_syn() -> None:
    trace = Script().handshake().trace()
    assert [one.window for one in trace.segments] == [65495, 65483, 64 << 7]
    assert [one.mss for one in trace.segments] == [65495, 65495, None]


def test_windows_are_not_scaled_unless_both_sides_scale() -> None:
    script = Script().say(CLIENT, SYN, options=scale(7)).say(SERVER, SYN | ACK, options=mss(1460))
    assert script.say(CLIENT, ACK).trace().segments[2].window == 64


def test_a_scale_beyond_its_limit_counts_as_the_limit() -> None:
    script = Script().say(CLIENT, SYN, options=scale(200)).say(SERVER, SYN | ACK, options=scale(0))
    assert script.say(CLIENT, ACK).trace().segments[2].window == 64 << 14


def test_broken_options_are_ignored() -> None:
    for options in (b"\x02", b"\x02\x00", b"\x02\x03\x05", b"\x01\x08\xff"):
        (segment,) = Script().say(CLIENT, SYN, options=options).trace().segments
        assert segment.mss is None


def test_only_the_first_connection_is_taken() -> None:
    first = Script().handshake().close()
    stray = frame(SERVER6, CLIENT6, ACK, 5, 5)
    second = Script()
    second.next[CLIENT] = 77
    second.handshake()
    trace = Trace.parse([stray, *first.frames[:2], stray, *first.frames[2:], *second.frames])
    assert trace.frames == tuple(first.frames)


def test_frames_without_a_connection_are_an_error() -> None:
    with pytest.raises(CaptureError, match="no TCP connection begins"):
        Trace.parse([Frame(BIRTH, b"abc"), frame(CLIENT, SERVER, ACK, 1, 1)])


@pytest.mark.parametrize("read", [Trace, Trace.parse])
@pytest.mark.parametrize("path", ["one.pcap", Path("one.pcap")])
def test_a_path_in_place_of_frames_is_refused(read: Callable[[Any], Trace], path: object) -> None:
    with pytest.raises(TypeError, match=r"is a path: Trace\.load\(\) reads a file"):
        read(path)


def test_a_saved_trace_is_loaded_as_recorded(tmp_path: Path) -> None:
    trace = Script().handshake().trace()
    trace.save(tmp_path / "one.pcap")
    loaded = Trace.load(tmp_path / "one.pcap")
    assert loaded.frames == trace.frames
    assert loaded.segments == trace.segments
    assert (trace.recording, loaded.recording) == (None, "one.pcap")
    assert "recorded" not in str(trace) + trace._repr_html_()
    for shown in (str(loaded), loaded._repr_html_(), repr(loaded)):
        assert "(recorded capture: one.pcap)" in shown


def test_a_file_that_is_not_a_capture_is_named(tmp_path: Path) -> None:
    (tmp_path / "a\x1b.pcap").write_bytes(pcap.pack([]))
    with pytest.raises(CaptureError) as caught:
        Trace.load(tmp_path / "a\x1b.pcap")
    assert str(caught.value) == "a\\x1b.pcap: no TCP connection begins in it"


def test_the_table_reads_like_this() -> None:
    assert (
        str(Script().handshake().echo(b"hi\r\n").trace())
        == """\
127.0.0.1:51188 → 127.0.0.1:9000, 7 segments
time (ms)     flags    seq  ack  window    MSS  bytes  data
    0.000  →  SYN        0        65495  65495      0
    0.010  ←  SYN+ACK    0    1   65483  65495      0
    0.020  →  ACK        1    1    8192             0
    0.030  →  PSH+ACK    1    1    8192             4  hi\\r\\n
    0.040  ←  ACK        1    5    8192             0
    0.050  ←  PSH+ACK    1    5    8192             4  hi\\r\\n
    0.060  →  ACK        5    5    8192             0"""
    )


def test_a_peers_data_is_escaped_on_the_screen_and_the_page() -> None:
    hostile = "<script>\x1b[2J\u202e&".encode()
    trace = Script().handshake().say(CLIENT, ACK, hostile).trace()
    assert "<script>\\x1b[2J\\u202e&" in str(trace)
    assert "&lt;script&gt;\\x1b[2J\\u202e&amp;" in trace._repr_html_()


def test_long_data_is_cut() -> None:
    table = str(Script().handshake().say(CLIENT, ACK, b"a" * 33).say(CLIENT, ACK, bytes(9)).trace())
    assert f"  33  {'a' * 32}…" in table
    assert re.search(r"   9  (\\x00){8}…$", table)


@given(st.binary(max_size=120) | st.just(Script().handshake().frames[0].data), st.data())
def test_no_frame_and_no_file_can_do_harm(data: bytes, more: st.DataObject) -> None:
    parse(data)
    frames = Script().handshake().echo(b"hello").close().frames
    file = bytearray(pcap.pack(frames))
    for _ in range(more.draw(st.integers(0, 5))):
        file[more.draw(st.integers(0, len(file) - 1))] = more.draw(st.integers(0, 255))
    try:
        trace = Trace.parse(pcap.unpack(bytes(file)))
    except CaptureError:
        return
    assert str(trace)
    assert trace._repr_html_()
    assert pcap.unpack(pcap.pack(trace.frames)) == list(trace.frames)
    assert ladder(trace).figure.get_axes()
