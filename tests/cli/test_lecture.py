"""The lecture's transcripts of labs 4-1 and 4-2, character for character."""

from __future__ import annotations

import socket
import subprocess

import pytest
from support import Process, reset

SERVER_4_1 = """
[TCP 서버] 클라이언트 접속: IP 주소={host}, 포트 번호={port}
[TCP/{endpoint}] 한국산업기술대학교
[TCP/{endpoint}] 게임공학과
[recv()] 현재 연결은 원격 호스트에 의해 강제로 끊겼습니다.
[TCP 서버] 클라이언트 종료: IP 주소={host}, 포트 번호={port}
"""

CLIENT_4_1 = """
[보낼 데이터] 한국산업기술대학교
[TCP 클라이언트] 18바이트를 보냈습니다.
[TCP 클라이언트] 18바이트를 받았습니다.
[받은 데이터] 한국산업기술대학교

[보낼 데이터] 게임공학과
[TCP 클라이언트] 10바이트를 보냈습니다.
[TCP 클라이언트] 10바이트를 받았습니다.
[받은 데이터] 게임공학과

[보낼 데이터] """

SERVER_4_2 = """
[TCP 서버] 클라이언트 접속: IP 주소={host}, 포트 번호={port}
[TCP/{endpoint}] 안녕하세요
[TCP/{endpoint}] 한국산업기술대학교
[TCP/{endpoint}] 게임공학과
"""

CLIENT_4_2 = """
[보낼 데이터] 안녕하세요
[TCP 클라이언트] 10바이트를 보냈습니다.
[TCP 클라이언트] 10바이트를 받았습니다.
[받은 데이터] 안녕하세요

[보낼 데이터] 한국산업기술대학교
[TCP 클라이언트] 18바이트를 보냈습니다.
[TCP 클라이언트] 18바이트를 받았습니다.
[받은 데이터] 한국산업기술대학교

[보낼 데이터] 게임공학과
[TCP 클라이언트] 10바이트를 보냈습니다.
[TCP 클라이언트] 10바이트를 받았습니다.
[받은 데이터] 게임공학과

[보낼 데이터] """

LAB = ("--lang", "ko", "--encoding", "cp949")


def start_server(host: str) -> tuple[Process, int]:
    server = Process("serve", *LAB, "--host", host, "--port", "0")
    return server, int(server.out.expect(r"접속 대기: IP 주소=.*, 포트 번호=(\d+)")[1])


def filled_in(transcript: str, host: str, port: int) -> str:
    endpoint = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return transcript.format(host=host, port=port, endpoint=endpoint)


@pytest.mark.parametrize(
    ("lines", "client_transcript", "server_transcript"),
    [
        (["한국산업기술대학교", "게임공학과"], CLIENT_4_1, SERVER_4_1),
        (["안녕하세요", "한국산업기술대학교", "게임공학과"], CLIENT_4_2, SERVER_4_2),
    ],
    ids=["lab 4-1", "lab 4-2"],
)
def test_server_and_client_reproduce_the_lab(
    host: str, lines: list[str], client_transcript: str, server_transcript: str
) -> None:
    server, port = start_server(host)
    with (
        server,
        Process("connect", *LAB, host, str(port), stdin=subprocess.PIPE) as client,
    ):
        assert client.popen.stdin is not None
        for line in lines:
            client.popen.stdin.write(f"{line}\n".encode())
            client.popen.stdin.flush()
            client.out.expect("받은 데이터")
        theirs = int(server.out.expect(r"클라이언트 접속: IP 주소=.*, 포트 번호=(\d+)")[1])
        shown = filled_in(server_transcript.split("[recv()]")[0], host, theirs)
        server.out.expect(r"\] 게임공학과")
        assert "".join(server.out.seen[1:]) == shown
        client.popen.stdin.close()
        assert client.wait() == 0
        assert client.out.text == client_transcript + "\n"


def test_the_server_of_lab_4_1_reports_the_clients_reset(host: str) -> None:
    server, port = start_server(host)
    with server:
        # Windows does this when the user closes the client's window.
        sock = socket.create_connection((host, port))
        mine = sock.getsockname()[1]
        for text in ("한국산업기술대학교", "게임공학과"):
            sock.sendall(text.encode("cp949"))
            sock.recv(100)
        reset(sock)
        server.out.expect("클라이언트 종료")
        assert "".join(server.out.seen[1:]) == filled_in(SERVER_4_1, host, mine)
