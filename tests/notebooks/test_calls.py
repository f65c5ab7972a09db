"""Each socket call has one table, in the notebook that the list in notebook 01 names."""

from __future__ import annotations

import re
from collections import defaultdict

import execute

_PROSE = {
    path.name: "\n".join(
        cell.source for cell in execute.read(path).cells if cell.cell_type == "markdown"
    )
    for path in execute.committed()
}


def tables() -> dict[str, list[str]]:
    """The notebooks that have a call's table, by call."""
    found = defaultdict(list)
    for name, prose in _PROSE.items():
        for call in re.findall(r"^\| `([\w.]+\(\))` \| \|$", prose, re.MULTILINE):
            found[call].append(name)
    return found


def test_no_call_has_two_tables() -> None:
    assert {call: names for call, names in tables().items() if len(names) > 1} == {}


def test_notebook_01_lists_where_each_table_is() -> None:
    found = tables()
    (listed,) = [prose for name, prose in _PROSE.items() if name.startswith("01_")]
    rows = re.findall(r"^\| (`\w+\(\)`.*) \| .* \| \[\d\d\]\((\S+)\) \|$", listed, re.MULTILINE)
    calls = {call: name for cell, name in rows for call in re.findall(r"`(\w+\(\))`", cell)}
    assert len(calls) > 10
    del calls["sendall()"]  # a row of send()
    assert {call: found.get(call) for call in calls} == {
        call: [name] for call, name in calls.items()
    }
