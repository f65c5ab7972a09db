"""What the package imports, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import trio_echo
from trio_echo.cli import cli

PACKAGE = Path(trio_echo.__file__).parent


def loaded_by(statement: str) -> set[str]:
    code = f"{statement}; import sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(run.stdout.split())


def loaded_by_commands(*names: str) -> set[str]:
    return loaded_by(f"from trio_echo.cli import cli; [cli.commands[name] for name in {names}]")


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {"IPython", "asyncio", "matplotlib", "numpy", "pandas", "readline", "rich", "scipy"}
    heavy |= {"pyroute2", "trio_echo.lan"}
    by_trio = loaded_by("import trio")  # on Windows asyncio, for its pipes
    assert not (loaded_by_commands(*cli.commands) - by_trio) & heavy


def test_a_command_imports_nothing_of_the_others() -> None:
    of_bench = {"msgspec", "trio_echo.cli.bench", "trio_echo.measure.load"}
    assert loaded_by_commands("bench") > of_bench
    assert not loaded_by_commands("serve", "connect", "sockets") & of_bench


def test_the_library_does_not_import_the_command_line() -> None:
    assert not loaded_by("import trio_echo.public") & {"click", "trio_echo.cli", "trio_echo.screen"}


def test_the_root_imports_nothing_before_a_name_is_looked_up() -> None:
    assert not loaded_by("import trio_echo.__main__") & {"click", "trio", "trio_echo.public"}
    assert loaded_by("from trio_echo import serve") > {"trio", "trio_echo.public"}


def test_what_the_root_does_not_offer_is_an_error() -> None:
    with pytest.raises(AttributeError, match="module 'trio_echo' has no attribute 'serv'"):
        trio_echo.serv  # type: ignore[attr-defined]  # noqa: B018


def test_the_root_offers_what_a_user_types() -> None:
    names = """
        serve connect EchoClient BackgroundServer ExactReceiver receive_exactly
        IncompleteReceiveError Faults FaultSwitch FaultyStream Limits Relay Endpoint SocketCallError
        AddressError TlsError TlsProblem events
    """
    assert sorted(trio_echo.__all__) == sorted(names.split())
    assert set(dir(trio_echo)) > {*trio_echo.__all__, "load_ipython_extension"}


def test_every_public_name_is_there_and_documented() -> None:
    for name in trio_echo.__all__:
        assert getattr(trio_echo, name).__doc__
    assert (PACKAGE / "py.typed").exists()
