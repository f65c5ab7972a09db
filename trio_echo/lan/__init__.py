"""Hosts in network namespaces of their own, and the cable between them."""

from __future__ import annotations

from .background import BackgroundHosts
from .cable import Cable
from .carrying import Port, carry
from .errors import LanError, SettingError
from .experiments import RECORD, Observation, experiment
from .host import Host
from .hosts import Network, hosts
from .keeper import why_not
from .matching import Match, ack, arp, data, fin, icmp, ipv4, ipv6, rst, syn, syn_ack, tcp
from .rules import Rule, corrupt, delay, drop, duplicate, reorder
from .settings import Settings

__all__ = [
    "RECORD",
    "BackgroundHosts",
    "Cable",
    "Host",
    "LanError",
    "Match",
    "Network",
    "Observation",
    "Port",
    "Rule",
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
    "experiment",
    "fin",
    "hosts",
    "icmp",
    "ipv4",
    "ipv6",
    "reorder",
    "rst",
    "syn",
    "syn_ack",
    "tcp",
    "why_not",
]
