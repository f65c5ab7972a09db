"""The ladder diagram: it says what happened, legibly."""

from __future__ import annotations

import pathlib
import warnings
from typing import TYPE_CHECKING

import pytest
from layout import shape, texts
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from passages import Crossed, all_kinds, early_fin, fast, lost_data, lost_syn, mixed
from wire import ACK, CLIENT, CLIENT6, FIN, PSH, RST, SERVER, SERVER6, SYN, Script

from trio_echo.observe.packets.passage import Fate
from trio_echo.observe.packets.trace import Trace
from trio_echo.observe.packets.traffic import Traffic
from trio_echo.pictures.canvas import BLUE, GREEN, GREY, PURPLE, VERMILION
from trio_echo.pictures.ladder import ladder

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture

RECORDINGS = pathlib.Path(__file__).parents[2] / "notebooks" / "recordings"
LARGE = b"$\\qx$\xff\n" * 4000  # what looks like a formula


def crossing() -> Script:
    script = Script().handshake().say(CLIENT, FIN | ACK).say(SERVER, FIN | ACK, unseen=1)
    return script.say(CLIENT, ACK).say(SERVER, ACK)


def crossing_data() -> Script:
    script = Script().handshake()
    for _ in range(3):
        script.say(CLIENT, PSH | ACK, LARGE)
    script.say(SERVER, PSH | ACK, LARGE, unseen=2 * len(LARGE)).say(SERVER, FIN | ACK, unseen=9)
    return script.say(CLIENT, ACK, window=0).say(CLIENT, FIN | PSH | ACK, LARGE).say(SERVER, RST)


def long() -> Script:
    script = Script(CLIENT6, SERVER6).handshake()
    for _ in range(50):
        script.echo(b"hello")
    return script.close()


TRACES = {
    "echo": Script().handshake().echo(b"hello").close().trace(),
    "echo6": Script(CLIENT6, SERVER6).handshake().echo(b"hello").close().trace(),
    "refused": Script().say(CLIENT, SYN).say(SERVER, RST | ACK).trace(),
    "syn": Script().say(CLIENT, SYN).trace(),
    "crossing": crossing().trace(),
    "crossing-data": crossing_data().trace(),
    "long": long().trace(),
    "recorded": Trace.load(RECORDINGS / "reset.pcap"),
    "lost-syn": Trace.from_passages(lost_syn().passages),
    "lost-data": Trace.from_passages(lost_data().passages),
    "fast": Trace.from_passages(fast().passages),
    "mixed": Trace.from_passages(mixed().passages),
    "early-fin": Trace.from_passages(early_fin().passages),
}
TRAFFIC = {
    "traffic": Traffic.from_passages(all_kinds().passages, ends=("client", "server")),
    "captured-traffic": Traffic(Script().handshake().echo(b"hello").frames),
    "no-traffic": Traffic([]),
}


def crosses(picture: Picture) -> list[tuple[float, ...]]:
    """Return where the crosses are, in inches from the left."""
    lines = picture.figure.axes[0].lines
    return [tuple(one.get_xdata()) for one in lines if one.get_marker() == "x"]  # type: ignore[arg-type]


def drawn(picture: Picture) -> list[Text]:
    found = picture.figure.findobj(lambda one: isinstance(one, Text) and one.get_visible())
    return [one for one in found if isinstance(one, Text) and one.get_text()]


@pytest.mark.parametrize("name", TRACES)
def test_all_words_are_inside_and_do_not_overlap(name: str) -> None:
    assert texts(ladder(TRACES[name]))


@pytest.mark.parametrize("name", TRAFFIC)
def test_traffic_is_legible(name: str) -> None:
    texts(ladder(TRAFFIC[name]))


def test_it_says_who_and_what_and_when() -> None:
    said = texts(ladder(TRACES["echo"]))
    for words in (
        "127.0.0.1:51188",
        "127.0.0.1:9000",
        "SYN  seq 0  window 65495  MSS 65495",
        "SYN+ACK  seq 0  ack 1  window 65483  MSS 65495",
        "PSH+ACK  seq 1  ack 1  5 bytes: hello",
        "ACK  seq 7  ack 7",
        "0.090 ms",
        "LISTEN",
        "SYN_RECV",
        "TIME_WAIT",
        "LAST_ACK",
    ):
        assert words in said
    assert said.count("ESTABLISHED") == 2
    assert not [words for words in said if "recorded" in words]


def test_a_recording_says_so() -> None:
    picture = ladder(TRACES["recorded"])
    assert "recorded capture: reset.pcap" in texts(picture)
    assert "recorded capture: reset.pcap" in repr(picture)


def test_a_long_trace_shows_its_beginning_and_end() -> None:
    said = texts(ladder(TRACES["long"]))
    count = len(TRACES["long"].segments)
    assert f"… {count - 24} segments are left out here …" in said
    assert len([words for words in said if " seq " in words]) == 24
    assert "TIME_WAIT" in said
    assert "FIN+ACK  seq 251  ack 252" in said


def test_a_full_window_and_binary_data_are_shown() -> None:
    said = texts(ladder(TRACES["crossing-data"]))
    assert "PSH+ACK  seq 1  ack 1  28000 bytes: $\\qx$\\xff\\n$\\qx$..." in said
    assert any(words.endswith("window 0") for words in said)


@pytest.mark.parametrize("name", ["echo6", "crossing-data", "recorded"])
def test_it_is_drawn_with_any_font(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a character that the font lacks is one
        assert "SYN" in ladder(TRACES[name]).svg()


def test_kinds_differ_in_colour_and_line() -> None:
    picture = ladder(crossing_data().trace())
    svg = picture.svg()
    for colour in (BLUE, PURPLE, VERMILION, GREEN, GREY):
        assert f"stroke: {colour};" in svg


def test_what_is_lost_ends_halfway_and_the_pause_is_shown() -> None:
    picture = ladder(TRACES["lost-syn"])
    said = texts(picture)
    assert "lost: SYN  seq 0  window 64" in said
    assert "retransmission after 1.00 s: SYN  seq 0  window 64" in said
    assert "… 1.00 s …" in said
    (at,) = crosses(picture)
    assert at == ((2.25 + 7.6) / 2,)
    assert len([words for words in said if words == "ESTABLISHED"]) == 2


def test_what_is_corrupted_ends_at_the_far_side_and_a_full_queue_halfway() -> None:
    picture = ladder(TRACES["mixed"])
    assert crosses(picture) == [(7.6,), ((2.25 + 7.6) / 2,)]
    arrows = [one for one in picture.figure.axes[0].texts if not one.get_text()]
    # The duplicated segment has two arrows.
    assert len(arrows) == len(TRACES["mixed"].segments) + 1


@pytest.mark.parametrize("name", ["fast", "mixed"])
def test_no_words_are_under_a_cross(name: str) -> None:
    picture = ladder(TRACES[name])
    picture.figure.draw_without_rendering()
    (axes,) = picture.figure.axes
    marks = [one for one in axes.lines if one.get_marker() == "x"]
    assert marks
    for one in marks:
        mark = one.get_window_extent()
        assert not [text for text in drawn(picture) if shape(text).intersects_bbox(mark)]


def both_ways() -> Trace:
    """Six segments leave each end at the same time; one is lost."""
    crossed = Crossed().handshake()
    for number in range(6):
        fate = Fate.LOST if number == 1 else Fate.CARRIED
        at = 30 + number
        crossed.segment(at, PSH | ACK, 1 + 5 * number, 1, fate, payload=b"hello", way=(60,))
        crossed.segment(at + 0.5, ACK, 1, 1, back=True, way=(60,))
    return Trace.from_passages(crossed.passages)


def overtaken() -> Trace:
    """Five segments leave together; the fifth overtakes the fourth, and ACKs cross both."""
    crossed = Crossed().handshake()
    crossed.segment(46.1, PSH | ACK, 1, 1, Fate.DUPLICATED, way=(10, 10.1), payload=b"one ")
    crossed.segment(46.2, PSH | ACK, 5, 1, Fate.CORRUPTED, way=(10.2,), payload=b"two ")
    crossed.segment(46.3, PSH | ACK, 9, 1, way=(10.2,), payload=b"three ")
    crossed.segment(46.4, PSH | ACK, 15, 1, Fate.REORDERED, way=(13,), payload=b"four ")
    crossed.segment(46.5, PSH | ACK, 20, 1, way=(10.2,), payload=b"five")
    for at in (56.3, 56.35, 56.6, 65.8, 65.9):
        crossed.segment(at, ACK, 1, 5, back=True)
    return Trace.from_passages(crossed.passages)


DENSE = {"both-ways": both_ways(), "overtaken": overtaken()}


@pytest.mark.parametrize("name", DENSE)
def test_words_beside_arrows_that_cross_do_not_overlap(name: str) -> None:
    texts(ladder(DENSE[name]))


@pytest.mark.parametrize("name", [*TRACES, *TRAFFIC, *DENSE])
def test_no_arrow_crosses_words(name: str) -> None:
    picture = ladder((TRACES | TRAFFIC | DENSE)[name])
    picture.figure.draw_without_rendering()
    (axes,) = picture.figure.axes
    labels = [shape(one) for one in drawn(picture)]
    arrows = [one for one in axes.texts if isinstance(one, Annotation)]
    for one in arrows:
        line = axes.transData.transform_path(Path([one.xyann, one.xy]))
        assert not any(label.intersects_path(line) for label in labels)


def test_an_ordinary_trace_has_no_marks() -> None:
    picture = ladder(Trace.load(RECORDINGS / "unanswered.pcap"))
    assert not crosses(picture)
    assert not [words for words in texts(picture) if "retransmission" in words or "…" in words]


def test_all_traffic_is_drawn_with_the_names_of_the_ends() -> None:
    said = texts(ladder(TRAFFIC["traffic"]))
    for words in (
        "client",
        "10.0.0.1, fd00::1",
        "server",
        "10.0.0.2, fd00::2",
        "ARP: who has 10.0.0.2? 10.0.0.1 asks",
        "TCP over IPv4: SYN+ACK  seq 0  ack 1  window 64",
        "ICMPv6: neighbour solicitation: who has fd00::2?",
        "lost: TCP over IPv6: SYN  seq 0  window 64",
        "ICMPv6: Packet Too Big: MTU 1280",
        "retransmission after 1.00 s: TCP over IPv6: SYN  seq 0  window 64",
    ):
        assert words in said


def test_words_longer_than_an_arrow_are_cut() -> None:
    crossed = lost_data()
    blocks = bytes([5, 34]) + bytes(range(32))
    crossed.segment(300, ACK, 6, 6, back=True, options=blocks)
    said = texts(ladder(Trace.from_passages(crossed.passages)))
    assert [words for words in said if words.startswith("SACK ") and words.endswith("…")]


def test_as_many_frames_are_drawn_as_asked_for() -> None:
    said = texts(ladder(TRACES["long"], most=6))
    assert len([words for words in said if " seq " in words]) == 6
