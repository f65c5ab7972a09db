"""The options of `serve` that limit its clients."""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import click

from trio_echo.limits import Limits

from .options import WholeNumber, keepalive_option, network, positive_seconds, seconds

if TYPE_CHECKING:
    from .options import Command

_DEFAULT = Limits()

# Each has the name of an attribute of `Limits`.
_OPTIONS = (
    click.option(
        "--max-clients",
        metavar="N",
        type=WholeNumber(min=1),
        help="Serve at most N clients at once; further clients wait.",
    ),
    click.option(
        "--max-clients-per-host",
        metavar="N",
        type=WholeNumber(min=1),
        help="Refuse clients of an address that has N already.",
    ),
    click.option(
        "--allow",
        metavar="NETWORK",
        type=network,
        multiple=True,
        help="Refuse clients of other networks; repeat it for several.  [default: all are allowed]",
    ),
    click.option(
        "--idle-timeout",
        metavar="S",
        type=positive_seconds,
        default="inf",
        show_default="no limit",
        help="Close a client after S seconds without a byte to or from it.",
    ),
    keepalive_option("client"),
    click.option(
        "--tls-handshake-timeout",
        "handshake_timeout",
        metavar="S",
        type=positive_seconds,
        default=f"{_DEFAULT.handshake_timeout:g}",
        show_default=True,
        help="Close a client that takes longer than S seconds for the TLS handshake.",
    ),
    click.option(
        "--grace",
        metavar="S",
        type=seconds,
        default=f"{_DEFAULT.grace:g}",
        show_default=True,
        help="Give clients S seconds to finish when the server stops.",
    ),
)


def limit_options(command: Command) -> Command:
    """Add the limits; the command gets them as one argument, `limits`."""

    @functools.wraps(command)
    def with_limits(**values: Any) -> object:
        own = {field.name: values.pop(field.name) for field in fields(Limits)}
        own["allow"] = own["allow"] or None
        return command(limits=Limits(**own), **values)

    limited: Command = with_limits
    for option in reversed(_OPTIONS):
        limited = option(limited)
    return limited
