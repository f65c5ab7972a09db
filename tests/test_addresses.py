from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trio_echo import AddressError, Endpoint, SocketCallError
from trio_echo.addresses import check_endpoint, parse_endpoint, parse_port, resolve
from trio_echo.errors import ZoneMissingError

if TYPE_CHECKING:
    from trio_echo.addresses import Sockaddr

DEFAULT = Endpoint("localhost", 9000)

PORTS = st.integers(0, 65535)
ZONES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,14}", fullmatch=True)
HOSTS = st.one_of(
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
    st.builds("{}%{}".format, st.ip_addresses(v=6, network="fe80::/10"), ZONES),
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,60}", fullmatch=True),
    st.just("한글.kr"),
)


@pytest.mark.parametrize("default", [None, Endpoint("elsewhere", 7)])
@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("localhost:9000", ("localhost", 9000)),
        ("localhost 9000", ("localhost", 9000)),
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("127.0.0.1 9000", ("127.0.0.1", 9000)),
        ("[::1]:9000", ("::1", 9000)),
        ("[::1] 9000", ("::1", 9000)),
        ("::1 9000", ("::1", 9000)),
        (":: 0", ("::", 0)),
        ("[fe80::1%eth0]:9000", ("fe80::1%eth0", 9000)),
        ("fe80::1%eth0 9000", ("fe80::1%eth0", 9000)),
        ("::ffff:127.0.0.1 9000", ("::ffff:127.0.0.1", 9000)),
        ("  localhost \t 65535\n", ("localhost", 65535)),
    ],
)
def test_a_whole_endpoint_is_read_in_every_usual_spelling(
    text: str, endpoint: tuple[str, int], default: Endpoint | None
) -> None:
    assert parse_endpoint(text, default=default) == endpoint


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("", ("localhost", 9000)),
        (" ", ("localhost", 9000)),
        (":7", ("localhost", 7)),
        ("7", ("localhost", 7)),
        ("0", ("localhost", 0)),
        ("example.org", ("example.org", 9000)),
        ("10.0.0.1", ("10.0.0.1", 9000)),
        ("::1", ("::1", 9000)),
        ("[::1]", ("::1", 9000)),
        ("::1:7", ("::1:7", 9000)),
    ],
)
def test_the_default_fills_in_what_is_missing(text: str, endpoint: tuple[str, int]) -> None:
    assert parse_endpoint(text, default=DEFAULT) == endpoint
    with pytest.raises(AddressError, match="needs a host and a port"):
        parse_endpoint(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9000 80", "'9000' is not a host"),
        ("localhost 9000 80", "write HOST:PORT or HOST PORT"),
        ("localhost:9000 80", "names the port twice"),
        ("[::1]:9000 80", "names the port twice"),
        (":9000 80", "names the port twice"),
        ("localhost:", "no port after its colon"),
        (":", "no port after its colon"),
        ("localhost: 9000", "no port after its colon"),
        ("[::1", r"write \[IPV6\]:PORT"),
        ("[::1]9000", r"write \[IPV6\]:PORT"),
        ("[::1]:", r"write \[IPV6\]:PORT"),
        ("[]:9000", "'' is not an IPv6 address"),
        ("[127.0.0.1]:9000", "'127.0.0.1' is not an IPv6 address"),
        ("a:b:9000", "'a:b:9000' is not an IPv6 address"),
        ("[::1%]:9000", "'::1%' is not an IPv6 address"),
        ("localhost:http", "'http' is not a port number"),
        ("localhost 65536", "'65536' is not a port number"),
    ],
)
def test_the_error_says_what_is_wrong_with_an_endpoint(text: str, message: str) -> None:
    for default in (None, DEFAULT):
        with pytest.raises(AddressError, match=message):
            parse_endpoint(text, default=default)


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("65535", 65535), ("00080", 80)])
def test_a_port_is_read(text: str, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "65536", "9_000", " 9000", "9000\n", "0x10", "٩٠٠٠", "9" * 5000]
)
def test_only_plain_digits_up_to_65535_are_a_port(text: str) -> None:
    with pytest.raises(AddressError, match=r"is not a port number \(0 to 65535\)"):
        parse_port(text)


@pytest.mark.parametrize(
    ("host", "port", "words"),
    [(("::1", 9), 9, "a host must be a string"), ("::1", "9", "a port must be an integer")],
)
def test_a_wrong_type_is_named(host: Any, port: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        check_endpoint(host, port)


@given(host=HOSTS, port=PORTS)
def test_a_written_endpoint_is_read_back(host: str, port: int) -> None:
    endpoint = Endpoint(host, port)
    for text in (str(endpoint), f"{host} {port}"):
        assert parse_endpoint(text) == endpoint
        assert parse_endpoint(text, default=DEFAULT) == endpoint


@settings(max_examples=500)
@example(text="::%]", default=None)
@given(
    text=st.text(max_size=20) | st.text("[]:%. 019af\t", max_size=20),
    default=st.none() | st.builds(Endpoint, HOSTS, PORTS),
)
def test_any_text_is_an_endpoint_that_can_be_written_or_an_address_error(
    text: str, default: Endpoint | None
) -> None:
    try:
        endpoint = parse_endpoint(text, default=default)
    except AddressError:
        return
    assert 0 <= endpoint.port <= 65535
    assert parse_endpoint(str(endpoint)) == endpoint


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (("127.0.0.1", 9000), "127.0.0.1:9000"),
        (("localhost", 0), "localhost:0"),
        (("::1", 9000), "[::1]:9000"),
        (("fe80::1%eth0", 9000), "[fe80::1%eth0]:9000"),
    ],
)
def test_an_ipv6_address_is_written_in_brackets(endpoint: tuple[str, int], text: str) -> None:
    assert str(Endpoint(*endpoint)) == text


@pytest.mark.parametrize(
    ("sockaddr", "host"),
    [
        (("127.0.0.1", 9000), "127.0.0.1"),
        (("::1", 9000, 0, 0), "::1"),
        (("fe80::1", 9000, 0, 7), "fe80::1%7" if sys.platform == "win32" else "fe80::1%eth7"),
        (("fe80::1%eth7", 9000, 0, 7), "fe80::1%eth7"),
        (("fe80::1", 9000, 0, 8), "fe80::1%8"),
        (("::1", 9000, 0, 7), "::1%7"),
    ],
)
def test_a_scope_is_written_as_its_interface_or_else_as_its_number(
    monkeypatch: pytest.MonkeyPatch, sockaddr: Sockaddr, host: str
) -> None:
    def if_indextoname(index: int) -> str:
        if index != 7:
            raise OSError("no such device")
        return "eth7"

    monkeypatch.setattr(socket, "if_indextoname", if_indextoname)
    assert Endpoint.from_sockaddr(sockaddr) == (host, 9000)


class Resolver(trio.abc.HostnameResolver):
    """Knows one name with two addresses, and lists one of them twice, as some systems do."""

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  the name in Trio's interface
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        await trio.lowlevel.checkpoint()
        if host != b"echo.test":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        assert type == socket.SOCK_STREAM
        found = [
            (socket.AF_INET6, type, 6, "", ("2001:db8::7", port, 0, 0)),
            (socket.AF_INET, type, 6, "", ("192.0.2.7", port)),
            (socket.AF_INET6, type, 6, "", ("2001:db8::7", port, 0, 0)),
        ]
        return [one for one in found if family in (one[0], socket.AF_UNSPEC)]

    async def getnameinfo(
        self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int
    ) -> tuple[str, str]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("family", "hosts"),
    [
        (socket.AF_UNSPEC, ["2001:db8::7", "192.0.2.7"]),
        (socket.AF_INET, ["192.0.2.7"]),
        (socket.AF_INET6, ["2001:db8::7"]),
    ],
)
async def test_a_name_gives_each_of_its_addresses_once_in_the_systems_order(
    family: socket.AddressFamily, hosts: list[str]
) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    found = await resolve("echo.test", 9000, family=family)
    assert found == [(host, 9000) for host in hosts]


@pytest.mark.parametrize("name", ["localhost", "LocalHost", "localhost."])
@pytest.mark.parametrize(
    ("family", "hosts"),
    [
        (socket.AF_UNSPEC, ["127.0.0.1", "::1"]),
        (socket.AF_INET, ["127.0.0.1"]),
        (socket.AF_INET6, ["::1"]),
    ],
)
async def test_localhost_is_loopback_on_both_families_whatever_the_system_says(
    name: str, family: socket.AddressFamily, hosts: list[str]
) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    assert await resolve(name, 9000, family=family) == [(host, 9000) for host in hosts]


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])  # noqa: S104
async def test_an_address_stands_for_itself(host: str) -> None:
    assert await resolve(host, 9000) == [(host, 9000)]


@pytest.mark.parametrize("host", ["nowhere.test", "a..b", "x" * 64 + ".test", "\udcff"])
async def test_a_host_that_does_not_exist_is_a_failed_getaddrinfo(host: str) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    with pytest.raises(SocketCallError) as caught:
        await resolve(host, 9000)
    assert (caught.value.call, caught.value.where) == ("getaddrinfo()", host)
    assert isinstance(caught.value.reason, socket.gaierror)
    assert caught.value.errno == socket.EAI_NONAME
    assert caught.value.strerror == "Name or service not known"


async def test_a_host_without_an_address_of_the_wanted_family_is_a_failed_getaddrinfo() -> None:
    with pytest.raises(SocketCallError) as caught:
        await resolve("127.0.0.1", 9000, family=socket.AF_INET6)
    assert (caught.value.call, caught.value.where) == ("getaddrinfo()", "127.0.0.1")
    assert isinstance(caught.value.reason, socket.gaierror)


class Links(trio.abc.HostnameResolver):
    """Resolves every name to two link-local addresses, then others."""

    def __init__(self, *others: str) -> None:
        self.others = others

    async def getaddrinfo(self, *given: Any, **_: Any) -> Any:
        hosts = [("fe80::1", 0), ("fe80::2", 7), *((host, 0) for host in self.others)]
        return [(socket.AF_INET6, 1, 6, "", (host, given[1], 0, zone)) for host, zone in hosts]

    async def getnameinfo(self, *_: object) -> Any:
        raise NotImplementedError


@pytest.mark.skipif(sys.platform == "win32", reason="Windows picks a zone by itself")
@pytest.mark.parametrize("address", ["fe80::1", "FE80:0::1", "febf::1"])
async def test_a_link_local_address_needs_a_zone_and_the_error_has_an_example(address: str) -> None:
    with pytest.raises(ZoneMissingError, match="needs a zone") as caught:
        await resolve(address, 9000)
    canonical = str(ipaddress.IPv6Address(address))
    assert caught.value.where == canonical
    found, zone = caught.value.example.split("%")
    assert found == canonical
    assert zone in psutil.net_if_stats() or zone == "eth0"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows picks a zone by itself")
async def test_addresses_that_lack_a_zone_are_left_out_if_there_are_others() -> None:
    trio.socket.set_custom_hostname_resolver(Links("2001:db8::7"))
    hosts = [endpoint.host for endpoint in await resolve("echo.test", 9000)]
    assert [host.partition("%")[0] for host in hosts] == ["fe80::2", "2001:db8::7"]


@pytest.mark.parametrize("address", ["169.254.0.1", "fec0::1", "2001:db8::7"])
async def test_other_addresses_need_no_zone(address: str) -> None:
    assert await resolve(address, 9000) == [(address, 9000)]


async def test_the_reason_of_a_failed_look_up_is_not_the_name_of_the_call() -> None:
    with pytest.raises(SocketCallError) as caught:
        await resolve("no such host", 9000)
    assert str(caught.value).count("getaddrinfo") == 1


async def test_if_python_gives_no_reason_of_a_failed_look_up_the_system_does() -> None:
    class Resolver(trio.abc.HostnameResolver):
        async def getaddrinfo(self, *_: Any) -> Any:
            raise socket.gaierror(errno.EACCES, "getaddrinfo failed")  # as on Windows

        async def getnameinfo(self, *_: Any) -> Any:
            raise AssertionError

    trio.socket.set_custom_hostname_resolver(Resolver())
    with pytest.raises(SocketCallError) as caught:
        await resolve("name.example", 9000)
    assert (caught.value.errno, caught.value.strerror) == (errno.EACCES, "Permission denied")
