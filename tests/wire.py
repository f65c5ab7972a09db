"""Frames for tests, as the kernel would hand them over, and traces of them."""

from __future__ import annotations

import ipaddress
import struct

from trio_echo import Endpoint
from trio_echo.observe.packets.files.pcap import Frame
from trio_echo.observe.packets.trace import Trace
from trio_echo.observe.packets.wire import Flags

SYN, ACK, FIN, RST, PSH = Flags.SYN, Flags.ACK, Flags.FIN, Flags.RST, Flags.PSH
CLIENT, SERVER = Endpoint("127.0.0.1", 51188), Endpoint("127.0.0.1", 9000)
CLIENT6, SERVER6 = Endpoint("::1", 51188), Endpoint("::1", 9000)
BIRTH = 1_700_000_000_000_000_000
# The second wraps around after 16 bytes.
ISN = {51188: 1_000_000, 9000: 2**32 - 16}


def frame(
    source: Endpoint,
    destination: Endpoint,
    flags: Flags,
    sequence: int,
    acknowledgement: int = 0,
    *,
    window: int = 64,
    options: bytes = b"",
    payload: bytes = b"",
    time: int = BIRTH,
) -> Frame:
    """Build an Ethernet frame; numbers beyond 32 bits wrap around."""
    options += b"\0" * (-len(options) % 4)
    bits = (20 + len(options)) // 4 << 12 | flags
    ports = source.port, destination.port
    numbers = sequence % 2**32, acknowledgement % 2**32
    tcp = struct.pack("!HHIIHHHH", *ports, *numbers, bits, window, 0, 0) + options + payload
    addresses = b"".join(ipaddress.ip_address(one.host).packed for one in (source, destination))
    if len(addresses) == 8:
        kind, ip = 0x0800, struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0)
    else:
        kind, ip = 0x86DD, struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64)
    return Frame(time, bytes(12) + struct.pack("!H", kind) + ip + addresses + tcp)


def mss(size: int) -> bytes:
    return struct.pack("!BBH", 2, 4, size)


def scale(shift: int) -> bytes:
    return bytes([1, 3, 3, shift])


class Script:
    """Builds a connection's frames and counts each side's sequence numbers."""

    def __init__(self, client: Endpoint = CLIENT, server: Endpoint = SERVER) -> None:
        self.client, self.server = client, server
        self.next = {client: ISN[client.port], server: ISN[server.port]}
        self.frames: list[Frame] = []

    def say(
        self,
        source: Endpoint,
        flags: Flags,
        payload: bytes = b"",
        *,
        unseen: int = 0,
        window: int = 64,
        options: bytes = b"",
    ) -> Script:
        """Let one side send; `unseen` of the other side's numbers have not arrived there yet."""
        destination = self.server if source == self.client else self.client
        expected = self.next[destination] - unseen if ACK in flags else 0
        self.frames.append(
            frame(
                source,
                destination,
                flags,
                self.next[source],
                expected,
                window=window,
                options=options,
                payload=payload,
                time=BIRTH + len(self.frames) * 10_000,
            )
        )
        self.next[source] += len(payload) + (SYN in flags) + (FIN in flags)
        return self

    def handshake(self) -> Script:
        options = mss(65495) + scale(7)
        self.say(self.client, SYN, window=65495, options=options)
        self.say(self.server, SYN | ACK, window=65483, options=options)
        return self.say(self.client, ACK)

    def echo(self, data: bytes) -> Script:
        self.say(self.client, PSH | ACK, data).say(self.server, ACK)
        return self.say(self.server, PSH | ACK, data).say(self.client, ACK)

    def close(self) -> Script:
        self.say(self.client, FIN | ACK).say(self.server, FIN | ACK)
        return self.say(self.client, ACK)

    def trace(self) -> Trace:
        return Trace.parse(self.frames)
