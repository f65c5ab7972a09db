from __future__ import annotations

import errno
import importlib.util
import socket
import sys
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import text_of

from trio_echo import Endpoint, IncompleteReceiveError, SocketCallError
from trio_echo.errors import TlsError, WorkerError, ZoneMissingError
from trio_echo.events import (
    AcceptFailed,
    CertificatesKept,
    CertificatesReloaded,
    ClientClosed,
    ClientClosedOnPurpose,
    ClientConnected,
    ClientFailed,
    ClientIdle,
    ClientResetOnPurpose,
    ClientsRefused,
    ClientsWaiting,
    Connection,
    DataReceived,
    DataSent,
    Draining,
    EchoReceived,
    FamilyMissing,
    HandshakeFailed,
    LinesMissing,
    Listening,
    Refusal,
    Stopped,
    WorkerDied,
    WorkerReplaced,
)
from trio_echo.screen.language import translations
from trio_echo.screen.rows import Terminal
from trio_echo.screen.session import SessionTranscript
from trio_echo.tls_problems import TlsProblem

if TYPE_CHECKING:
    from trio_echo.events import ClientEvent, ServerEvent
    from trio_echo.screen.transcript import Transcript

SERVER = Endpoint("127.0.0.1", 9000)
CLIENT = Connection(1, SERVER, Endpoint("127.0.0.1", 51188))
CLIENTS = [
    CLIENT,
    Connection(2, SERVER, Endpoint("127.0.0.1", 5118)),
    Connection(3, Endpoint("::1", 9000), Endpoint("::1", 51188)),
    Connection(4, Endpoint("fe80::1%eth0", 9000), Endpoint("fe80::2%eth0", 1)),
]
PREFIX = "[TCP/127.0.0.1:51188] "
CONTINUED = PREFIX.rstrip() + "+"
NO_MEMORY = OSError(errno.ENOMEM, "no memory")
NO_ADDRESS = OSError(errno.EADDRNOTAVAIL, "no such address")
RESET = SocketCallError("recv()", ConnectionResetError(errno.ECONNRESET, "reset"))
TIMED_OUT = SocketCallError("recv()", TimeoutError(errno.ETIMEDOUT, "timed out"))
NO_ROUTE = SocketCallError("recv()", OSError(errno.EHOSTUNREACH, "no route"))
CLOSED = "[TCP server] client closed: IP address=127.0.0.1, port=51188\n"

ENCODINGS = ["utf-8", "cp949", "utf-16-le", "iso2022_kr", "ascii", "latin-1"]


def make(
    language: str = "en", encoding: str = "utf-8", terminal: Terminal | None = None
) -> SessionTranscript:
    return SessionTranscript(translations(language), encoding, terminal)


def show(transcript: Transcript, *events: ServerEvent | ClientEvent) -> str:
    shown = ["".join(transcript.lines(event)) for event in events]
    assert all(one == "" or one.endswith("\n") for one in shown)
    return "".join(shown)


def received(*pieces: bytes, connection: Connection = CLIENT) -> list[DataReceived]:
    return [DataReceived(connection, piece) for piece in pieces]


@pytest.mark.parametrize(
    ("event", "english", "korean"),
    [
        (
            Listening(SERVER),
            "[TCP server] listening: IP address=127.0.0.1, port=9000\n",
            "[TCP 서버] 접속 대기: IP 주소=127.0.0.1, 포트 번호=9000\n",
        ),
        (
            Listening(Endpoint("fe80::1%eth0", 9000)),
            "[TCP server] listening: IP address=fe80::1%eth0, port=9000\n",
            "[TCP 서버] 접속 대기: IP 주소=fe80::1%eth0, 포트 번호=9000\n",
        ),
        (
            FamilyMissing(SocketCallError("bind()", NO_ADDRESS, "[::1]:9000")),
            "[bind()] Cannot assign requested address: [::1]:9000 "
            "(skipped; serving the other addresses)\n",
            "[bind()] 요청한 주소를 할당할 수 없습니다: [::1]:9000 "
            "(제외하고 다른 주소로 서비스합니다)\n",
        ),
        (
            FamilyMissing(SocketCallError("bind()", NO_ADDRESS, "127.0.0.1:9000")),
            "[bind()] Cannot assign requested address: 127.0.0.1:9000 "
            "(skipped; serving the other addresses)\n",
            "[bind()] 요청한 주소를 할당할 수 없습니다: 127.0.0.1:9000 "
            "(제외하고 다른 주소로 서비스합니다)\n",
        ),
        (
            AcceptFailed(SocketCallError("accept()", OSError(errno.EMFILE, "too many"))),
            "[accept()] Too many open files\n",
            "[accept()] 열린 파일이 너무 많습니다\n",
        ),
        (
            CertificatesReloaded(),
            "[TCP server] certificate reloaded\n",
            "[TCP 서버] 인증서를 다시 읽었습니다.\n",
        ),
        (
            CertificatesKept(TlsError("load_cert_chain()", TlsProblem.KEY_MISMATCH, where="k.pem")),
            "[load_cert_chain()] the private key does not belong to the certificate: k.pem "
            "(the old certificate stays)\n",
            "[load_cert_chain()] 개인 키가 인증서와 맞지 않습니다: k.pem "
            "(이전 인증서를 계속 사용합니다)\n",
        ),
        (
            WorkerDied(2, cause=-15, clients=1, pause=0.1),
            "[TCP server] worker 2 died: SIGTERM; 1 client cut off; restarting in 0.1 s\n",
            "[TCP 서버] 작업 프로세스 2번 비정상 종료: SIGTERM, 클라이언트 1개 강제 종료, "
            "0.1초 뒤에 다시 시작합니다.\n",
        ),
        (
            WorkerDied(1, cause=3, clients=0, pause=None),
            "[TCP server] worker 1 died: exit status 3; 0 clients cut off\n",
            "[TCP 서버] 작업 프로세스 1번 비정상 종료: 종료 상태 3, 클라이언트 0개 강제 종료\n",
        ),
        (
            WorkerDied(1, SocketCallError("fork()", NO_MEMORY, "worker 1"), clients=0, pause=10),
            "[TCP server] worker 1 died: [fork()] no memory: worker 1; 0 clients cut off; "
            "restarting in 10 s\n",
            "[TCP 서버] 작업 프로세스 1번 비정상 종료: [fork()] no memory: worker 1, "
            "클라이언트 0개 강제 종료, 10초 뒤에 다시 시작합니다.\n",
        ),
        (
            WorkerDied(1, cause=None, clients=2, pause=0.1),
            "[TCP server] worker 1 died: no answer; 2 clients cut off; restarting in 0.1 s\n",
            "[TCP 서버] 작업 프로세스 1번 비정상 종료: 응답 없음, 클라이언트 2개 강제 종료, "
            "0.1초 뒤에 다시 시작합니다.\n",
        ),
        (
            WorkerReplaced(2),
            "[TCP server] worker 2 restarted\n",
            "[TCP 서버] 작업 프로세스 2번을 다시 시작했습니다.\n",
        ),
        (
            LinesMissing(2),
            "[TCP server] 2 lines not shown\n",
            "[TCP 서버] 2줄을 표시하지 못했습니다.\n",
        ),
        (
            LinesMissing(2, CLIENT),
            "[TCP server] 2 lines of 127.0.0.1:51188 not shown\n",
            "[TCP 서버] 127.0.0.1:51188의 2줄을 표시하지 못했습니다.\n",
        ),
        (
            ClientsWaiting(1),
            "[TCP server] limit of 1 client reached: further clients wait\n",
            "[TCP 서버] 최대 클라이언트 수(1개)에 도달했습니다. "
            "다음 클라이언트는 차례를 기다립니다.\n",
        ),
        (
            ClientsWaiting(2),
            "[TCP server] limit of 2 clients reached: further clients wait\n",
            "[TCP 서버] 최대 클라이언트 수(2개)에 도달했습니다. "
            "다음 클라이언트는 차례를 기다립니다.\n",
        ),
        (
            ClientsRefused(Refusal.NETWORK, 1, CLIENT.remote),
            "[TCP server] 1 client refused: IP address=127.0.0.1, port=51188 "
            "(its address is not allowed)\n",
            "[TCP 서버] 클라이언트 1개 거부, 마지막: IP 주소=127.0.0.1, 포트 번호=51188 "
            "(허용되지 않은 주소)\n",
        ),
        (
            ClientsRefused(Refusal.TOO_MANY, 2, CLIENT.remote),
            "[TCP server] 2 clients refused, the last one: IP address=127.0.0.1, port=51188 "
            "(too many clients of its address)\n",
            "[TCP 서버] 클라이언트 2개 거부, 마지막: IP 주소=127.0.0.1, 포트 번호=51188 "
            "(같은 주소의 클라이언트가 너무 많음)\n",
        ),
        (
            Stopped(1, 5, 0, refused=2),
            "[TCP server] stopped: 1 client served, 5 bytes echoed, 2 clients refused\n",
            "[TCP 서버] 종료: 클라이언트 1개 처리, 5바이트 되돌려 보냄, 클라이언트 2개 거부\n",
        ),
        (
            Stopped(1, 5, 0, failed_handshakes=1),
            "[TCP server] stopped: 1 client served, 5 bytes echoed, 1 handshake failed\n",
            "[TCP 서버] 종료: 클라이언트 1개 처리, 5바이트 되돌려 보냄, 핸드셰이크 1번 실패\n",
        ),
        (
            HandshakeFailed(
                CLIENT, TlsError("do_handshake()", TlsProblem.NOT_TLS, where="127.0.0.1:51188")
            ),
            "[do_handshake()] the peer does not speak TLS: 127.0.0.1:51188\n",
            "[do_handshake()] 상대방이 TLS로 통신하지 않습니다: 127.0.0.1:51188\n",
        ),
        (
            ClientConnected(CLIENT),
            "\n[TCP server] client connected: IP address=127.0.0.1, port=51188\n",
            "\n[TCP 서버] 클라이언트 접속: IP 주소=127.0.0.1, 포트 번호=51188\n",
        ),
        (
            DataReceived(CLIENT, b"hello\n"),
            "[TCP/127.0.0.1:51188] hello\n",
            "[TCP/127.0.0.1:51188] hello\n",
        ),
        (
            DataReceived(CLIENTS[2], b"hello\n"),
            "[TCP/[::1]:51188] hello\n",
            "[TCP/[::1]:51188] hello\n",
        ),
        (
            ClientFailed(CLIENT, TIMED_OUT),
            "[recv()] Connection timed out (the client no longer answers)\n",
            "[recv()] 연결 시간이 초과되었습니다 (클라이언트가 더 이상 응답하지 않습니다)\n",
        ),
        (
            ClientFailed(CLIENT, NO_ROUTE),
            "[recv()] No route to host (the client no longer answers)\n",
            "[recv()] 호스트로 가는 경로가 없습니다 (클라이언트가 더 이상 응답하지 않습니다)\n",
        ),
        (
            ClientFailed(CLIENT, RESET),
            "[recv()] Connection reset by peer\n",
            "[recv()] 현재 연결은 원격 호스트에 의해 강제로 끊겼습니다.\n",
        ),
        (
            ClientIdle(CLIENT, 30.0),
            "[TCP server] client idle for 30 s\n",
            "[TCP 서버] 30초 동안 주고받은 데이터가 없습니다.\n",
        ),
        (
            ClientResetOnPurpose(CLIENT, 1),
            "[TCP server] reset on purpose after 1 byte\n",
            "[TCP 서버] 1바이트를 되돌려 보낸 뒤 일부러 연결을 강제로 끊었습니다.\n",
        ),
        (
            ClientResetOnPurpose(CLIENT, 3),
            "[TCP server] reset on purpose after 3 bytes\n",
            "[TCP 서버] 3바이트를 되돌려 보낸 뒤 일부러 연결을 강제로 끊었습니다.\n",
        ),
        (
            ClientClosedOnPurpose(CLIENT, 1),
            "[TCP server] closed on purpose after 1 byte\n",
            "[TCP 서버] 1바이트를 되돌려 보낸 뒤 일부러 연결을 닫았습니다.\n",
        ),
        (
            ClientClosedOnPurpose(CLIENT, 3),
            "[TCP server] closed on purpose after 3 bytes\n",
            "[TCP 서버] 3바이트를 되돌려 보낸 뒤 일부러 연결을 닫았습니다.\n",
        ),
        (
            ClientClosed(CLIENT, 5),
            CLOSED,
            "[TCP 서버] 클라이언트 종료: IP 주소=127.0.0.1, 포트 번호=51188\n",
        ),
        (
            Draining(1, 0.5),
            "[TCP server] stopping: 1 client has 0.5 s to finish\n",
            "[TCP 서버] 종료 중: 클라이언트 1개가 끝날 때까지 최대 0.5초 동안 기다립니다.\n",
        ),
        (
            Draining(2, 5.0),
            "[TCP server] stopping: 2 clients have 5 s to finish\n",
            "[TCP 서버] 종료 중: 클라이언트 2개가 끝날 때까지 최대 5초 동안 기다립니다.\n",
        ),
        (
            Stopped(1, 1, 1),
            "[TCP server] stopped: 1 client served, 1 byte echoed, 1 client cut off\n",
            "[TCP 서버] 종료: 클라이언트 1개 처리, 1바이트 되돌려 보냄, 클라이언트 1개 강제 종료\n",
        ),
        (
            Stopped(7, 18, 2),
            "[TCP server] stopped: 7 clients served, 18 bytes echoed, 2 clients cut off\n",
            "[TCP 서버] 종료: 클라이언트 7개 처리, 18바이트 되돌려 보냄, "
            "클라이언트 2개 강제 종료\n",
        ),
        (
            Stopped(0, 0, 0),
            "[TCP server] stopped: 0 clients served, 0 bytes echoed\n",
            "[TCP 서버] 종료: 클라이언트 0개 처리, 0바이트 되돌려 보냄\n",
        ),
        (
            DataSent(18),
            "[TCP client] 18 bytes sent.\n",
            "[TCP 클라이언트] 18바이트를 보냈습니다.\n",
        ),
        (DataSent(1), "[TCP client] 1 byte sent.\n", "[TCP 클라이언트] 1바이트를 보냈습니다.\n"),
        (
            EchoReceived(b"hello"),
            "[TCP client] 5 bytes received.\n[received data] hello\n",
            "[TCP 클라이언트] 5바이트를 받았습니다.\n[받은 데이터] hello\n",
        ),
        (
            EchoReceived(b"!"),
            "[TCP client] 1 byte received.\n[received data] !\n",
            "[TCP 클라이언트] 1바이트를 받았습니다.\n[받은 데이터] !\n",
        ),
    ],
    ids=str,
)
def test_every_event_is_written_in_both_languages(
    event: ServerEvent | ClientEvent, english: str, korean: str
) -> None:
    assert show(make("en"), event) == english
    assert show(make("ko"), event) == korean


def test_what_any_means_is_said_in_both_languages() -> None:
    assert make("en").open_to_all() == (
        "[TCP server] anyone who reaches this machine can connect; --allow NETWORK limits that"
    )
    assert make("ko").open_to_all().startswith("[TCP 서버] 이 컴퓨터와 통신할 수 있으면 누구나")


def test_an_unknown_event_is_ignored() -> None:
    assert show(make(), cast("ServerEvent", object())) == ""


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        (
            "en",
            [
                "[data to send] ",
                "[recv()] connection closed by the server",
                "[recv()] timed out after 3 of 18 bytes",
                "[recv()] interrupted after 3 of 18 bytes",
                "[TCP client] the echo differs at byte 2: sent 0x62, received 0x00",
                "[TCP server] 1 line not shown\n",
                "[TCP server] 2 lines not shown\n",
                "[TCP server] metrics: http://[::1]:9100/metrics",
            ],
        ),
        (
            "ko",
            [
                "[보낼 데이터] ",
                "[recv()] 서버가 연결을 종료했습니다.",
                "[recv()] 18바이트 중 3바이트를 받고 시간이 초과되었습니다.",
                "[recv()] 18바이트 중 3바이트를 받고 중단되었습니다.",
                "[TCP 클라이언트] 받은 데이터가 2번째 바이트에서 보낸 데이터와 다릅니다: "
                "보냄 0x62, 받음 0x00",
                "[TCP 서버] 1줄을 표시하지 못했습니다.\n",
                "[TCP 서버] 2줄을 표시하지 못했습니다.\n",
                "[TCP 서버] 측정값: http://[::1]:9100/metrics",
            ],
        ),
    ],
)
def test_the_texts_that_are_not_events_are_written_in_both_languages(
    language: str, texts: list[str]
) -> None:
    transcript = make(language)
    assert [
        transcript.prompt,
        transcript.closed_by_server(),
        transcript.timed_out(3, 18),
        transcript.interrupted(3, 18),
        transcript.differs(b"abc", b"a\0c"),
        transcript.dropped(1),
        transcript.dropped(2),
        transcript.metrics_at("http://[::1]:9100/metrics"),
    ] == texts


@pytest.mark.parametrize(
    ("text", "encoding", "message"),
    [
        ("abc 가", "ascii", "[encode()] ascii cannot encode 가 (U+AC00)"),
        ("\udcff", "utf-8", r"[encode()] utf-8 cannot encode \xff (U+DCFF)"),
    ],
)
def test_the_character_missing_from_an_encoding_is_named(
    text: str, encoding: str, message: str
) -> None:
    with pytest.raises(UnicodeEncodeError) as caught:
        text.encode(encoding)
    assert make().cannot_express(caught.value) == message


@pytest.mark.parametrize(
    ("error", "english", "korean"),
    [
        (
            SocketCallError("bind()", OSError(errno.EADDRINUSE, "in use"), "127.0.0.1:9000"),
            "[bind()] Address already in use: 127.0.0.1:9000",
            "[bind()] 주소가 이미 사용 중입니다: 127.0.0.1:9000",
        ),
        (
            SocketCallError("connect()", OSError(-12345, "out of \x1b luck"), "a\nb:1"),
            r"[connect()] out of \x1b luck: a\nb:1",
            r"[connect()] out of \x1b luck: a\nb:1",
        ),
        (SocketCallError("send()", OSError()), "[send()] ", "[send()] "),
        (
            SocketCallError("getaddrinfo()", socket.gaierror(socket.EAI_NONAME, "?"), "nowhere"),
            "[getaddrinfo()] No such host is known: nowhere",
            "[getaddrinfo()] 알려진 호스트가 없습니다: nowhere",
        ),
        (
            # A failed look-up has numbers of its own: they are not the system's error numbers.
            SocketCallError("getaddrinfo()", socket.gaierror(errno.EPIPE, "odd"), "nowhere"),
            "[getaddrinfo()] odd: nowhere",
            "[getaddrinfo()] odd: nowhere",
        ),
        (
            IncompleteReceiveError(18, b"abc"),
            "[recv()] connection closed after 3 of 18 bytes",
            "[recv()] 18바이트 중 3바이트를 받고 연결이 종료되었습니다.",
        ),
        (
            WorkerError(2, -15),
            "[TCP server] worker 2 did not start: SIGTERM",
            "[TCP 서버] 작업 프로세스 2번을 시작하지 못했습니다: SIGTERM",
        ),
        (
            ZoneMissingError("fe80::1", "fe80::1%\x1b"),
            r"[getaddrinfo()] a link-local address needs a zone, such as fe80::1%\x1b: fe80::1",
            r"[getaddrinfo()] 링크 로컬 주소에는 fe80::1%\x1b처럼 영역(인터페이스)이 필요합니다: "
            "fe80::1",
        ),
        (
            KeyError("a\u202eb"),
            r"internal error: KeyError('a\u202eb')",
            r"내부 오류: KeyError('a\u202eb')",
        ),
    ],
    ids=[
        "socket call",
        "unknown number",
        "no words",
        "look-up",
        "number",
        "short",
        "worker",
        "zone",
        "bug",
    ],
)
def test_an_error_is_described_in_one_line(error: Exception, english: str, korean: str) -> None:
    assert make("en").describe(error) == english
    assert make("ko").describe(error) == korean


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "Permission denied"),
        (errno.EADDRINUSE, "Address already in use"),
        (errno.EADDRNOTAVAIL, "Cannot assign requested address"),
        (errno.EAFNOSUPPORT, "Address family not supported by protocol"),
        (errno.ECONNABORTED, "Software caused connection abort"),
        (errno.ECONNREFUSED, "Connection refused"),
        (errno.ECONNRESET, "Connection reset by peer"),
        (errno.EHOSTUNREACH, "No route to host"),
        (errno.EMFILE, "Too many open files"),
        (errno.ENETUNREACH, "Network is unreachable"),
        (errno.ENFILE, "Too many open files in system"),
        (errno.ENOBUFS, "No buffer space available"),
        (errno.ENOTDIR, "Not a directory"),
        (errno.EPIPE, "Broken pipe"),
        (errno.ETIMEDOUT, "Connection timed out"),
    ],
)
def test_an_error_number_has_the_same_words_on_every_system(number: int, words: str) -> None:
    error = SocketCallError("connect()", OSError(number, "other words"))
    assert make("en").describe(error) == f"[connect()] {words}"
    assert make("ko").describe(error) not in (f"[connect()] {words}", "[connect()] other words")


NO_ADDRESS_OF_FAMILY = "The host has no address of that family"


@pytest.mark.parametrize(
    ("number", "words"),
    {
        socket.EAI_AGAIN: "Temporary failure in name resolution",
        socket.EAI_FAMILY: NO_ADDRESS_OF_FAMILY,
        getattr(socket, "EAI_ADDRFAMILY", socket.EAI_FAMILY): NO_ADDRESS_OF_FAMILY,
        socket.EAI_NODATA: NO_ADDRESS_OF_FAMILY,
        socket.EAI_NONAME: "No such host is known",  # on Windows also EAI_NODATA
        **({11004: NO_ADDRESS_OF_FAMILY} if sys.platform == "win32" else {}),  # WSANO_DATA
    }.items(),
)
def test_a_failed_look_up_has_the_same_words_on_every_system(number: int, words: str) -> None:
    error = SocketCallError("getaddrinfo()", socket.gaierror(number, "other words"), "a.test")
    assert make("en").describe(error) == f"[getaddrinfo()] {words}: a.test"


def test_the_module_loads_on_a_system_without_some_error_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(socket, "EAI_ADDRFAMILY", raising=False)
    spec = importlib.util.find_spec("trio_echo.screen.transcript")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    error = SocketCallError("getaddrinfo()", socket.gaierror(socket.EAI_AGAIN, "?"))
    shown = module.Transcript(translations("en"), "utf-8").describe(error)
    assert shown == "[getaddrinfo()] Temporary failure in name resolution"


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ([], ""),
        ([ClientFailed(CLIENT, RESET)], "[recv()] Connection reset by peer\n"),
        ([ClientIdle(CLIENT, 1.0)], "[TCP server] client idle for 1 s\n"),
        ([ClientResetOnPurpose(CLIENT, 2)], "[TCP server] reset on purpose after 2 bytes\n"),
        (
            [ClientClosedOnPurpose(CLIENT, 2)],
            "[TCP server] closed on purpose after 2 bytes\n",
        ),
    ],
    ids=["closed", "failed", "idle", "reset", "closed on purpose"],
)
@pytest.mark.parametrize(("left", "shown"), [(b"\xea\xb0", r"\xea\xb0"), (b"\r", r"\r")])
def test_half_a_character_is_shown_before_the_client_is_reported_closed(
    end: list[ServerEvent], line: str, left: bytes, shown: str
) -> None:
    transcript = make()
    assert show(transcript, *received(left)) == ""
    ending = show(transcript, *end, ClientClosed(CLIENT, 2))
    assert ending == f"{PREFIX}{shown}\n{line}{CLOSED}"


def test_an_unfinished_line_is_not_ended_twice() -> None:
    assert show(make(), *received(b"one"), ClientClosed(CLIENT, 3)) == f"{PREFIX}one\n{CLOSED}"


@pytest.mark.parametrize(
    "event",
    [LinesMissing(1), LinesMissing(1, CLIENT), WorkerDied(1, cause=-15, clients=1, pause=None)],
)
def test_after_missing_lines_every_client_starts_a_new_line(event: ServerEvent) -> None:
    transcript = make()
    show(transcript, *received(b"one\xea"), event)
    assert show(transcript, *received(b"\ntwo\n")) == f"{PREFIX}\n{PREFIX}two\n"


def test_missing_lines_of_one_client_do_not_change_the_others() -> None:
    other = Connection(2, SERVER, Endpoint("127.0.0.1", 51189))
    transcript = make()
    show(transcript, *received(b"one\xea"), LinesMissing(1, other))
    assert show(transcript, *received(b"\xb0\x80\n")) == f"{PREFIX}가\n"


def test_an_echo_is_one_line_whatever_it_contains() -> None:
    shown = show(make(), EchoReceived(b"a\nb\x1b\xff\r"))
    assert shown == "[TCP client] 6 bytes received.\n" + r"[received data] a\nb\x1b\xff\r" + "\n"


def test_no_row_of_a_terminal_begins_with_the_servers_text() -> None:
    transcript = make("ko", terminal=Terminal(lambda: 40))
    _, *rows = show(transcript, EchoReceived("가[recv()] ".encode() * 9)).splitlines()
    assert len(rows) == 4
    assert rows[0].startswith("[받은 데이터] 가[recv()] ")
    assert all(row.startswith("[받은 데이터]+") for row in rows[1:])
    assert all(len(row) + sum(not one.isascii() for one in row) < 40 for row in rows)


def test_an_echo_is_decoded_with_the_chosen_encoding() -> None:
    shown = show(make(encoding="cp949"), EchoReceived("가".encode("cp949")))
    assert shown == "[TCP client] 2 bytes received.\n[received data] 가\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
@settings(max_examples=40)
@given(data=st.data())
def test_every_line_of_a_client_begins_with_its_own_prefix_whatever_others_send(
    encoding: str, data: st.DataObject
) -> None:
    sent_by = st.tuples(st.sampled_from(CLIENTS), text_of(encoding, hostile=True))
    pieces = data.draw(st.lists(sent_by))
    transcript = make(encoding=encoding)
    together = dict.fromkeys(CLIENTS, "")
    for client, sent in pieces:
        shown = show(transcript, *received(sent, connection=client))
        # Only the last newline is removed; every other one separates two lines.
        lines = shown.removesuffix("\n").split("\n") if shown else []
        assert all(line.startswith(f"[TCP/{client.remote}] ") for line in lines)
        together[client] += shown
    for client, shown in together.items():
        own = [sent for one, sent in pieces if one == client]
        alone = show(make(encoding=encoding), *received(*own, connection=client))
        assert shown == alone


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "[TCP server] self-signed certificate; a client that trusts it: connect --tls"),
        ("ko", "[TCP 서버] 자체 서명 인증서입니다. 이 인증서를 신뢰하는 클라이언트: connect --tls"),
    ],
)
def test_a_self_signed_certificate_comes_with_a_command(language: str, line: str) -> None:
    assert make(language).self_signed("connect --tls") == line
