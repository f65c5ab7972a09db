"""Checks of notebook 12: right and wrong answers."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from trio_echo import Endpoint
from trio_echo.notebook.checks import families

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_echo.addresses import Sockaddr


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        ("2001:db8::1:0:0:1", True, "the first one is left out"),
        ("2001:db8:0:0:1::1", False, "which of the two runs"),
        ("2001:DB8::1:0:0:1", False, "not yet its shortest form"),
        ("2001:db8:0:0:1:0:0:1", False, "not yet its shortest form"),
        ("2001:db8::1::1", False, "is not an IPv6 address"),
        ("2001:db8::1:1", False, "is another address: 2001:0db8:0000:"),
        ("2001:db8::1:0:0:1%1", False, "is another address"),
        (17, False, "17 is not an IPv6 address"),
        ([], False, "[] is not an IPv6 address"),
        (..., None, "Replace"),
    ],
)
def test_the_shortest_form(answer: object, right: bool | None, why: str) -> None:
    verdict = families.shortest(answer)
    assert verdict.right is right
    assert why in verdict.why


def right_peer(sockaddr: Sockaddr) -> str:
    host, port = sockaddr[:2]
    mapped = ipaddress.IPv6Address(host).ipv4_mapped if ":" in host else None
    return str(Endpoint(str(mapped or host), port))


def test_a_right_peer() -> None:
    assert families.peers(right_peer).right


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
        (keeps_mapped, "it should return '127.0.0.1:51188', not '[::ffff:127.0.0.1]:51188'"),
        (forgets_brackets, "it should return '[::1]:51188', not '::1:51188'"),
        (cuts_anywhere, "it should return '[2001:db8::ffff:7f00:1]:80', not '[7f00:1]:80'"),
        (unpacks_two, "Given ('::1', 51188, 0, 0), it raised ValueError"),
        (gives_a_pair, "not Endpoint(host='127.0.0.1', port=51188)"),
        (forgets_to_return, "Is a `return` missing?"),
    ],
)
def test_wrong_peers(answer: Callable[[Sockaddr], object], why: str) -> None:
    verdict = families.peers(answer)
    assert verdict.right is False
    assert why in verdict.why


def empty(*_: object) -> None: ...


async def waits(*_: object) -> float:
    return 0.0


def test_no_functions_yet() -> None:
    assert families.peers(empty).right is None
    assert families.eyeballs(empty).right is None
    assert families.eyeballs(waits).why == "Your function must be a def."


def right_time(addresses: list[str], delay: float) -> float:
    return addresses[: addresses.index("answers")].count("silent") * delay


@pytest.mark.parametrize(
    ("answer", "right", "why"),
    [
        (right_time, True, "Silence costs a delay"),
        (lambda addresses, delay: addresses.index("answers") * delay, False, "['refuses'"),
        (lambda addresses, delay: addresses.count("silent") * delay, False, "['answers', 'silent'"),
        (lambda addresses, delay: 0.25 * (addresses[0] == "silent"), False, "a delay of 0.1 s"),
        (lambda addresses, delay: addresses[1], False, "it raised IndexError"),
        (lambda addresses, delay: "soon", False, "connecting takes 0 s, not 'soon'"),
        (lambda addresses, delay: addresses.clear(), False, "Is a `return` missing?"),
    ],
)
def test_how_long_it_takes(
    answer: Callable[[list[str], float], object], right: bool, why: str
) -> None:
    verdict = families.eyeballs(answer)
    assert verdict.right is right
    assert why in verdict.why


SLOWER, NONE, FASTER = "slower", "no difference seen", "faster"


@pytest.mark.parametrize(
    ("answers", "right", "why"),
    [
        ((SLOWER, NONE, SLOWER), True, "The interval decides"),
        ((FASTER, NONE, SLOWER), False, "messages a second"),
        ((SLOWER, SLOWER, SLOWER), False, "Is 1 inside"),
        ((SLOWER, NONE, FASTER), False, "of times"),
        ((None, 3, []), False, "Is 1 inside"),
        ((SLOWER, ..., SLOWER), None, "Replace"),
    ],
)
def test_the_verdicts_of_intervals(
    answers: tuple[object, object, object], right: bool | None, why: str
) -> None:
    verdict = families.verdicts(*answers)
    assert verdict.right is right
    assert why in verdict.why
