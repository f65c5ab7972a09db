"""Option types and options shared by several commands."""

from __future__ import annotations

import math
from contextlib import suppress
from ipaddress import ip_network
from typing import TYPE_CHECKING

import click

from trio_echo.addresses import AddressError, parse_endpoint, parse_port
from trio_echo.keepalive import KEEPALIVE, check_keepalive
from trio_echo.quantities import A_YEAR
from trio_echo.screen.language import LANGUAGES
from trio_echo.screen.text import checked_encoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any, TypeAlias

    from trio_echo.addresses import Endpoint

    Command: TypeAlias = Callable[..., Any]


def port(text: str) -> int:
    """Read a TCP port, 0 to 65535."""
    try:
        return parse_port(text)
    except AddressError as exc:
        raise click.BadParameter(str(exc)) from exc


def endpoint(text: str) -> Endpoint:
    """Read HOST:PORT."""
    try:
        return parse_endpoint(text)
    except AddressError as exc:
        raise click.BadParameter(str(exc)) from exc


def network(text: str) -> IPv4Network | IPv6Network:
    """Read a network, such as 192.0.2.0/24, or an address, which is a network of one."""
    try:
        return ip_network(text)
    except ValueError as exc:
        words = f"{text!r} is not a network, such as 192.0.2.0/24 or 2001:db8::/32"
        with suppress(ValueError):
            words = f"{text!r} has bits beyond its prefix: write {ip_network(text, strict=False)}"
        raise click.BadParameter(words) from exc


def seconds(text: str) -> float:
    """Read a time of 0 seconds to a year; `inf` is forever."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (0 <= value <= A_YEAR or value == math.inf):
        raise click.BadParameter(f"{text!r} is not a time in seconds (0 to a year, or inf)")
    return value


def positive_seconds(text: str) -> float:
    """Read a time of more than 0 seconds; `inf` is forever."""
    value = seconds(text)
    if value == 0:
        raise click.BadParameter("it must be more than 0 seconds")
    return value


def _keepalive(text: str) -> float:
    """Read a keepalive time that systems accept; `inf` switches keepalive off."""
    value = seconds(text)
    try:
        check_keepalive(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc
    return value


def encoding(name: str) -> str:
    """Read the name of a text encoding."""
    try:
        return checked_encoding(name)
    except LookupError as exc:
        raise click.BadParameter(str(exc.args[0])) from exc


def keepalive_option(peer: str) -> Callable[[Command], Command]:
    """Add `--keepalive`.

    Args:
        peer: who may vanish: "client" or "server".
    """
    return click.option(
        "--keepalive",
        metavar="S",
        type=_keepalive,
        default=f"{KEEPALIVE:g}",
        show_default=True,
        help=f"Give up on a {peer} whose machine has not answered for S seconds; inf: never.",
    )


def language_options(command: Command) -> Command:
    """Add `--lang` and `--encoding`."""
    command = click.option(
        "--encoding",
        metavar="NAME",
        type=encoding,
        default="utf-8",
        show_default=True,
        help="Encoding of the text in messages.",
    )(command)
    return click.option(
        "--lang",
        type=click.Choice(LANGUAGES),
        help="Language of the screen.  [default: from the locale]",
    )(command)
