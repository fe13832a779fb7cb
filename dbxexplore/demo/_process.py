"""Run a server as a child process that is always stopped, on errors too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from dbxexplore import errors
from dbxexplore.connection import mask

_GRACE = 10.0  # seconds for a child to shut down cleanly
_TICK = 0.02  # seconds between two polls of a child
_ENDING = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None]
_TAIL = 1200  # characters of its last output that an error quotes
_T = TypeVar("_T")


class Child:
    """A running server; ``name`` is what messages call it, ``log`` the file for its output."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.process = process
        self.log = log

    @property
    def is_running(self) -> bool:
        """Whether the process is still running."""
        return self.process.poll() is None

    def wait_for(self, look: Callable[[], _T | None], timeout: float) -> _T:
        """Call ``look`` repeatedly until it returns a value, for at most ``timeout`` seconds, and return the value.

        Raises:
            DemoError: the process ended or timed out; the message quotes its last output.
        """
        deadline = time.monotonic() + timeout
        while True:
            result = look()
            if result is not None:
                return result
            if not self.is_running:
                raise self.failure(f"{self.name} ended with status {self.process.returncode} while it was starting")
            if time.monotonic() > deadline:
                raise self.failure(f"{self.name} did not answer within {timeout:.0f} seconds")
            time.sleep(_TICK)

    def failure(self, problem: str) -> errors.DemoError:
        """Return an error that ends with the child's last output."""
        output = self.log.read_text(encoding="utf-8", errors="replace").strip()[-_TAIL:]
        return errors.DemoError(problem, remedy=f"Its last output was: {mask(output, _TAIL)}" if output else "")


@contextmanager
def child(
    name: str, *, arguments: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> Iterator[Child]:
    """Run ``python -m dbxexplore.demo._child`` with ``arguments`` in ``folder``, and stop it on the way out.

    The child is in a session of its own, so that Ctrl-C in a terminal reaches only this process, which then
    stops the child cleanly. Its only inherited file descriptor is the pipe that closes when this process ends.
    """
    # -P keeps a file in the folder, such as a user's random.py, from being imported by the server.
    command = [sys.executable, "-P", "-m", "dbxexplore.demo._child", *arguments]
    with ExitStack() as at_the_end:
        with log.open("wb") as output, _signals_held_back():
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=dict(environment),
                start_new_session=True,
            )
            at_the_end.callback(_stop, process)
        yield Child(name, process, log)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Deliver the signals that arrive within it at its end; raised while a process is made, they would lose it."""
    if threading.current_thread() is not threading.main_thread():  # signals are handled in the main thread alone
        yield
        return
    arrived: list[int] = []
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler not in (None, signal.SIG_IGN):  # None: not set by Python, so it could not be restored
            signal.signal(number, lambda number, _frame: arrived.append(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
        for number in arrived:
            signal.raise_signal(number)


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        # Not reaped yet, so its process ID is still the ID of its group.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finally:
        # Its own children that still run, such as a helper process of JupyterLab.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.stdin:
            process.stdin.close()
