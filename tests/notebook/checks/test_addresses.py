"""Checks of notebook 12: right and wrong answers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from trio_echo import Endpoint
from trio_echo.notebook.checks import addresses

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.addresses import Sockaddr


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ("2001:db8::1:0:0:1", True, "the first one is left out"),
        ("2001:db8:0:0:1::1", False, "which of the two runs"),
        ("2001:DB8::1:0:0:1", False, "not yet as RFC 5952 writes it"),
        ("2001:db8:0:0:1:0:0:1", False, "not yet as RFC 5952 writes it"),
        ("2001:db8::1::1", False, "is not an IPv6 address"),
        ("2001:db8::1:1", False, "is another address: 2001:0db8:0000:"),
        ("2001:db8::1:0:0:1%1", False, "is another address"),
        (17, False, "17 is not an IPv6 address"),
        ([], False, "[] is not an IPv6 address"),
        (..., None, "Replace"),
    ],
)
def test_the_shortest_form(answer: object, right: bool | None, why: str) -> None:
    verdict = addresses.shortest(answer)
    assert verdict.right is right
    assert why in verdict.why


def right_peer(sockaddr: Sockaddr) -> str:
    host, port = sockaddr[:2]
    mapped = ipaddress.IPv6Address(host).ipv4_mapped if ":" in host else None
    zone = f"%{sockaddr[3]}" if len(sockaddr) == 4 and sockaddr[3] else ""
    return str(Endpoint(str(mapped or f"{host}{zone}"), port))


def test_a_right_peer() -> None:
    assert addresses.peers(right_peer).right


def loses_the_zone(sockaddr: Sockaddr) -> str:
    return right_peer(sockaddr[:2])


def keeps_mapped(sockaddr: Sockaddr) -> str:
    return str(Endpoint(*sockaddr[:2]))


def forgets_brackets(sockaddr: Sockaddr) -> str:
    return f"{sockaddr[0]}:{sockaddr[1]}"


def cuts_anywhere(sockaddr: Sockaddr) -> str:
    return str(Endpoint(sockaddr[0].rpartition("ffff:")[2], sockaddr[1]))


def unpacks_two(sockaddr: Sockaddr) -> str:
    host, port = sockaddr  # type: ignore[misc]  # that is what it does wrong
    return f"{host}:{port}"


def gives_a_pair(sockaddr: Sockaddr) -> object:
    return Endpoint(*sockaddr[:2])


def forgets_to_return(sockaddr: Sockaddr) -> None:
    str(sockaddr)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (loses_the_zone, "it should return '[fe80::1%2]:80', not '[fe80::1]:80'"),
        (keeps_mapped, "it should return '127.0.0.1:51188', not '[::ffff:127.0.0.1]:51188'"),
        (forgets_brackets, "it should return '[::1]:51188', not '::1:51188'"),
        (cuts_anywhere, "it should return '[2001:db8::ffff:7f00:1]:80', not '[7f00:1]:80'"),
        (unpacks_two, "Given ('::1', 51188, 0, 0), it raised ValueError"),
        (gives_a_pair, "not Endpoint(host='127.0.0.1', port=51188)"),
        (forgets_to_return, "Is a `return` missing?"),
    ],
)
def test_wrong_peers(answer: Callable[[Sockaddr], object], why: str) -> None:
    verdict = addresses.peers(answer)
    assert verdict.right is False
    assert why in verdict.why


def empty(*_: object) -> None: ...


def test_no_function_yet() -> None:
    assert addresses.peers(empty).right is None
