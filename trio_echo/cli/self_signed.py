"""A certificate for a first try, and an authority that clients can trust.

`serve` has its files in memory, if the system can: nothing of them is left, also after SIGKILL.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import click

from trio_echo.addresses import DEFAULT_PORT, no_such_host
from trio_echo.certificates import CertificateFiles
from trio_echo.listening import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import trustme

    Keep: TypeAlias = Callable[[str, bytes], str]
    """Keeps the content of a file; returns the file's path."""


class SelfSigned(NamedTuple):
    """A certificate of our own.

    Attributes:
        files: for the server.
        authority: the file for its clients.
    """

    files: CertificateFiles
    authority: str


@contextmanager
def self_signed(
    hosts: Sequence[str] = (), client_authority: str | None = None, *, in_memory: bool = False
) -> Iterator[SelfSigned]:
    """Make a certificate for localhost and other hosts; its files exist during a block.

    Args:
        hosts: names and addresses.
        client_authority: whose clients are served; `None` for everybody's.
        in_memory: keep the files in the memory of this process, on Linux. Only processes of the
            same user can read them, and not from a namespace of users below this one.

    Raises:
        click.UsageError: trustme is missing.
        SocketCallError: of `getaddrinfo()`: a host cannot exist.
    """
    authority, issued = _issued(hosts)
    with _memory() if in_memory and Path("/proc/self/fd").is_dir() else _folder() as keep:
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        certificate, key = keep("cert.pem", chain), keep("key.pem", issued.private_key_pem.bytes())
        files = CertificateFiles(certificate, key, client_authority)
        yield SelfSigned(files, keep("ca.pem", authority.cert_pem.bytes()))


def trusting_command(authority: str, port: int) -> str:
    """Return the command of a client that trusts an authority of our own."""
    command = f"python -m trio_echo connect --tls --tls-ca {authority}"
    if port == DEFAULT_PORT:
        return command
    return f"{command} localhost {port or 'PORT'}"


def _issued(hosts: Sequence[str]) -> tuple[trustme.CA, trustme.LeafCert]:
    try:
        import trustme
    except ImportError as exc:
        raise click.UsageError(
            'a certificate of our own needs trustme: python -m pip install "trio-echo[tls]"'
        ) from exc
    names = dict.fromkeys(["localhost", *LOOPBACK, *map(_without_zone, hosts)])
    authority = trustme.CA()
    try:
        return authority, authority.issue_cert(*names, common_name="trio-echo")
    except ValueError as exc:
        raise no_such_host(", ".join(hosts), UnicodeError()) from exc


if sys.platform == "linux":
    _in_memory = os.memfd_create
else:

    def _in_memory(name: str) -> int:
        raise NotImplementedError  # there is no /proc/self/fd, so nobody calls it


@contextmanager
def _memory() -> Iterator[Keep]:
    with ExitStack() as closing:

        def keep(name: str, content: bytes) -> str:
            number = _in_memory(name)
            closing.callback(os.close, number)
            os.write(number, content)
            return f"/proc/{os.getpid()}/fd/{number}"

        yield keep


@contextmanager
def _folder() -> Iterator[Keep]:
    with TemporaryDirectory(prefix="trio-echo-") as folder:  # only its owner can read it

        def keep(name: str, content: bytes) -> str:
            path = Path(folder, name)
            path.write_bytes(content)
            return str(path)

        yield keep


def _without_zone(host: str) -> str:
    with suppress(ValueError):
        return str(ip_address(host.partition("%")[0]))
    return host
