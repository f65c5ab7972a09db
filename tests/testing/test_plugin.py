"""The plugin in other suites; docs/how-to/pytest.md has one of each kind, and is tested too."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

pytest_plugins = ["pytester"]

ALONE = ("-p", "pytest_trio_echo", "-p", "no:cacheprovider")


@pytest.fixture(autouse=True)
def _other_plugins_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_loading_it_imports_nothing_of_trio_echo_or_trio() -> None:
    (point,) = [one for one in entry_points(group="pytest11") if one.name == "trio_echo"]
    code = f"import {point.value}, sys; sys.exit('trio' in sys.modules or 'ssl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.slow
def test_trio_is_imported_by_the_first_test_that_uses_a_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import socket
        import sys

        def test_nothing_is_imported():
            assert not {"trio", "trio_echo"} & {*sys.modules}

        def test_it_echoes(echo_server):
            with socket.create_connection(echo_server.addresses[0]) as sock:
                sock.sendall(b"x")
                assert sock.recv(1) == b"x"
    """)
    pytester.runpytest_subprocess(*ALONE, "-W", "error").assert_outcomes(passed=2)


@pytest.mark.slow
def test_a_failing_test_shows_its_own_line_and_what_came(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import socket
        from trio_echo.events import ClientConnected, DataReceived

        def test_it_sends(echo_server):
            sock = socket.create_connection(echo_server.ipv4 or echo_server.ipv6)
            echo_server.events.wait_for(ClientConnected)
            try:
                echo_server.events.wait_for(DataReceived, timeout=0.01)
            finally:
                sock.close()
    """)
    result = pytester.runpytest_subprocess(*ALONE, "-W", "error")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*wait_for(DataReceived, timeout=0.01)",
            "E*TimeoutError: no DataReceived within 0.01 s; there were: * Listening, 1 Client*",
        ]
    )
    assert "event_list.py" not in result.stdout.str()


@pytest.mark.slow
def test_where_a_fixture_is_impossible_the_test_is_skipped_with_the_reason(
    pytester: pytest.Pytester,
) -> None:
    pytester.makeconftest("""
        import pytest

        @pytest.fixture(autouse=True)
        def nothing_works(monkeypatch):
            import pytest_trio_echo
            from trio_echo import lan

            monkeypatch.setattr(lan, "why_not", lambda: "[unshare()] Operation not permitted")
            monkeypatch.setattr(pytest_trio_echo, "find_spec", lambda name: None)
    """)
    pytester.makepyfile("""
        def test_cable(echo_server_wired): pass
        def test_tls(echo_server_tls): pass
    """)
    result = pytester.runpytest_subprocess(*ALONE, "-rs")
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines_random(
        ["*Operation not permitted", '*TLS needs trustme: python -m pip install "trio-echo?tls?"']
    )
