"""The reference leaves nothing out."""

from __future__ import annotations

import importlib
import inspect
import re

import click
from pages import PAGES, ROOT, blocks

import trio_echo
from trio_echo import events, lan, pictures
from trio_echo.cli import cli


def test_the_library_page_has_every_public_name() -> None:
    values = {name: getattr(trio_echo, name) for name in trio_echo.__all__}
    elsewhere = {
        name
        for name, value in values.items()
        if inspect.ismodule(value) or inspect.getmodule(value) is events
    }
    named = re.findall(r"^\.\. auto\w+:: (\w+)$", PAGES["reference/library"], re.MULTILINE)
    assert set(named) == set(values) - elsewhere


def test_the_page_on_observing_names_what_there_is() -> None:
    named = {}
    for block in PAGES["reference/observe"].split(".. currentmodule:: ")[1:]:
        module = importlib.import_module(block.split("\n", 1)[0])
        named[module] = set(re.findall(r"^   (\w+)$", block, re.MULTILINE))
        assert named[module] <= set(vars(module))
    assert named[pictures] == set(pictures.__all__) - {"Picture"}


def test_the_page_on_hosts_has_every_public_name() -> None:
    page = PAGES["reference/lan"]
    named = re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE)
    matches = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|[^|]*", page, re.MULTILINE)))
    assert sorted(named + matches) == sorted(lan.__all__)


def test_every_option_of_serve_is_explained() -> None:
    command = cli.get_command(click.Context(cli), "serve")
    assert command is not None
    options = {name for option in command.params for name in option.opts if name.startswith("--")}
    assert options <= set(re.findall(r"`(--[a-z-]+)", PAGES["how-to/serve"]))


def test_the_tree_of_the_design_has_every_module_and_room() -> None:
    tree = blocks(PAGES["explanation/design"], "text")[-1].partition("notebooks/")[0]
    drawn = set(re.findall(r"^  (\w+(?:\.py|/)) ", tree, re.MULTILINE))
    package = ROOT / "trio_echo"
    modules = {file.name for file in package.glob("[!_]*.py")}
    rooms = {f"{file.parent.name}/" for file in package.glob("*/__init__.py")}
    assert drawn == modules | rooms
