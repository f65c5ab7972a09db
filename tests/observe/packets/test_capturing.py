"""Live capture on loopback. Traces and files have their own tests, without privilege."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from support import PATIENCE, RawServer, exchange, receive_count, reset

from trio_echo import AddressError, BackgroundServer, Endpoint, SocketCallError, connect
from trio_echo.observe import packets
from trio_echo.observe.packets import capturing
from trio_echo.observe.packets import trace as traces
from trio_echo.observe.packets.files import CaptureError
from trio_echo.observe.packets.wire import Flags, Header, parse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_echo.observe.packets.trace import Trace

OBSTACLE = packets.why_not()
live = pytest.mark.skipif(OBSTACLE is not None, reason=str(OBSTACLE))


@pytest.fixture
def server(host: str) -> Iterator[Endpoint]:
    with BackgroundServer(hosts=[host]) as running:
        yield running.addresses[0]


def said(trace: Trace) -> list[str]:
    """Return the segments, except plain acknowledgements: the kernel may delay or omit them."""
    arrow = {trace.client: ">", trace.server: "<"}
    return [
        f"{arrow[one.source]} {one.flags}"
        for one in trace.segments
        if one.flags != Flags.ACK or one.payload
    ]


@live
async def test_a_connection_is_seen_from_its_first_segment_to_its_last(server: Endpoint) -> None:
    with trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            async with await connect(*server) as client:
                name = client.stream.socket.getsockname()  # type: ignore[attr-defined]
                await client.echo(b"hello")
            trace = await capture.connection()
    assert (trace.client, trace.server) == (Endpoint.from_sockaddr(name), server)
    assert said(trace) == [
        "> SYN",
        "< SYN+ACK",
        "> PSH+ACK",
        "< PSH+ACK",
        "> FIN+ACK",
        "< FIN+ACK",
    ]
    data = [one for one in trace.segments if one.payload]
    assert [(one.payload, one.sequence) for one in data] == [(b"hello", 1), (b"hello", 1)]
    last = trace.segments[-1]
    assert (last.source, last.flags, last.sequence, last.acknowledgement) == (
        trace.client,
        Flags.ACK,
        7,
        7,
    )
    assert trace.recording is None
    assert trace.segments[0].time == 0
    # MTU 65536, less the headers (and what the kernel rounds off for IPv6)
    assert 65475 <= (trace.segments[0].mss or 0) <= 65496


@live
async def test_each_frame_is_parsed_once(server: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def counted(frame: bytes) -> Header | None:
        seen.append(frame)
        return parse(frame)

    for module in (capturing, traces):
        monkeypatch.setattr(module, "parse", counted)
    with trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            async with await connect(*server) as client:
                for _ in range(10):
                    await client.echo(b"hello")
            trace = await capture.connection()
    # By identity: a segment that is sent again may have the same bytes.
    parsed = Counter(map(id, seen))
    assert {parsed[id(frame.data)] for frame in trace.frames} == {1}


@live
async def test_a_refused_connection_has_ended(host: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as holder, trio.fail_after(PATIENCE):
        holder.bind((host, 0))
        port = holder.getsockname()[1]
        async with packets.capture(port) as capture:
            with pytest.raises(SocketCallError, match="refused"):
                await connect(host, port)
            trace = await capture.connection()
    assert said(trace) == ["> SYN", "< RST+ACK"]
    refusal = trace.segments[1]
    assert (refusal.sequence, refusal.acknowledgement) == (0, 1)


@live
async def test_a_reset_ends_a_connection(server: Endpoint) -> None:
    with trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            reset(socket.create_connection(server))
            trace = await capture.connection()
    assert said(trace) == ["> SYN", "< SYN+ACK", "> RST+ACK"]


@live
async def test_several_connections_come_in_the_order_of_their_ends(server: Endpoint) -> None:
    with trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            first, second = [socket.create_connection(server) for _ in range(2)]
            names = [one.getsockname()[1] for one in (first, second)]
            reset(second)
            reset(first)
            ended = [await capture.connection() for _ in range(2)]
    assert [one.client.port for one in ended] == names[::-1]


@live
async def test_other_ports_and_older_connections_are_not_seen(server: Endpoint) -> None:
    older = socket.create_connection(server)
    with BackgroundServer() as other, trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            exchange(other.addresses[0], b"elsewhere")
            older.sendall(b"old")
            assert receive_count(older, 3) == b"old"
            reset(older)
            client = await trio.to_thread.run_sync(partial(exchange, server, b"new"))
            trace = await capture.connection()
    assert trace.client.port == client[1]
    assert {one.payload for one in trace.segments} == {b"", b"new"}


@live
async def test_a_large_transfer_is_seen_whole(server: Endpoint) -> None:
    message = bytes(range(256)) * 4096
    with trio.fail_after(PATIENCE):
        async with packets.capture(server.port) as capture:
            async with await connect(*server) as client:
                await client.echo(message)
            trace = await capture.connection()
    for end in (trace.client, trace.server):
        # The kernel may send a segment twice, and two processors may swap two of them.
        sent = bytearray(len(message))
        held = 0
        for start, payload in sorted(
            {(one.sequence - 1, one.payload) for one in trace.segments if one.source == end}
        ):
            assert start <= held or not payload
            sent[start : start + len(payload)] = payload
            held = max(held, start + len(payload))
        assert bytes(sent) == message


@live
async def test_dropped_packets_are_an_error_not_a_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("trio_echo.observe.packets.capturing._BUFFER", 4096)

    def drain(sock: socket.socket) -> None:
        while sock.recv(65536):
            pass

    with RawServer(drain) as address, trio.fail_after(PATIENCE):
        host, _, port = address.partition(":")
        async with packets.capture(int(port)) as capture:
            with socket.create_connection((host, int(port))) as sock:  # blocks the event loop
                for _ in range(100):
                    sock.sendall(bytes(10_000))
            with pytest.raises(SocketCallError, match=r"^\[recvmsg\(\)\] the kernel dropped \d+"):
                await capture.connection()


@live
async def test_a_cancelled_capture_closes_its_socket() -> None:
    with trio.fail_after(PATIENCE), trio.CancelScope() as scope:
        async with packets.capture(9) as capture:
            scope.cancel()
            await capture.connection()
    assert scope.cancelled_caught
    assert capture._socket.fileno() == -1
    with pytest.raises(trio.ClosedResourceError, match="left"), trio.fail_after(PATIENCE):
        await capture.connection()


@live
async def test_an_error_inside_the_block_comes_out_as_itself() -> None:
    with pytest.raises(LookupError, match=r"^mine$"):
        async with packets.capture(9):
            raise LookupError("mine")


async def test_a_port_must_be_a_port_number() -> None:
    with pytest.raises(AddressError, match="65536 is not a port number"):
        async with packets.capture(65536):
            pass


@live
async def test_observing_shows_live_segments(server: Endpoint, tmp_path: Path) -> None:
    async def talk() -> None:
        async with await connect(*server) as client:
            await client.echo(b"hi")

    with trio.fail_after(PATIENCE):
        trace = await packets.observe(server.port, talk, recording=tmp_path / "unused.pcap")
    assert trace.recording is None
    assert {one.payload for one in trace.segments} == {b"", b"hi"}


async def test_without_permission_the_conversation_runs_and_the_recording_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("trio_echo.observe.packets.capturing.why_not", lambda: "no")
    talked = []

    async def talk() -> None:
        talked.append(True)

    (tmp_path / "broken.pcap").write_bytes(b"nothing")
    with pytest.raises(CaptureError, match=r"^broken\.pcap: "):
        await packets.observe(9, talk, recording=tmp_path / "broken.pcap")
    assert talked == [True]


async def test_without_permission_capturing_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if sys.platform != "linux":
        pytest.skip("other systems have another reason")

    def refuse(*_: object) -> socket.socket:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", refuse)
    words = "[socket()] capturing packets needs root or CAP_NET_RAW"
    assert packets.why_not() == words
    with pytest.raises(SocketCallError) as caught:
        async with packets.capture(9):
            pass
    assert str(caught.value) == words


async def test_on_other_systems_it_says_that_it_needs_linux(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert packets.why_not() == "[socket()] packets can be captured on Linux only"


def test_looking_at_packets_needs_no_matplotlib() -> None:
    code = "import sys, trio_echo.observe.packets; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
