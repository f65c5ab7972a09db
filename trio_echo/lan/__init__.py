"""Hosts in network namespaces of their own, and the cable between them."""

from __future__ import annotations

from .cable import Cable
from .carrying import Port, carry
from .matching import Match, ack, arp, data, fin, icmp, ipv4, ipv6, rst, syn, syn_ack, tcp
from .rules import corrupt, delay, drop, duplicate, reorder
from .settings import SettingError, Settings

__all__ = [
    "Cable",
    "Match",
    "Port",
    "SettingError",
    "Settings",
    "ack",
    "arp",
    "carry",
    "corrupt",
    "data",
    "delay",
    "drop",
    "duplicate",
    "fin",
    "icmp",
    "ipv4",
    "ipv6",
    "reorder",
    "rst",
    "syn",
    "syn_ack",
    "tcp",
]
