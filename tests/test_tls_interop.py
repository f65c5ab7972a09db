"""Foreign clients of TLS against the real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme
from support import PATIENCE, Lines, Process, ipv6

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from trio_echo import Endpoint

pytestmark = [
    pytest.mark.slow,
    ipv6,
    pytest.mark.skipif(sys.platform == "win32", reason="the foreign peers are Unix programs"),
]

# Words of a command, for an IPv4 and an IPv6 address. Each sends its standard input.
_NODE = """
const socket = require("tls").connect({port}, "{host}", {{ca: require("fs").readFileSync("{ca}"),
  servername: "localhost"}}, () => process.stdin.pipe(socket));
socket.pipe(process.stdout);
"""
# It reads its settings from another descriptor than the data.
_STUNNEL = """exec stunnel -fd 3 3<<END
client = yes
foreground = quiet
connect = {host}:{port}
CAfile = {ca}
verifyChain = yes
checkHost = localhost
sni = localhost
END
"""
PEERS = {
    "socat": [
        "socat",
        "-t",
        "60",
        "-",
        "OPENSSL:{bracketed}:{port},cafile={ca},commonname=localhost",
    ],
    "ncat": ["ncat", "--ssl", "--ssl-verify", "--ssl-trustfile", "{ca}", "localhost", "{port}"],
    "node": ["node", "-e", _NODE],
    "stunnel": ["sh", "-c", _STUNNEL],
}
# Of Mozilla's "intermediate" configuration. The certificate is the test's, and Python cannot choose
# the curves, which are sound.
_LEFT_TO_OTHERS = {"certificate_path_validation", "maximum_certificate_lifespan", "tls_curves"}


@pytest.fixture(params=[[], ["--portable"]], ids=["reactor", "portable"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Process, Path]]:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost", "127.0.0.1", "::1")
    names = [tmp_path / name for name in ("cert.pem", "key.pem", "ca.pem")]
    certificate.cert_chain_pems[0].write_to_path(str(names[0]))
    certificate.private_key_pem.write_to_path(str(names[1]))
    authority.cert_pem.write_to_path(str(names[2]))
    options = ["--port", "0", "--tls-cert", str(names[0]), "--tls-key", str(names[1])]
    with Process("serve", *options, *request.param) as process:
        yield process, names[2]


def skip_without(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here")


def run(words: list[str], address: Endpoint, authority: Path, data: bytes) -> bytes:
    bracketed = f"[{address.host}]" if ":" in address.host else address.host
    found = {"bracketed": bracketed, "host": address.host, "port": address.port, "ca": authority}
    command = [word.format(**found) for word in words]
    done = subprocess.run(
        command, input=data, stdout=subprocess.PIPE, timeout=PATIENCE, check=False
    )
    return done.stdout


@pytest.mark.parametrize("peer", PEERS)
def test_what_a_foreign_client_sends_comes_back(server: tuple[Process, Path], peer: str) -> None:
    process, authority = server
    skip_without(peer)
    data = b"".join(b"line %d\n" % number for number in range(50_000))
    for address in process.endpoints():
        assert run(PEERS[peer], address, authority, data) == data
        process.out.expect("client closed")
    assert process.stop() == 0
    assert f"2 clients served, {2 * len(data)} bytes echoed" in process.out.text


def test_keys_can_be_changed_but_not_negotiated_again(server: tuple[Process, Path]) -> None:
    process, authority = server
    (address, _) = process.endpoints()

    def talk(version: str, *script: tuple[str, str]) -> None:
        """Type lines into `openssl s_client`, and wait for what it or the server says."""
        words = ["openssl", "s_client", version, "-connect", str(address), "-CAfile"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [*words, str(authority)], stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe
        ) as client:
            try:
                said = Lines(client.stderr)
                assert client.stdin is not None
                for line, answer in script:
                    client.stdin.write(line.encode() + b"\n")
                    client.stdin.flush()
                    (said if answer.isupper() else process.out).expect(answer)
            finally:
                client.kill()
            said.finish()

    talk("-tls1_3", ("K", "KEYUPDATE"), ("hello", "hello"), ("k", "KEYUPDATE"), ("again", "again"))
    talk("-tls1_2", ("hello", "hello"), ("R", r"\[recv\(\)\] the peer refused to go on"))
    assert process.stop() == 0


def test_sslyze_finds_nothing_weak(server: tuple[Process, Path]) -> None:
    process, authority = server
    (address, _) = process.endpoints()
    skip_without("sslyze")
    words = ["sslyze", "--mozilla_config=intermediate", "--certinfo_ca_file={ca}", "{host}:{port}"]
    report = run(words, address, authority, b"").decode()
    assert "COMPLIANCE AGAINST TLS CONFIGURATION" in report
    found = set(re.findall(r"^ +\* (\w+): ", report.partition("COMPLIANCE")[2], re.MULTILINE))
    assert found <= _LEFT_TO_OTHERS
    assert "VULNERABLE" not in report
    assert process.stop() == 0
