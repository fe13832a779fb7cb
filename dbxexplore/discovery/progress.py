"""Progress where a person sees it: a line in a terminal or in a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from dbxexplore.discovery.engine import Progress

_EVERY = 0.5  # seconds between two updates of a notebook's output, each of which is a message to the browser


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

    found: Callable[..., _Handle] = display
    return found
