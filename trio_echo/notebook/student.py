"""A notebook as a student gets it: nothing in it answers a prediction before it is made."""

from __future__ import annotations

import json

_FOLDED = "hide-input"
"""The tag of a cell whose code is folded. The site's myst-nb reads it too."""


def prepared(data: bytes) -> bytes:
    """Remove the outputs of a notebook file, and fold its long cells.

    JupyterLab sees nothing to change when it opens the result with a kernel of this Python, so it
    does not mark it as changed.

    Args:
        data: what the file contains. If that is not a notebook, it is returned as it is.
    """
    # Only here: importing it takes half a second, and a command line's help does not need it.
    from ipykernel.ipkernel import IPythonKernel

    try:
        notebook = json.loads(data)
    except ValueError:
        return data
    if not isinstance(notebook, dict) or "nbformat" not in notebook:
        return data
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell.update(outputs=[], execution_count=None)
        if _FOLDED in cell["metadata"].get("tags", []):
            cell["metadata"]["jupyter"] = {"source_hidden": True}
    # JupyterLab writes what the kernel says of itself, its version too.
    notebook["metadata"]["language_info"] = IPythonKernel.language_info
    # In the form that Jupyter saves.
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
