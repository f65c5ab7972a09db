"""Run a command on a host: `enter.py NAME USER,MNT,PID,NET COMMAND…`. `Host.run` starts it.

The numbers are open descriptors of the host's namespaces. A process enters a process namespace by
its children only. So this one stays outside, passes signals on to the command, and ends as it
ends. If standard input is the terminal, the command gets it, in a process group of its own, as
from a shell: some shells refuse to share one with a process outside.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

if sys.platform != "linux":
    raise ImportError("namespaces need Linux")

_NEWUTS = 0x04000000  # linux/sched.h
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# The statuses of a shell: the command was found but is not to be run; there is nothing to be run.
_NOT_ALLOWED, _NOT_RUN = 126, 127
_TERMINAL = 0
_PYTHONS_OWN = (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)

_libc = ctypes.CDLL(None, use_errno=True)


class _NotRunError(Exception):
    """The command cannot be run; says why in one line.

    Attributes:
        status: what to exit with.
    """

    def __init__(self, words: str, status: int = _NOT_RUN) -> None:
        super().__init__(words)
        self.status = status


@contextmanager
def _naming(call: str, where: object = "") -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        words = f"[{call}] {exc.strerror}{where and f': {where}'}"
        status = _NOT_ALLOWED if call == "exec()" and exc.errno != errno.ENOENT else _NOT_RUN
        raise _NotRunError(words, status) from exc


def _call(name: str, *arguments: int) -> None:
    with _naming(f"{name}()"):
        if getattr(_libc, name)(*arguments) == -1:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))


def _enter(name: str, namespaces: list[int]) -> None:
    """Enter the namespaces, except that of processes, which is for the next child."""
    with _naming("getcwd()"):
        folder = Path.cwd()
    for one in namespaces:
        os.set_inheritable(one, False)
        _call("setns", one, 0)
    _call("unshare", _NEWUTS)
    socket.sethostname(name)
    with _naming("chdir()", folder):
        os.chdir(folder)  # entering a mount namespace led to its root


def _run(command: list[str], mask: set[int | signal.Signals], *, foreground: bool) -> NoReturn:
    """Become the command."""
    _call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL)
    if foreground:
        os.setpgid(0, 0)
        _give_terminal(os.getpgrp())
    for one in _PYTHONS_OWN:
        signal.signal(one, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    with _naming("exec()", command[0] or "''"):
        if not command[0]:  # Python refuses it
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        os.execvp(command[0], command)  # noqa: S606  what the user asked for


def _wait(child: int, *, foreground: bool) -> int:
    """Pass signals on to a child until it ends; return its exit status, or minus the signal."""
    while True:
        received = signal.sigwaitinfo(signal.valid_signals())
        if received.si_signo == signal.SIGCHLD:
            pid, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
            if pid and os.WIFSTOPPED(status):
                if foreground:  # Ctrl-Z is for all that the terminal has started
                    _give_terminal(os.getpgrp())
                    os.killpg(0, signal.SIGTSTP)
            elif pid:
                return os.waitstatus_to_exitcode(status)
        elif foreground and received.si_signo == signal.SIGCONT:
            _give_terminal(child)
            os.killpg(child, signal.SIGCONT)
        elif received.si_code <= 0 and received.si_pid != os.getpid():
            os.kill(child, received.si_signo)  # a process sent it; the terminal sends to both


def _is_foreground() -> bool:
    """Return whether standard input is a terminal, and this process is in its foreground."""
    try:
        return os.tcgetpgrp(_TERMINAL) == os.getpgrp()
    except OSError:
        return False


def _give_terminal(group: int) -> None:
    with suppress(OSError):  # it was hung up
        os.tcsetpgrp(_TERMINAL, group)


def _explain(error: _NotRunError) -> int:
    """Say why the command does not run, as text that is safe for a terminal; return the status."""
    text = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(error))
    with suppress(OSError):  # nobody reads it
        os.write(2, f"{text}\n".encode())
    return error.status


def main(name: str, numbers: str, *command: str) -> int:
    """Run the command; return its exit status, or minus the signal that ended it.

    Raises:
        _NotRunError: it cannot be run.
    """
    _enter(name, [int(one) for one in numbers.split(",")])
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    foreground = _is_foreground()
    try:
        child = os.fork()
    except OSError as exc:
        words = "the host is gone" if exc.errno == errno.ENOMEM else exc.strerror
        raise _NotRunError(f"[fork()] {words}: {command[0]}") from exc
    if child == 0:
        try:
            _run(list(command), mask, foreground=foreground)
        except _NotRunError as exc:
            os._exit(_explain(exc))
    status = _wait(child, foreground=foreground)
    if foreground:
        _give_terminal(os.getpgrp())
        if status == -signal.SIGINT:  # Ctrl-C too is for all that the terminal has started
            os.killpg(0, signal.SIGINT)
    return status


if __name__ == "__main__":
    try:
        status = main(*sys.argv[1:])
    except _NotRunError as exc:
        status = _explain(exc)
    if status < 0:
        with suppress(OSError):  # SIGKILL has no other meaning
            signal.signal(-status, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-status})
        os.kill(os.getpid(), -status)
    sys.exit(status)
