"""The ladder diagram: it says what happened, legibly."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from layout import texts
from matplotlib.text import Text
from PIL import Image
from wire import ACK, CLIENT, CLIENT6, FIN, PSH, RST, SERVER, SERVER6, SYN, Script

from trio_echo.observe.packets.trace import Trace
from trio_echo.pictures.ladder import ladder

if TYPE_CHECKING:
    from trio_echo.pictures.canvas import Picture

RECORDINGS = Path(__file__).parents[2] / "notebooks" / "recordings"
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
}


def drawn(picture: Picture) -> list[Text]:
    found = picture.figure.findobj(lambda one: isinstance(one, Text) and one.get_visible())
    return [one for one in found if isinstance(one, Text) and one.get_text()]


@pytest.mark.parametrize("name", TRACES)
def test_all_words_are_inside_and_do_not_overlap(name: str) -> None:
    assert texts(ladder(TRACES[name]))


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
        png, _ = ladder(TRACES[name])._repr_png_()
    assert png.startswith(b"\x89PNG")


def test_kinds_differ_in_colour_and_line() -> None:
    picture = ladder(crossing_data().trace())
    png, _ = picture._repr_png_()
    with Image.open(io.BytesIO(png)) as image:
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    for name in ("#0072b2", "#cc79a7", "#d55e00", "#009e73", "#6b6b6b"):
        assert tuple(bytes.fromhex(name[1:])) in colours
