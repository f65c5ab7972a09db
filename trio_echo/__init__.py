"""A TCP echo service on Trio: a server, a client and an exact receive, on IPv4 and IPv6."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .public import *  # noqa: F403
    from .public import __all__ as __all__
else:
    # The names are imported when the first of them is looked up. That imports Trio, which takes a
    # while, and the command line imports this module before it can prepare for Ctrl-C.

    def __getattr__(name):
        public = import_module(".public", __name__)
        if name == "__all__" or name in public.__all__:
            return getattr(public, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return sorted({*globals(), *import_module(".public", __name__).__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Run every cell in Trio from now on: `%load_ext trio_echo`."""
    from .notebook import jupyter

    jupyter.load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Run cells as before: `%unload_ext trio_echo`."""
    from .notebook import jupyter

    jupyter.unload(shell)
