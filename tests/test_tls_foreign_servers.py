"""The client and the load against TLS servers of others: OpenSSL, socat, ncat, stunnel and Node."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import papers
import psutil
import pytest
import trio
from support import PATIENCE

from trio_echo import Endpoint, connect
from trio_echo.client_tls import client_context
from trio_echo.errors import TlsError
from trio_echo.measure.load.connections.tls import Tls
from trio_echo.measure.load.round import run_round
from trio_echo.measure.load.workload import Workload
from trio_echo.tls_problems import TlsProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the foreign peers are Unix programs"),
]

_NODE = """
const fs = require("fs"), tls = require("tls"), [cert, key] = process.argv.slice(1)
    .map((path) => fs.readFileSync(path))
tls.createServer({cert, key}, (socket) => {
  socket.on("error", () => {})
  socket.pipe(socket)
}).listen(0, "127.0.0.1")
"""
_STUNNEL = """exec stunnel -fd 3 3<<END
foreground = quiet
[echo]
accept = 127.0.0.1:0
cert = {cert}
key = {key}
exec = /bin/cat
END
"""
ECHOES = {
    "socat": ["socat", "OPENSSL-LISTEN:0,bind=127.0.0.1,cert={cert},key={key},verify=0",
              "EXEC:cat"],
    "ncat": ["ncat", "-k", "-l", "127.0.0.1", "0", "--ssl", "--ssl-cert", "{cert}",
             "--ssl-key", "{key}", "--exec", "/bin/cat"],
    "node": ["node", "-e", _NODE, "{cert}", "{key}"],
    "stunnel": ["sh", "-c", _STUNNEL],
}  # fmt: skip
# It sends each line back in reverse.
OPENSSL = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", "{cert}", "-key", "{key}"]
OPENSSL.append("-rev")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> papers.Files:
    return papers.written(tmp_path_factory.mktemp("papers"))


@contextmanager
def serving(name: str, words: list[str], files: papers.Files) -> Iterator[Endpoint]:
    """Run a foreign server, which takes a free port."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    for field, path in files._asdict().items():
        words = [one.replace(f"{{{field}}}", path) for one in words]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + PATIENCE
            while not (ports := _listening(server.pid)):
                assert server.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            yield Endpoint("127.0.0.1", ports[0])
        finally:
            # Some start a process for each client.
            for one in psutil.Process(server.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    one.kill()
            server.kill()


def _listening(pid: int) -> list[int]:
    found = psutil.Process(pid).net_connections("tcp")
    return [one.laddr.port for one in found if one.status == psutil.CONN_LISTEN]


@pytest.mark.parametrize("name", ECHOES)
async def test_a_foreign_server_echoes_every_byte(name: str, files: papers.Files) -> None:
    # ncat sends and receives in turns: what cat's pipes have no room for stops both.
    message = os.urandom(50_000 if name == "ncat" else 1 << 20)
    with serving(name, ECHOES[name], files) as target, trio.fail_after(PATIENCE):
        async with await connect(*target, ssl_context=client_context(ca=files.ca)) as client:
            assert await client.echo(b"hello") == b"hello"
            assert await client.echo(message) == message


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
async def test_openssl_echoes_what_is_the_same_in_reverse(
    version: str, files: papers.Files
) -> None:
    with serving("openssl", [*OPENSSL, version], files) as target, trio.fail_after(PATIENCE):
        async with await connect(*target, ssl_context=client_context(ca=files.ca)) as client:
            assert await client.echo(b"racecar\n") == b"racecar\n"


async def test_openssl_wants_a_certificate(files: papers.Files) -> None:
    wants = ["-Verify", "1", "-verify_return_error", "-CAfile", "{ca}", "-tls1_3"]
    with serving("openssl", OPENSSL + wants, files) as target, trio.fail_after(PATIENCE):
        dial = partial(connect, *target)
        async with await dial(ssl_context=client_context(ca=files.ca)) as client:
            with pytest.raises(TlsError) as failure:
                await client.echo(b"racecar\n")
        assert failure.value.problem is TlsProblem.CERTIFICATE_WANTED
        identified = client_context(ca=files.ca, cert=files.cert, key=files.key)
        async with await dial(ssl_context=identified) as client:
            assert await client.echo(b"racecar\n") == b"racecar\n"


@pytest.mark.parametrize("name", ["ncat", "node"])
async def test_the_load_measures_a_foreign_server(name: str, files: papers.Files) -> None:
    load = Workload(connections=5, size=20_000, messages=200, pipeline=3, verify=True)
    with serving(name, ECHOES[name], files) as target, trio.fail_after(PATIENCE):
        samples = await run_round(target, load, tls=Tls(ca=files.ca))
    assert (len(samples.received), samples.failures) == (200, {})
