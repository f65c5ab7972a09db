"""Parses, resolves and writes IPv4 and IPv6 endpoints.

Only `resolve` does I/O.
"""

from __future__ import annotations

import ipaddress
import operator
import re
import socket
import sys
from contextlib import suppress
from typing import NamedTuple, TypeAlias, cast

import trio

from .errors import SocketCallError, ZoneMissingError, strerror

DEFAULT_PORT = 9000
"""The port of the lecture's lab."""
_LAST_PORT = 65535


Sockaddr: TypeAlias = tuple[str, int] | tuple[str, int, int, int]
"""A socket call's address: host and port, and for IPv6 flow information and scope."""


class AddressError(ValueError):
    """A host, port or endpoint that is not valid; the message says why."""


class Endpoint(NamedTuple):
    """One end of a connection: an IP address or a name, and a TCP port.

    It is a `(host, port)` pair, as `socket.create_connection` takes it. `str()` writes it as people
    do, with an IPv6 address in brackets (RFC 3986, section 3.2.2).

    Attributes:
        host: IPv4 or IPv6 address, or a name; a zone follows `%` (RFC 4007, section 11).
        port: 0 to 65535.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def from_sockaddr(cls, sockaddr: Sockaddr) -> Endpoint:
        """Read what `getsockname`, `getpeername` or `getaddrinfo` returned.

        A link-local IPv6 address comes with a scope number. People write it as the name of the
        interface (`fe80::1%eth0`), and on Windows as a number (`fe80::1%12`).
        """
        if len(sockaddr) == 4 and sockaddr[3] and "%" not in sockaddr[0]:
            zone = str(sockaddr[3])
            # For other addresses, and on Windows for all, getaddrinfo() only reads numbers. An
            # interface that has been removed has a number, but no name.
            if sys.platform != "win32" and ipaddress.IPv6Address(sockaddr[0]).is_link_local:
                with suppress(OSError):
                    zone = socket.if_indextoname(sockaddr[3])
            return cls(f"{sockaddr[0]}%{zone}", sockaddr[1])
        return cls(sockaddr[0], sockaddr[1])


def parse_port(text: str) -> int:
    """Read a port number.

    Raises:
        AddressError: it is not 0 to 65535 in plain digits.
    """
    # int() alone also takes "9_000", " 9000" and digits of other scripts.
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > _LAST_PORT:
        raise AddressError(f"{text!r} is not a port number (0 to {_LAST_PORT})")
    return int(text)


def check_endpoint(host: str, port: int) -> None:
    """Refuse what C would cut short silently: a port modulo 65536, a name at its first NUL.

    Raises:
        AddressError: host or port is not valid.
        TypeError: the host is not a string, or the port is not an integer.
    """
    if not isinstance(host, str):
        raise TypeError(f"a host must be a string, not {host!r}")
    if "\0" in host:
        raise AddressError(f"{host!r} is not a host name")
    try:
        number = operator.index(port)
    except TypeError:
        raise TypeError(f"a port must be an integer, not {port!r}") from None
    if not 0 <= number <= _LAST_PORT:
        raise AddressError(f"{port} is not a port number (0 to {_LAST_PORT})")


def check_target(host: str, port: int) -> None:
    """Refuse also port 0: a server can listen on it, but no client can connect to it.

    Raises:
        AddressError: host or port is not valid.
        TypeError: as for `check_endpoint`.
    """
    check_endpoint(host, port)
    if port == 0:
        raise AddressError(f"port 0 cannot be reached: give 1 to {_LAST_PORT}")


def parse_endpoint(text: str, *, default: Endpoint | None = None) -> Endpoint:
    """Read an endpoint in any of its usual spellings.

    `localhost:9000`, `127.0.0.1 9000`, `[::1]:9000`, `::1 9000`, `fe80::1%eth0 9000`. With a
    default also `localhost`, `[::1]`, `::1`, `:9000`, `9000` and an empty text. After an IPv6
    address without brackets, the port follows a space: `::1:9000` is an address.

    Args:
        text: what a person wrote.
        default: fills in a missing host or port. Without it, both are required.

    Raises:
        AddressError: the text is not an endpoint, or a part of it is missing.
    """
    words = text.split()
    if len(words) > 2:
        raise AddressError(f"{text!r} is not an endpoint: write HOST:PORT or HOST PORT")
    host, port = _split(words[0]) if words else ("", "")
    if len(words) == 2:
        if port:
            raise AddressError(f"{text!r} names the port twice")
        port = words[1]
    elif not port and default is not None and re.fullmatch(r"[0-9]+", host):
        host, port = "", host
    if default is None and not (host and port):
        raise AddressError(f"{text!r} needs a host and a port: write HOST:PORT or [IPV6]:PORT")
    if re.fullmatch("[0-9]+", host):  # C reads 9000 as the IPv4 address 0.0.35.40
        raise AddressError(f"{host!r} is not a host")
    fallback = default or Endpoint("", 0)
    return Endpoint(host or fallback.host, parse_port(port) if port else fallback.port)


def _split(word: str) -> tuple[str, str]:
    """Split `HOST`, `HOST:PORT`, `IPV6` or `[IPV6]:PORT`; a missing part is empty."""
    if word.startswith("["):
        host, bracket, rest = word[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or rest == ":":
            raise AddressError(f"{word!r} is not an endpoint: write [IPV6]:PORT")
        return _ipv6(host), rest[1:]
    if word.count(":") > 1:
        return _ipv6(word), ""
    host, colon, port = word.partition(":")
    if colon and not port:
        raise AddressError(f"{word!r} has no port after its colon")
    return host, port


def _ipv6(host: str) -> str:
    try:
        # Python accepts any zone, even a bracket.
        ipaddress.IPv6Address("" if "]" in host else host)
    except ValueError:
        raise AddressError(f"{host!r} is not an IPv6 address") from None
    return host


def is_localhost(host: str) -> bool:
    """Return whether a name stands for both loopback addresses (RFC 6761, section 6.3).

    Many hosts files give it only one of them.
    """
    return host.lower().rstrip(".") == "localhost"


async def resolve(
    host: str, port: int, *, family: socket.AddressFamily = socket.AF_UNSPEC
) -> list[Endpoint]:
    """List the endpoints of a name or an address, each once, in the system's order.

    A link-local address without a zone cannot be used. It is left out if there are others.

    Args:
        host: a name, or an IPv4 or IPv6 address, with a zone if needed.
        port: 0 to 65535.
        family: `AF_INET` or `AF_INET6` to keep only the endpoints of that family.

    Raises:
        AddressError: host or port is not valid.
        SocketCallError: `getaddrinfo()` failed: there is no such host, or not in that family.
        ZoneMissingError: all its addresses are link-local and lack a zone.
    """
    check_endpoint(host, port)
    loopback = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
    if is_localhost(host):
        return [Endpoint(loopback[one], port) for one in loopback if family in (one, 0)]
    try:
        found = await trio.socket.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as exc:
        raise no_such_host(host, exc) from exc
    # typeshed lets an address be (int, bytes), for a Python built without IPv6.
    sockaddrs = cast("list[Sockaddr]", [sockaddr for *_, sockaddr in found])
    endpoints = list(dict.fromkeys(map(Endpoint.from_sockaddr, sockaddrs)))
    usable = [one for one in endpoints if not _needs_zone(one.host)]
    if not usable:
        address = endpoints[0].host
        raise ZoneMissingError(address, f"{address}%{_some_interface()}")
    return usable


def _needs_zone(address: str) -> bool:
    if sys.platform == "win32":  # it picks an interface by itself
        return False
    # Python counts 169.254.0.0/16 as link-local too; IPv4 has no zones.
    return ":" in address and "%" not in address and ipaddress.ip_address(address).is_link_local


def _some_interface() -> str:
    import psutil

    up = [name for name, one in psutil.net_if_stats().items() if one.isup]
    return next((name for name in up if not name.startswith("lo")), "eth0")


def no_such_host(host: str, exc: OSError | UnicodeError) -> SocketCallError:
    """Name `getaddrinfo()` as the call that failed, even if Python's IDNA codec refused first."""
    if isinstance(exc, UnicodeError):
        exc = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    elif exc.strerror == "getaddrinfo failed":  # Python's only words on Windows
        exc = socket.gaierror(exc.errno, strerror(exc.errno or 0))
    return SocketCallError("getaddrinfo()", exc, where=host)
