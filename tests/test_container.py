"""The image of the Containerfile, if Podman or Docker can build and run one here."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import PATIENCE, exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
CONTAINERFILE = (ROOT / "Containerfile").read_text("utf-8")


def test_the_image_gets_every_file_that_the_build_needs() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    wheel = re.findall(r'"([\w.]+)"', re.findall(r"only-include = \[(.*)\]", project)[0])
    assert kept == {"pyproject.toml", "README.md", "LICENSE", *wheel}


def run(*command: str, seconds: float = PATIENCE) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def builder() -> str:
    for name in filter(shutil.which, ("podman", "docker")):
        if not subprocess.run([name, "info"], capture_output=True, check=False).returncode:
            break
    else:
        pytest.skip("neither Podman nor Docker runs here")
    version = re.findall("ARG PYTHON=(.*)", CONTAINERFILE)[0]
    for image in set(re.findall("FROM (\\S+)", CONTAINERFILE)):
        pulled = subprocess.run(
            [name, "pull", image.replace("${PYTHON}", version)],
            capture_output=True,
            text=True,
            check=False,
        )
        if pulled.returncode:
            pytest.skip(f"the base image cannot be fetched: {pulled.stderr.strip()}")
    return name


@pytest.fixture
def container(builder: str) -> Iterator[str]:
    options = ("--format", "docker") if builder == "podman" else ()
    run(builder, "build", *options, "-f", "Containerfile", "-t", "trio_echo-test", ".", seconds=280)
    name = run(
        builder, "run", "--detach", "-p", "127.0.0.1::9000", "trio_echo-test", "serve", "--any"
    )
    try:
        yield name
    finally:
        run(builder, "rm", "--force", name)


@pytest.mark.slow
def test_the_image_serves_as_nobody_is_healthy_and_stops_in_order(
    builder: str, container: str
) -> None:
    assert run(builder, "exec", container, "id", "-un") == "nobody"
    host, port = run(builder, "port", container, "9000/tcp").split("\n")[0].rsplit(":", 1)
    while "listening" not in run(builder, "logs", container):
        pass
    exchange((host, int(port)), b"hello\n")
    check = re.findall(r"CMD (echo .*)", CONTAINERFILE)[0]
    assert "[received data] healthy" in run(builder, "exec", container, "sh", "-c", check)
    run(builder, "stop", container)
    assert "2 clients served" in run(builder, "logs", container)
    assert run(builder, "inspect", "--format", "{{.State.ExitCode}}", container) == "0"
