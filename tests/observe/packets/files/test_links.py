"""Captures of other links than Ethernet, and what tcpdump itself writes of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Literal

import pytest
import trio
from namespaces import two_hosts
from wire import CLIENT6, SERVER6, Script

from trio_echo import Endpoint
from trio_echo.observe.packets import Traffic
from trio_echo.observe.packets.files import links
from trio_echo.observe.packets.files.errors import CaptureError
from trio_echo.observe.packets.network import unwrap

if TYPE_CHECKING:
    from pathlib import Path

MAC = bytes.fromhex("020000000001")
IP = [
    pytest.param(Script().handshake().frames[0].data[14:], id="IPv4"),
    pytest.param(Script(CLIENT6, SERVER6).handshake().frames[0].data[14:], id="IPv6"),
]
NULL, RAW, COOKED, COOKED_2 = 0, 101, 113, 276


@pytest.mark.parametrize("ip", IP)
def test_the_header_of_each_link_becomes_that_of_ethernet(ip: bytes) -> None:
    orders: tuple[Literal["little", "big"], ...] = ("little", "big")
    version = ip[0] >> 4
    kind = {4: b"\x08\x00", 6: b"\x86\xdd"}[version]
    plain, sent = bytes(12) + kind, bytes(6) + MAC + kind
    family = {4: 2, 6: 30}[version]
    cooked = bytes([0, 0, 0, 1, 0, 6]) + MAC + bytes(2) + kind
    cooked_2 = kind + bytes([0, 0, 0, 0, 0, 2, 0, 1, 0, 6]) + MAC + bytes(2)
    assert unwrap(plain + ip) is not None
    for order in orders:
        assert links.ethernet(NULL, family.to_bytes(4, order) + ip) == plain + ip
    assert links.ethernet(RAW, ip) == plain + ip
    assert links.ethernet(COOKED, cooked + ip) == sent + ip
    assert links.ethernet(COOKED_2, cooked_2 + ip) == sent + ip


@pytest.mark.parametrize("link_type", [NULL, RAW, COOKED, COOKED_2])
@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff" * 30])
def test_what_no_link_has_sent_is_a_frame_without_a_datagram(link_type: int, data: bytes) -> None:
    assert unwrap(links.ethernet(link_type, data)) is None


def test_an_unknown_link_is_an_error() -> None:
    with pytest.raises(CaptureError, match="link type 105 is not known"):
        links.ethernet(105, b"")


_CONNECT = """
import socket
with socket.socket() as holder, socket.socket() as client:
    holder.bind(("127.0.0.1", 0))  # nobody listens: a SYN and an RST
    client.connect_ex(holder.getsockname())
    print(*holder.getsockname())
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
@pytest.mark.parametrize(
    "options",
    [("-i", "lo"), ("-i", "any"), ("-i", "any", "-y", "LINUX_SLL")],
    ids=["Ethernet", "cooked-2", "cooked"],
)
async def test_what_tcpdump_writes_is_read(options: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "one.pcap"
    # A host of its own: other traffic on this machine's loopback could fill tcpdump's buffer.
    with two_hosts() as (host, _):
        words = [*options, "--immediate-mode", "-c", "2", "-w", "-", "tcp"]
        command = [*host.inside, "tcpdump", *words]
        async with trio.open_nursery() as nursery:
            with file.open("wb") as out:
                run = partial(trio.run_process, command, stdout=out, stderr=subprocess.PIPE)
                process = await nursery.start(run)
            said = b""
            while b"listening on" not in said:
                said += (data := await process.stderr.receive_some())
                assert data, said
            connect = [*host.inside, sys.executable, "-c", _CONNECT]
            address, port = (await trio.run_process(connect, capture_stdout=True)).stdout.split()
            await process.wait()
            await process.stderr.aclose()
    (trace,) = Traffic.load(file).connections()
    assert trace.server == Endpoint(address.decode(), int(port))
    assert [str(one.flags) for one in trace.segments] == ["SYN", "RST+ACK"]
