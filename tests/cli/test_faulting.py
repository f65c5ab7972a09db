"""The options of faults: one for each attribute, in a group of the help."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from trio_echo import Faults
from trio_echo.cli.faulting import CommandWithFaults, fault_options

if TYPE_CHECKING:
    from support import CommandLine


@click.command(cls=CommandWithFaults)
@click.option("--port", type=int)
@fault_options
def command(*, port: int, faults: Faults) -> tuple[int, Faults]:
    return port, faults


def run(*words: str) -> object:
    return command.main(words, standalone_mode=False)


def test_each_option_sets_the_attribute_of_its_name() -> None:
    words = {
        "fragment": "2",
        "delay": "inf",
        "jitter": "0.5",
        "rate": "2.5",
        "corrupt": "3",
        "reset_after": "0",
        "close_after": "4",
        "lifetime": "60",
        "slow_close": "5",
        "only_first": "6",
        "only_share": "0.25",
        "seed": "-7",
    }
    assert {*words, "black_hole"} == {field.name for field in fields(Faults)}
    options = [word for name, value in words.items() for word in (option(name), value)]
    expected = Faults(
        fragment=2,
        delay=math.inf,
        jitter=0.5,
        rate=2.5,
        corrupt=3,
        black_hole=True,
        reset_after=0,
        close_after=4,
        lifetime=60,
        slow_close=5,
        only_first=6,
        only_share=0.25,
        seed=-7,
    )
    assert run("--port", "9", "--black-hole", *options) == (9, expected)


def test_without_options_there_are_no_faults() -> None:
    assert run("--port", "9") == (9, Faults())


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def test_the_help_has_the_faults_in_a_group_of_their_own(command_line: CommandLine) -> None:
    _, out, _ = command_line("serve", "--help")
    others, faults = out.split("\nFaults, to test a client:\n")
    assert "\nOptions:\n  --host H" in others
    for field in fields(Faults):
        assert f"\n  {option(field.name)} " in f"\n{faults}"
        assert option(field.name) not in others
