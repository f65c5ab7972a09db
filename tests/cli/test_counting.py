"""What a cable did, in words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from trio_echo import lan
from trio_echo.cli.counting import counted

if TYPE_CHECKING:
    from trio_echo.lan.ports import PacketPort


def network(cable: lan.Cable, *overruns: int) -> lan.Network:
    ports = [cast("PacketPort", SimpleNamespace(overruns=one)) for one in overruns]
    return lan.Network({}, dict.fromkeys(cable.ends, cable), ports)


def test_a_cable_that_nothing_crossed() -> None:
    assert counted(network(lan.Cable("a", "b"))) == "to b: 0 frames; to a: 0 frames"


def test_what_became_of_frames_is_said_for_each_direction() -> None:
    cable = lan.Cable("a", "b", rate=1, queue=1)
    cable.toward("a").change(loss=1)
    for end in cable.ends:
        for now in range(1500):
            cable.toward(end).take(bytes(60), now)
    assert counted(network(cable)) == (
        "to b: 1,500 frames, 1,498 dropped by a full queue; "
        "to a: 1,500 frames, 2 lost, 1,498 dropped by a full queue"
    )


def test_frames_that_the_cable_could_not_take_are_said() -> None:
    assert counted(network(lan.Cable("a", "b"), 1, 2)) == (
        "to b: 0 frames; to a: 0 frames; 3 more were dropped: too many for the cable, or too long"
    )
