"""A filter that the kernel runs on each frame: classic BPF.

The kernel's Documentation/networking/filter.rst describes the language.
"""

from __future__ import annotations

import socket
import struct

_INSTRUCTION = "HBBI"  # code, how far to jump if equal and if not, operand
INSTRUCTION_SIZE = struct.calcsize(_INSTRUCTION)


def port_filter(port: int, largest: int) -> bytes:
    """Return the filter that keeps the TCP segments from or to a port, each once.

    Args:
        port: of either side.
        largest: how many bytes of a frame to keep.
    """
    load_byte, load_half, load_half_indexed, header_length = 0x30, 0x28, 0x48, 0xB1
    jump_if_equal, answer = 0x15, 0x06
    packet_type = 0xFFFFF004  # SKF_AD_OFF + SKF_AD_PKTTYPE
    outgoing = 4  # PACKET_OUTGOING: on loopback each frame leaves, and then arrives
    ipv4, ipv6, keep, drop = 10, 4, 18, 19  # the lines below
    program = [  # code, operand; for a jump also the lines to jump to, if equal and if not
        (load_byte, packet_type),
        (jump_if_equal, outgoing, drop, 2),
        (load_half, 12),
        (jump_if_equal, 0x86DD, ipv6, ipv4),
        (load_byte, 20),
        (jump_if_equal, socket.IPPROTO_TCP, 6, drop),
        (load_half, 54),
        (jump_if_equal, port, keep, 8),
        (load_half, 56),
        (jump_if_equal, port, keep, drop),
        (jump_if_equal, 0x0800, 11, drop),
        (load_byte, 23),
        (jump_if_equal, socket.IPPROTO_TCP, 13, drop),
        (header_length, 14),
        (load_half_indexed, 14),
        (jump_if_equal, port, keep, 16),
        (load_half_indexed, 16),
        (jump_if_equal, port, keep, drop),
        (answer, largest),
        (answer, 0),
    ]
    return b"".join(
        struct.pack(_INSTRUCTION, code, *(line - index - 1 for line in jumps), operand)
        if jumps
        else struct.pack(_INSTRUCTION, code, 0, 0, operand)
        for index, (code, operand, *jumps) in enumerate(program)
    )
