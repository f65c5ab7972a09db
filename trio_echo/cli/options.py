"""Option types and options shared by several commands."""

from __future__ import annotations

import math
import re
from contextlib import suppress
from ipaddress import ip_network
from typing import TYPE_CHECKING, TypeVar

import click

from trio_echo.addresses import AddressError, parse_endpoint, parse_port
from trio_echo.client_tls import client_context, server_name_of
from trio_echo.keepalive import KEEPALIVE, check_keepalive
from trio_echo.quantities import A_YEAR
from trio_echo.screen.language import LANGUAGES
from trio_echo.screen.text import checked_encoding

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from ipaddress import IPv4Network, IPv6Network
    from typing import Any, TypeAlias

    from trio_echo.addresses import Endpoint

    Command: TypeAlias = Callable[..., Any]

T = TypeVar("T")


def refusing(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Let click print why a parser refuses a text."""

    def read(text: str) -> T:
        try:
            return parse(text)
        except ValueError as exc:
            raise click.BadParameter(str(exc)) from exc

    return read


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


class WholeNumber(click.IntRange):
    """A whole number in a range, or any; it is refused in plain words, and not in click's."""

    name = "whole number"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it in plain digits; `int` alone also takes "1_000"."""
        text = str(value)
        if re.fullmatch("-?[0-9]{1,4000}", text):
            with suppress(click.BadParameter):
                return super().convert(int(text), param, ctx)
        limits = ""
        if self.min is not None:
            limits = f", {self.min} " + ("or more" if self.max is None else f"to {self.max}")
        return self.fail(f"{text!r} is not a whole number{limits}", param, ctx)


def number(text: str) -> float:
    """Read a number, with or without a fraction."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number") from None


_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_IN_UNITS = re.compile("".join(rf"(?:([0-9.]+){unit}(?![a-z]))?" for unit in _UNITS))


def seconds(text: str) -> float:
    """Read a time of 0 seconds to a year: `90`, `90s`, `1h30m`, `500ms`; `inf` is forever."""
    found = _IN_UNITS.fullmatch(text)
    try:
        if found is not None and text:
            given = zip(found.groups(), _UNITS.values(), strict=True)
            value = math.fsum(float(count) * unit for count, unit in given if count)
        else:
            value = float(text)
    except ValueError:
        value = math.nan
    if not (0 <= value <= A_YEAR or value == math.inf):
        raise click.BadParameter(
            f"{text!r} is not a time: write seconds, or 500ms, 90s, 1h30m (0 to a year, or inf)"
        )
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


def _server_name(text: str) -> str:
    try:
        return server_name_of(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


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


def tls_options(command: Command) -> Command:
    """Add `--tls` and the options that say whom to trust and who this side is."""
    file = click.Path(dir_okay=False)
    for option in reversed(
        (
            click.option("--tls", is_flag=True, help="Use TLS, 1.2 or newer."),
            click.option(
                "--tls-ca",
                metavar="FILE",
                type=file,
                help="Trust only the authorities in this PEM file.  [default: those of the system]",
            ),
            click.option(
                "--tls-cert",
                metavar="FILE",
                type=file,
                help="Present the certificate in this PEM file, if the server asks for one.",
            ),
            click.option("--tls-key", metavar="FILE", type=file, help="The key of --tls-cert."),
            click.option(
                "--tls-server-name",
                metavar="NAME",
                type=_server_name,
                help="The name in the server's certificate.  [default: the host]",
            ),
        )
    ):
        command = option(command)
    return command


def client_tls(
    *, tls: bool, ca: str | None, cert: str | None, key: str | None, server_name: str | None
) -> ssl.SSLContext | None:
    """Make what the options of TLS ask for; `None` without TLS.

    Raises:
        click.UsageError: they do not go together.
        SocketCallError: a file cannot be used.
    """
    given = {"ca": ca, "cert": cert, "key": key, "server-name": server_name}
    for name, value in given.items():
        if value is not None and not tls:
            raise click.UsageError(f"--tls-{name} is for --tls: give that too")
    if (cert is None) != (key is None):
        raise click.UsageError("--tls-cert and --tls-key need each other")
    return client_context(ca=ca, cert=cert, key=key) if tls else None


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
