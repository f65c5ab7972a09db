"""Rules: which frames they are about, how often they act, and what they do."""

from __future__ import annotations

import operator
from collections.abc import Callable, KeysView
from typing import Any

import pytest
from wire import ACK, CLIENT, CLIENT6, FIN, PSH, RST, SERVER, SERVER6, SYN, frame

from trio_echo import lan
from trio_echo.lan.matching import Candidate
from trio_echo.observe.packets.passage import Fate

MS = 1_000_000
SECOND = 1000 * MS


def segment(flags: int, payload: bytes = b"", sequence: int = 1) -> bytes:
    return frame(CLIENT, SERVER, flags, sequence, payload=payload).data  # type: ignore[arg-type]


def ethernet(kind: int, data: bytes) -> bytes:
    return bytes(12) + kind.to_bytes(2, "big") + data


DATA = segment(PSH | ACK, b"hello")
FRAMES = {
    "syn": segment(SYN),
    "syn_ack": segment(SYN | ACK),
    "ack": segment(ACK),
    "data": DATA,
    "data with fin": segment(FIN | PSH | ACK, b"bye"),
    "fin": segment(FIN | ACK),
    "rst": segment(RST),
    "data over IPv6": frame(CLIENT6, SERVER6, PSH | ACK, 1, payload=b"hello").data,
    "arp": ethernet(0x0806, bytes(28)),
    "ping": ethernet(0x0800, bytes([0x45, 0, 0, 28, *bytes(5), 1, *bytes(18)])),
    "neighbour": ethernet(0x86DD, bytes([0x60, 0, 0, 0, 0, 24, 58, *bytes(57)])),
    "listener report": ethernet(0x86DD, bytes([0x60, 0, 0, 0, 0, 32, *bytes(34), 58, *bytes(31)])),
    "udp": ethernet(0x0800, bytes([0x45, 0, 0, 28, *bytes(5), 17, *bytes(18)])),
    "cut short": b"",
}
ALL_TCP = {"syn", "syn_ack", "ack", "data", "data with fin", "fin", "rst", "data over IPv6"}
IPV6 = {"data over IPv6", "neighbour", "listener report"}


@pytest.mark.parametrize(
    ("match", "names"),
    [
        (lan.syn, {"syn"}),
        (lan.syn_ack, {"syn_ack"}),
        (lan.ack, {"ack"}),
        (lan.data, {"data", "data with fin", "data over IPv6"}),
        (lan.fin, {"fin", "data with fin"}),
        (lan.rst, {"rst"}),
        (lan.tcp, ALL_TCP),
        (lan.arp, {"arp"}),
        (lan.icmp, {"ping", "neighbour", "listener report"}),
        (lan.ipv4, FRAMES.keys() - IPV6 - {"arp", "cut short"}),
        (lan.ipv6, IPV6),
        (lan.data & lan.ipv6, {"data over IPv6"}),
        (lan.data & (lambda one: one.payload == b"bye"), {"data with fin"}),
        (lan.syn | lan.arp, {"syn", "arp"}),
        (~(lan.ipv4 | lan.ipv6), {"arp", "cut short"}),
    ],
    ids=lambda one: ", ".join(sorted(one)) if isinstance(one, set | KeysView) else str(one),
)
def test_what_matches(match: lan.Match, names: set[str]) -> None:
    assert {name for name, data in FRAMES.items() if match(Candidate(data, "client"))} == names


def fates(cable: lan.Cable, frames: list[tuple[int, str, bytes]]) -> list[Fate]:
    for time, source, data in frames:
        target = next(end for end in cable.ends if end != source)
        cable.toward(target).take(data, time)
    return [one.fate for one in cable.passages]


def dropped(*rules: lan.Rule, times: tuple[int, ...] = tuple(range(5))) -> list[int]:
    """Return which of five data segments from the client are lost; a SYN comes before each."""
    cable = lan.Cable("client", "server")
    cable.rules += rules
    for time in times:
        cable.toward("server").take(FRAMES["syn"], time)
        cable.toward("server").take(DATA, time)
    data = [one for one in cable.passages if one.data == DATA]
    return [number for number, one in enumerate(data, 1) if one.lost]


def test_how_often_a_rule_acts() -> None:
    assert dropped(lan.drop(lan.data)) == [1, 2, 3, 4, 5]
    assert dropped(lan.drop(lan.data, first=2)) == [1, 2]
    assert dropped(lan.drop(lan.data, nth=3)) == [3]
    assert dropped(lan.drop(lan.data, source="client", nth=3)) == [3]
    assert dropped(lan.drop(lan.data, source="server", nth=3)) == []


def test_seconds_run_from_the_first_frame_that_matches() -> None:
    times = (1000 * MS, 1100 * MS, 1200 * MS, 1201 * MS, 1300 * MS)
    assert dropped(lan.drop(lan.data, seconds=0.2), times=times) == [1, 2, 3]


def test_every_rule_counts_all_frames() -> None:
    rules = [lan.drop(lan.data, nth=2), lan.drop(lan.data, nth=3)]
    assert dropped(*rules) == [2, 3]
    assert [(one.matched, one.acted) for one in rules] == [(5, 1), (5, 1)]
    assert repr(rules[1]) == "<Rule data, nth=3: 1 of 5>"


def test_rules_can_be_added_and_removed_while_the_cable_runs() -> None:
    cable = lan.Cable("client", "server")
    direction = cable.toward("server")
    direction.take(DATA, 0)
    cable.rules.append(lan.drop(lan.data))
    direction.take(DATA, 1)
    cable.rules.clear()
    direction.take(DATA, 2)
    cable.rules = [lan.drop(lan.data)]
    direction.take(DATA, 3)
    assert [one.lost for one in cable.passages] == [False, True, False, True]


def test_a_rule_for_an_end_that_the_cable_does_not_have_is_refused() -> None:
    cable = lan.Cable("client", "server")
    cable.rules = kept = [lan.drop(lan.data, source="server"), lan.drop(lan.data)]
    wrong = lan.drop(lan.data, source="sever")

    def extend_in_place() -> None:
        cable.rules += [wrong]

    ways: list[Callable[[], object]] = [
        lambda: cable.rules.append(wrong),
        lambda: cable.rules.insert(0, wrong),
        lambda: cable.rules.extend([lan.drop(lan.syn), wrong]),
        lambda: operator.setitem(cable.rules, 0, wrong),
        lambda: setattr(cable, "rules", [wrong]),
        extend_in_place,
    ]
    for way in ways:
        with pytest.raises(lan.SettingError, match="has no end 'sever': its ends are client and"):
            way()
    assert cable.rules == kept


def test_a_delayed_frame_is_overtaken() -> None:
    cable = lan.Cable("client", "server", delay=0.001)
    cable.rules.append(lan.delay(lan.data, by=0.5, first=1))
    direction = cable.toward("server")
    direction.take(DATA, 0)
    direction.take(FRAMES["ack"], 5)
    assert direction.due(MS + 5) == [FRAMES["ack"]]
    assert direction.next_due == 501 * MS
    assert direction.due(501 * MS) == [DATA]
    assert [one.fate for one in cable.passages] == [Fate.REORDERED, Fate.CARRIED]


def test_a_frame_can_be_held_until_several_have_overtaken_it() -> None:
    cable = lan.Cable("client", "server")
    cable.rules.append(lan.reorder(lan.data, behind=3, first=1))
    direction = cable.toward("server")
    for number in range(4):
        direction.take(segment(PSH | ACK, bytes([number])), number)
    assert [one[-1] for one in direction.due(3)] == [1, 2, 3, 0]
    assert cable.passages[0].fate is Fate.REORDERED


def test_a_delayed_frame_does_not_overtake() -> None:
    cable = lan.Cable("client", "server")
    cable.rules += [lan.reorder(lan.data), lan.delay(lan.fin, by=0.001)]
    direction = cable.toward("server")
    for one in (DATA, FRAMES["fin"], FRAMES["ack"]):
        direction.take(one, 0)
    assert direction.due(0) == [FRAMES["ack"], DATA]


def test_a_frame_can_be_sent_several_times() -> None:
    cable = lan.Cable("client", "server")
    cable.rules.append(lan.duplicate(lan.data, copies=3))
    cable.toward("server").take(DATA, 5)
    assert cable.toward("server").due(5) == [DATA] * 3
    (passage,) = cable.passages
    assert (passage.fate, passage.arrivals) == (Fate.DUPLICATED, (5, 5, 5))


def test_a_frame_can_be_corrupted() -> None:
    cable = lan.Cable("client", "server")
    cable.rules.append(lan.corrupt(lan.data, first=1))
    assert fates(cable, [(0, "client", DATA), (0, "client", DATA)]) == [
        Fate.CORRUPTED,
        Fate.CARRIED,
    ]
    assert cable.passages[0].received != DATA


def test_a_frame_suffers_from_several_rules() -> None:
    cable = lan.Cable("client", "server")
    cable.rules += [lan.duplicate(lan.data), lan.corrupt(lan.data), lan.delay(lan.data, by=1.0)]
    cable.toward("server").take(DATA, 0)
    (passage,) = cable.passages
    assert passage.arrivals == (SECOND, SECOND)
    assert passage.fate is Fate.CORRUPTED


def test_a_rule_does_not_see_what_never_reaches_the_wire() -> None:
    cable = lan.Cable("client", "server", rate=8, queue=0)
    rule = lan.drop(lan.data)
    cable.rules.append(rule)
    assert fates(cable, [(0, "client", DATA), (0, "client", DATA)]) == [
        Fate.LOST,
        Fate.QUEUE_FULL,
    ]
    cable.cut()
    cable.toward("server").take(DATA, 1)
    assert rule.matched == 1


def test_the_function_of_a_rule_may_remove_its_rule() -> None:
    cable = lan.Cable("client", "server")

    def forget(_: object) -> bool:
        del cable.rules[0]
        return False

    last = lan.drop(lan.data)
    cable.rules += [lan.drop(forget), last]
    cable.toward("server").take(DATA, 0)
    assert (cable.rules, last.acted) == ([last], 1)


def test_the_function_of_a_rule_may_cut_the_cable() -> None:
    cable = lan.Cable("client", "server")

    def cut(_: object) -> bool:
        cable.cut()
        return True

    cable.rules.append(lan.delay(cut, by=1.0))
    assert fates(cable, [(0, "client", DATA)]) == [Fate.CUT]
    assert cable.toward("server").due(2 * SECOND) == []


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: lan.drop(lan.syn, first=0), "first must be at least 1"),
        (lambda: lan.drop(lan.syn, nth=0), "nth must be at least 1"),
        (lambda: lan.drop(lan.syn, seconds=-1), "seconds must be 0 or more"),
        (lambda: lan.drop(lan.syn, first=1, nth=1), "a rule takes one of first, nth and seconds"),
        (lambda: lan.delay(lan.syn, by=0), "by must be more than 0 seconds, not 0"),
        (lambda: lan.duplicate(lan.syn, copies=1), "copies must be at least 2, not 1"),
        (lambda: lan.reorder(lan.syn, behind=0), "behind must be at least 1 frame, not 0"),
    ],
)
def test_a_rule_with_a_wrong_number_is_refused(make: Any, message: str) -> None:
    with pytest.raises(lan.SettingError) as failure:
        make()
    assert str(failure.value) == message


def test_a_rule_takes_no_unknown_argument() -> None:
    with pytest.raises(TypeError, match="a rule has no argument 'every'"):
        lan.drop(lan.syn, every=2)  # type: ignore[call-arg]
