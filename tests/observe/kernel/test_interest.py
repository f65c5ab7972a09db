"""Which rows of a machine's tables a snapshot shows."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from trio_echo import Endpoint
from trio_echo.observe.kernel.interest import Interest
from trio_echo.observe.kernel.sockets import SocketRow

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN = ["127.0.0.1", "192.0.2.1", "::1", "fe80::7%eth0"]


def family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def row(local: str, remote: str | None = None) -> SocketRow:
    """Make a row of texts such as `127.0.0.1 9000`; without a remote end, it listens."""
    ends = [None if one is None else Endpoint(*split(one)) for one in (local, remote)]
    state = "LISTEN" if remote is None else "ESTABLISHED"
    return SocketRow(family=family(local), state=state, local=ends[0], remote=ends[1])


def split(text: str) -> tuple[str, int]:
    host, port = text.split()
    return host, int(port)


def picked(own: SocketRow, rows: Sequence[SocketRow], *, dual: bool = False) -> list[SocketRow]:
    interest = Interest()
    interest.include(own, dual=dual)
    return interest.among(rows, OWN)


# A listener of the lecture's port on each address, and both ends of a connection to each.
LISTENERS = [row(f"{host} 9000") for host in ("127.0.0.1", "127.0.0.2", "192.0.2.1", "::1")]
PAIRS = {
    host: [row(f"{host} 9000", f"{host} 50000"), row(f"{host} 50000", f"{host} 9000")]
    for host in ("127.0.0.1", "127.0.0.2", "192.0.2.1", "::1", "fe80::7")
}
MAPPED = [
    row("::ffff:127.0.0.1 9000", "::ffff:127.0.0.1 50001"),
    row("127.0.0.1 50001", "127.0.0.1 9000"),
]
AWAY = row("192.0.2.1 50002", "198.51.100.9 9000")  # a connection to another machine
EVERYTHING = [*LISTENERS, *(one for pair in PAIRS.values() for one in pair), *MAPPED, AWAY]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_listener_has_only_the_connections_to_its_address(host: str) -> None:
    listener = row(f"{host} 9000")
    expected = [listener, *PAIRS[host], *(MAPPED if host == "127.0.0.1" else [])]
    assert picked(listener, EVERYTHING) == expected


def test_a_listener_on_every_address_has_those_of_this_machine_and_of_its_family() -> None:
    listener = row("0.0.0.0 9000")
    hosts = ("127.0.0.1", "127.0.0.2", "192.0.2.1")
    expected = [listener, *(one for host in hosts for one in PAIRS[host]), *MAPPED]
    assert picked(listener, [listener, *EVERYTHING]) == expected


@pytest.mark.parametrize("dual", [False, True])
def test_a_listener_on_every_ipv6_address_has_ipv4_only_if_it_accepts_it(dual: bool) -> None:
    listener = row(":: 9000")
    expected = [listener, *PAIRS["::1"], *PAIRS["fe80::7"]]
    ipv4 = [one for host in ("127.0.0.1", "127.0.0.2", "192.0.2.1") for one in PAIRS[host]]
    if dual:
        expected = [listener, *ipv4, *expected[1:], *MAPPED]
    assert picked(listener, [listener, *EVERYTHING], dual=dual) == expected


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1"])
def test_a_connection_has_its_two_ends_and_its_listener(host: str) -> None:
    server, client = PAIRS[host]
    assert picked(client, EVERYTHING) == [row(f"{host} 9000"), server, client]


@pytest.mark.parametrize(
    ("listeners", "found"),
    [
        (["0.0.0.0 9000", ":: 9000"], ["0.0.0.0 9000"]),
        ([":: 9000", "::1 9000"], [":: 9000"]),
        (["0.0.0.0 9001", "127.0.0.2 9000", "::1 9000"], []),
    ],
)
def test_the_listener_of_an_ipv4_connection_is_one_of_ipv4_or_one_that_takes_both(
    listeners: list[str], found: list[str]
) -> None:
    rows = [row(one) for one in listeners]
    assert picked(PAIRS["127.0.0.1"][1], rows) == [row(one) for one in found]


def test_an_ipv4_listener_is_not_that_of_an_ipv6_connection() -> None:
    assert picked(PAIRS["::1"][1], [row("0.0.0.0 9000")]) == []


def test_a_listener_here_is_not_that_of_a_connection_to_another_machine() -> None:
    assert picked(AWAY, [row("0.0.0.0 9000"), AWAY]) == [AWAY]


def test_an_ipv4_connection_of_an_ipv6_socket_has_its_ipv4_peer() -> None:
    assert picked(MAPPED[0], [*MAPPED, row(":: 9000")]) == [*MAPPED, row(":: 9000")]


def test_zones_that_only_one_table_has_are_ignored() -> None:
    own = row("fe80::7%eth0 50000", "fe80::7%eth0 9000")
    assert picked(own, EVERYTHING) == PAIRS["fe80::7"]


def test_a_socket_without_an_address_adds_nothing() -> None:
    assert picked(SocketRow(family=socket.AF_INET, state="CLOSE"), EVERYTHING) == []


def test_a_port_selects_every_socket_with_that_number() -> None:
    assert Interest(9000).among(EVERYTHING, OWN) == EVERYTHING
    assert Interest(50002).among(EVERYTHING, OWN) == [AWAY]
