"""Foreign clients of TLS against the real server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import trustme
from support import PATIENCE, Process, ipv6

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
}
# What the project leaves to others in Mozilla's "intermediate" configuration: the certificate is the
# test's, and Python cannot choose the curves (both of these are sound).
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


def run(words: list[str], address: Endpoint, authority: Path, data: bytes) -> bytes:
    if shutil.which(words[0]) is None:
        pytest.skip(f"{words[0]} is not here")
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
    data = bytes(range(256)) * 4096
    for address in process.endpoints():
        assert run(PEERS[peer], address, authority, data) == data
    assert process.stop() == 0
    assert process.out.text.count("client closed") == 2


@pytest.mark.parametrize(
    ("version", "script", "said"),
    [
        ("-tls1_3", [b"K\n", b"hello\n", b"k\n", b"again\n"], ["hello", "again"]),  # new keys
        ("-tls1_2", [b"hello\n", b"R\n"], ["hello"]),  # renegotiation
    ],
)
def test_keys_can_be_changed_but_not_negotiated_again(
    server: tuple[Process, Path], version: str, script: list[bytes], said: list[str]
) -> None:
    process, authority = server
    (address, _) = process.endpoints()
    command = ["openssl", "s_client", version, "-connect", str(address), "-CAfile", str(authority)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as client:
        try:
            assert client.stdin is not None
            process.out.expect("client connected")
            for line in script:
                client.stdin.write(line)
                client.stdin.flush()
                if line.strip().decode() in said:
                    process.out.expect(line.strip().decode())
            if version == "-tls1_2":
                process.out.expect(r"\[recv\(\)\] the peer refused to go on")
            else:
                client.stdin.write(b"Q\n")
                client.stdin.flush()
            process.out.expect("client closed")
        finally:
            client.kill()
    assert process.stop() == 0


def test_sslyze_finds_nothing_weak(server: tuple[Process, Path]) -> None:
    process, authority = server
    (address, _) = process.endpoints()
    words = ["sslyze", "--mozilla_config=intermediate", "--certinfo_ca_file={ca}", "{host}:{port}"]
    report = run(words, address, authority, b"").decode()
    assert "COMPLIANCE AGAINST TLS CONFIGURATION" in report
    found = set(re.findall(r"^ +\* (\w+): ", report.partition("COMPLIANCE")[2], re.MULTILINE))
    assert found <= _LEFT_TO_OTHERS
    assert "VULNERABLE" not in report
    assert process.stop() == 0
