"""The captures that come with the notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest

from trio_echo.observe.packets import Flags, Trace

RECORDINGS = Path(__file__).parents[2] / "notebooks" / "recordings"
ECHO = ["> SYN", "< SYN+ACK", "> PSH+ACK hello", "< PSH+ACK hello", "> FIN+ACK", "< FIN+ACK"]


@pytest.mark.parametrize(
    ("name", "host", "segments"),
    [
        ("echo-ipv4.pcap", "127.0.0.1", ECHO),
        ("echo-ipv6.pcap", "::1", ECHO),
        ("reset.pcap", "127.0.0.1", [*ECHO[:4], "> RST+ACK"]),
        ("refused.pcap", "127.0.0.1", ["> SYN", "< RST+ACK"]),
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


def test_each_recording_is_tested() -> None:
    names = {path.name for path in RECORDINGS.iterdir()}
    assert names == {"echo-ipv4.pcap", "echo-ipv6.pcap", "reset.pcap", "refused.pcap"}
