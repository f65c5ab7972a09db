"""The option of `bench` for a load from many machines, and what it needs."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

Command = TypeVar("Command", bound="Callable[..., Any] | click.Command")

LOCAL = "local"


def cluster_option(command: Command) -> Command:
    """Add `--cluster`."""
    return click.option(
        "--cluster",
        metavar="SCHEDULER",
        help="Run a part of the load on each worker of a Dask cluster, by the address of its "
        f"scheduler: tcp://10.0.0.1:8786. With {LOCAL}, start a cluster on this machine.",
    )(command)


def check_cluster(cluster: str | None, *, serve: bool, wire: bool) -> str | None:
    """Say how to install what a cluster needs, if it is missing.

    Raises:
        click.UsageError: the options do not go together.
    """
    if cluster is None:
        return None
    if wire:
        raise click.UsageError("--wire has a host for the load: leave out --cluster")
    if serve and cluster != LOCAL:
        raise click.UsageError("--serve listens on loopback, which other machines cannot reach")
    if importlib.util.find_spec("distributed") is None:
        return 'a cluster needs Dask: python -m pip install "trio-echo[cluster]"'
    return None
