"""The picture of the lecture's calls."""

from __future__ import annotations

from layout import texts

from trio_echo.pictures import calls


def test_both_programs_have_the_lectures_calls_in_order() -> None:
    picture = calls()
    shown = texts(picture)
    server = shown[shown.index("server") : shown.index("client")]
    client = shown[shown.index("client") :]
    assert [one for one in server if one in LECTURE] == [
        *("socket()", "bind()", "listen()", "accept()"),
        *("recv()", "send()", "recv()", "closesocket()"),
    ]
    assert [one for one in client if one in LECTURE] == [
        *("socket()", "connect()", "send()", "recvn()", "closesocket()"),
    ]
    assert {"inner loop:\na message", "outer loop:\na client", "loop:\na line"} <= set(shown)
    assert "server: socket(), bind(), listen(), accept()" in picture.description


LECTURE = {
    *("socket()", "bind()", "listen()", "accept()", "connect()"),
    *("send()", "recv()", "recvn()", "closesocket()"),
}
