"""Experiments on hosts of their own: live if hosts can be made here, else recorded.

    async def without_the_first_syn(net):
        net.cable.rules.append(lan.drop(lan.syn, first=1))
        began = trio.current_time()
        await net["client"].open_tcp_stream("server", 9000)
        return trio.current_time() - began

    seen = await lan.experiment(
        without_the_first_syn, "client", "server", recording="recordings/lost-syn.json"
    )
    print(seen.result, seen.source)
    pictures.ladder(seen.trace())

Recordings are made by the same code: see `RECORD`.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from trio_echo.observe.packets import Trace, Traffic
from trio_echo.screen.text import safe
from trio_echo.writing import whole

from .errors import LanError
from .hosts import hosts
from .keeper import why_not
from .recordings import Crossed, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from trio_echo.observe.packets import Passage

    from .hosts import Network

ResultT = TypeVar("ResultT")

RECORD = "TRIO_ECHO_RECORD"
"""If this environment variable is set, live experiments write their recordings."""


@dataclass(frozen=True, slots=True)
class Observation(Generic[ResultT]):
    """What an experiment returned, and what crossed the cables.

    Attributes:
        result: what it returned.
        cables: by its name, the ends of each cable and what crossed it.
        recording: the name of the file that it was loaded from; `None` if it was live.
    """

    result: ResultT
    cables: Crossed
    recording: str | None = None

    @property
    def source(self) -> str:
        """`live`, or `recorded` with the name of the file."""
        return "live" if self.recording is None else f"recorded: {self.recording}"

    def passages(self, cable: str | None = None) -> Sequence[Passage]:
        """Return what crossed a cable.

        Args:
            cable: the host that it leads to; not needed if there is one cable.

        Raises:
            LanError: there are several cables, or no such one.
        """
        return self._cable(cable)[1]

    def trace(self, port: int | None = None, *, cable: str | None = None) -> Trace:
        """Return the first TCP connection that crossed a cable.

        Args:
            port: of its client or server; by default any.
            cable: as for `passages`.

        Raises:
            CaptureError: no connection begins in it.
            LanError: as for `passages`.
        """
        _, passages = self._cable(cable)
        return Trace.from_passages(passages, port=port, recording=self.recording)

    def traffic(self, cable: str | None = None) -> Traffic:
        """Return everything that crossed a cable, with ARP, neighbour discovery and ICMP.

        Args:
            cable: as for `passages`.

        Raises:
            LanError: as for `passages`.
        """
        ends, passages = self._cable(cable)
        return Traffic.from_passages(passages, ends=ends, recording=self.recording)

    def _cable(self, name: str | None) -> tuple[tuple[str, ...], Sequence[Passage]]:
        if name is None and len(self.cables) == 1:
            (only,) = self.cables.values()
            return only
        if name is None or name not in self.cables:
            raise LanError(f"name one of the cables: {', '.join(map(repr, self.cables))}")
        return self.cables[name]


async def experiment(
    talk: Callable[[Network], Awaitable[ResultT]],
    *names: str,
    recording: str | Path,
    **options: Any,
) -> Observation[ResultT]:
    """Run an experiment on hosts of its own: live if hosts can be made here, else recorded.

    Args:
        talk: gets the network, and returns what it measured. It does not run if hosts cannot
            be made: then the recording has what it returned.
        names: of the hosts.
        recording: a file, loaded if hosts cannot be made here. With `TRIO_ECHO_RECORD` set, it is
            written instead.
        options: those of `hosts`.

    Raises:
        LanError: hosts cannot be made like this; or the recording is needed and is not one.
        OSError: the recording is needed and cannot be read, or cannot be written.
        TypeError: the recording cannot hold what the experiment returned.
    """
    if _why_not() is not None:
        return _load(Path(recording))
    async with hosts(*names, **options) as net:
        result = await talk(net)
        # The cable of two hosts has both names.
        named = {id(one): (name, one) for name, one in net.cables.items()}
        cables = {name: (one.ends, one.passages) for name, one in named.values()}
    if RECORD in os.environ:
        with whole(recording) as file:
            file.write(pack(result, cables))
    return Observation(result, cables)


# It takes some 0.2 s, and does not change.
_why_not = functools.cache(why_not)


def _load(path: Path) -> Observation[Any]:
    name = safe(path.name)
    try:
        result, cables = unpack(path.read_bytes())
    except ValueError as exc:
        raise LanError(f"{name}: {exc}") from exc
    return Observation(result, cables, name)
