"""Progress of a discovery: the numbers, their text, and a line in a terminal or a notebook that shows them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from dbxexplore.text import plural

_EVERY = 0.5  # seconds between two updates of a notebook's output, each of which is a message to the browser
_FIRST_AVERAGE = 1.0  # seconds, before which an average says little
_MINUTE = 60.0  # seconds


@dataclass(frozen=True)
class Progress:
    """How far a discovery is: calls made and still to make, objects so far, and what slows it down.

    ``pending`` grows while containers are still being found, so it is a lower bound until ``done`` nears
    the end. ``elapsed`` is in seconds; ``concurrency`` is how many calls may run at once just now. ``notice``
    is a text on what else is going on, such as the start of a warehouse.
    """

    done: int
    pending: int
    objects: int
    failures: int
    throttled: int
    concurrency: int
    elapsed: float
    finished: bool = False
    notice: str = ""

    @property
    def rate(self) -> float | None:
        """Calls per second, on average since the start; None in the first second."""
        return self.done / self.elapsed if self.done and self.elapsed >= _FIRST_AVERAGE else None

    @property
    def remaining(self) -> float | None:
        """Seconds that the known calls take at this rate: a lower bound, as more calls may follow."""
        return self.pending / self.rate if self.rate else None

    def __str__(self) -> str:
        parts = [plural(self.objects, "object")]
        if self.finished:
            parts.append(plural(self.done, "call"))
        else:
            parts.append(f"{self.done:,} of ≥{self.done + self.pending:,} calls")
            if self.remaining is not None:
                parts.append(f"~{duration(self.remaining)} left")
        if self.throttled:
            parts.append(f"throttled {self.throttled:,}×")
        if self.failures:
            parts.append(f"{self.failures:,} failed")
        if self.notice and not self.finished:
            parts.append(self.notice)
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """Return a duration in words, such as ``41 s`` or ``3 min``."""
    return f"{max(seconds, 1):.0f} s" if seconds < 2 * _MINUTE else f"{seconds / _MINUTE:.0f} min"


@contextmanager
def progress_bar() -> Iterator[Callable[[Progress], None] | None]:
    """Show how far a discovery is, for as long as the context lasts.

    Yields what `discover` takes as ``progress``: a line in a notebook's output, or below a terminal's standard
    error; None where there is neither, so that a log is not filled with it.
    """
    if (display := _notebook_display()) is not None:
        yield _Line(display)
        return
    from rich import progress as bars
    from rich.console import Console

    # No markup and no emoji codes: what is printed is text from elsewhere.
    console = Console(stderr=True, markup=False, emoji=False, highlight=False)
    if not console.is_terminal:
        yield None
        return
    columns = (bars.BarColumn(bar_width=20), bars.TextColumn("{task.description}", markup=False))
    with bars.Progress(*columns, bars.TimeElapsedColumn(), console=console, transient=True) as bar:
        # How many calls there are is not known before the last one, so the bar does not pretend to.
        task = bar.add_task("connecting", total=None)
        yield lambda state: bar.update(task, description=str(state))


class _Handle(Protocol):
    def update(self, data: dict[str, str], *, raw: bool) -> None: ...


class _Line:
    """One line of a notebook's output, as plain text: no widget, whose state would be saved with the notebook."""

    def __init__(self, display: Callable[..., _Handle]) -> None:
        self._handle = display({"text/plain": "connecting"}, raw=True, display_id=True)
        self._shown = 0.0

    def __call__(self, state: Progress) -> None:
        now = time.monotonic()
        if state.finished or now - self._shown >= _EVERY:
            self._shown = now
            self._handle.update({"text/plain": str(state)}, raw=True)


def _notebook_display() -> Callable[..., _Handle] | None:
    # A notebook's kernel has imported IPython by itself.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    show: Callable[..., _Handle] = display
    return show
