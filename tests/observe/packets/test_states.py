"""The TCP states, compared with the sequences in RFC 9293."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from wire import ACK, CLIENT, CLIENT6, FIN, PSH, RST, SERVER, SYN, Script

from trio_echo.observe.packets.states import initial, moments

if TYPE_CHECKING:
    from trio_echo.observe.packets.trace import Trace

HANDSHAKE = ["CLOSE", "SYN_SENT", "ESTABLISHED"], ["LISTEN", "SYN_RECV", "ESTABLISHED"]


def states(trace: Trace) -> tuple[list[str], list[str]]:
    """Return the states of the client and of the server, each once."""
    found = initial(trace)
    seen = {end: [state] for end, state in found.items()}
    for one in moments(trace):
        seen[one.at].append(one.state)
    client, server = (
        [key for key, _ in groupby(seen[end])] for end in (trace.client, trace.server)
    )
    return client, server


def test_the_handshake() -> None:  # RFC 9293, figure 6
    assert states(Script().handshake().echo(b"hi").trace()) == HANDSHAKE


def test_the_client_closes_first() -> None:  # figure 12
    script = Script().handshake().say(CLIENT, FIN | ACK).say(SERVER, ACK)
    client, server = states(script.say(SERVER, FIN | ACK).say(CLIENT, ACK).trace())
    assert client == [*HANDSHAKE[0], "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"]
    assert server == [*HANDSHAKE[1], "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


def test_a_fin_that_acknowledges_the_other_fin() -> None:
    client, server = states(Script().handshake().close().trace())
    assert client == [*HANDSHAKE[0], "FIN_WAIT1", "TIME_WAIT"]
    assert server == [*HANDSHAKE[1], "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


def test_the_server_closes_first_after_its_last_data() -> None:
    script = Script().handshake().say(SERVER, FIN | PSH | ACK, b"bye").say(CLIENT, ACK)
    client, server = states(script.say(CLIENT, FIN | ACK).say(SERVER, ACK).trace())
    assert server == [*HANDSHAKE[1], "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT"]
    assert client == [*HANDSHAKE[0], "CLOSE_WAIT", "LAST_ACK", "CLOSE"]


def test_both_close_at_once() -> None:  # figure 13
    script = Script().handshake().say(CLIENT, FIN | ACK).say(SERVER, FIN | ACK, unseen=1)
    client, server = states(script.say(CLIENT, ACK).say(SERVER, ACK).trace())
    assert client == [*HANDSHAKE[0], "FIN_WAIT1", "CLOSING", "TIME_WAIT"]
    assert server == [*HANDSHAKE[1], "FIN_WAIT1", "CLOSING", "TIME_WAIT"]


def test_segments_that_cross_arrive_after_the_other_one_left() -> None:
    script = Script().handshake().say(CLIENT, PSH | ACK, b"abc").say(CLIENT, PSH | ACK, b"de")
    trace = script.say(SERVER, PSH | ACK, b"x", unseen=5).say(SERVER, ACK).trace()
    order = [(one.segment, one.arrives) for one in moments(trace) if one.segment > 2]
    leave, arrive = False, True
    assert order == [
        (3, leave),
        (4, leave),
        (5, leave),
        (3, arrive),
        (4, arrive),
        (5, arrive),
        (6, leave),
        (6, arrive),
    ]


def test_a_refused_client() -> None:
    script = Script().say(CLIENT, SYN).say(SERVER, RST | ACK)
    assert states(script.trace()) == (["CLOSE", "SYN_SENT", "CLOSE"], ["CLOSE"])


def test_a_reset_ends_both() -> None:
    for flags in (RST, RST | ACK):
        client, server = states(Script().handshake().say(SERVER, flags).trace())
        assert (client[-1], server[-1]) == ("CLOSE", "CLOSE")


def test_both_open_at_once() -> None:  # figure 7
    script = Script().say(CLIENT, SYN).say(SERVER, SYN)
    client, _ = states(script.say(CLIENT, SYN | ACK).trace())
    assert client == ["CLOSE", "SYN_SENT", "SYN_RECV"]


def test_a_connection_with_itself_has_one_end() -> None:
    script = Script(CLIENT6, CLIENT6).say(CLIENT6, SYN).say(CLIENT6, SYN | ACK)
    assert set(initial(script.trace())) == {CLIENT6}
    assert moments(script.trace())
