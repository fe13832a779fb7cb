"""Work in background threads: one task at a time, or only the newest of many."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Task:
    """Work in a thread, so that the kernel goes on answering, and at most one at a time."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the work is under way."""
        return self._thread is not None and self._thread.is_alive()

    def start(self, work: Callable[[], None]) -> None:
        """Start ``work`` unless other work is still under way."""
        if not self.running:
            self._thread = threading.Thread(target=work, name="dbxexplore-widget", daemon=True)
            self._thread.start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the work is done, at most ``timeout`` seconds; return whether it is."""
        if self._thread is not None:
            self._thread.join(timeout)
        return not self.running


class Debouncer:
    """Work in a thread of which only the newest matters, such as what a pattern being typed would change.

    It begins ``delay`` seconds after the last call of `start`; what is not under way by then is never begun, and
    what is under way is asked to see, by the function that it is given, whether anyone still wants its result.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay
        self._newest = 0
        self._timer: threading.Timer | None = None
        self._one_at_a_time = threading.Lock()
        self._state = threading.Lock()  # held while the number, the timer and the event change, which is together
        self._idle = threading.Event()
        self._idle.set()

    def start(self, work: Callable[[Callable[[], bool]], None]) -> None:
        """Do ``work`` unless it is started or cancelled again before; it is given ``is_wanted``."""
        with self._state:
            self._forget()
            self._idle.clear()
            self._timer = threading.Timer(self._delay, self._run, [work, self._newest])
            self._timer.daemon = True
            self._timer.start()

    def cancel(self) -> None:
        """Want the result of no earlier work."""
        with self._state:
            self._forget()
            self._idle.set()

    def _forget(self) -> None:
        self._newest += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the newest work is done, at most ``timeout`` seconds; return whether it is."""
        return self._idle.wait(timeout)

    def _run(self, work: Callable[[Callable[[], bool]], None], number: int) -> None:
        with self._one_at_a_time:
            if number != self._newest:
                return
            try:
                work(lambda: number == self._newest)
            except Exception:
                logger.exception("work in the background failed")
            finally:
                with self._state:
                    if number == self._newest:
                        self._idle.set()
