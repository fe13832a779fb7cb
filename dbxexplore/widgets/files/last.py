"""The last session: saved on its own while people work, and offered by a new kernel.

It is written to the user's folder for state, ``$XDG_STATE_HOME/dbxexplore`` or ``~/.local/state/dbxexplore``, and holds
what a session holds: names from the workspace and the names of variables, no secrets. ``DBXEXPLORE_NO_AUTOSAVE=1`` turns
it off.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.export.session import SUFFIX, load_session, save_session
from dbxexplore.filters import Filters
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.files.values import VALUES, session_of, values_of
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Debouncer

OFF = "DBXEXPLORE_NO_AUTOSAVE"
_LOG = logging.getLogger(__name__)
_DELAY = 3.0  # seconds after the last change
_STARTED = time.time()  # of this kernel, near enough: what was saved before is of another one


def last_session() -> Path | None:
    """Return where the last session is saved; None where it is turned off, or there is no place for it."""
    if os.environ.get(OFF, "").strip() not in {"", "0"}:
        return None
    base = os.environ.get("XDG_STATE_HOME", "")
    with contextlib.suppress(RuntimeError):  # no home folder
        folder = Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "state"
        return folder / "dbxexplore" / f"last{SUFFIX}"
    return None


class Autosave:
    """Saves the values of a state some seconds after they have changed, in a thread."""

    def __init__(self, state: ExplorerState) -> None:
        self._state = state
        self._later = Debouncer(_DELAY)
        self._saved: Catalog | None = None  # the catalog beside the file
        state.observe(self._on_change, list(VALUES))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is saved, at most ``timeout`` seconds; return whether it is."""
        return self._later.wait(timeout)

    def _on_change(self, _change: object) -> None:
        if not self._state.read_only and not self._state.discovering and last_session() is not None:
            self._later.start(self._save)

    def _save(self, is_wanted: Callable[[], bool]) -> None:
        path = last_session()
        with self._state.lock:
            if not is_wanted() or path is None:
                return
            session = session_of(self._state)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            save_session(session, path, snapshot=session.catalog is not self._saved or not path.exists())
            self._saved = session.catalog
        except (OSError, errors.DbxExploreError) as error:  # what is on the screen matters more
            _LOG.warning("The session could not be saved: %s", error)


class LastSessionLine(Component):
    """Offers the last session to an Explorer in which nothing has been done yet."""

    WRITES = VALUES

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._text = message_area()
        self._open = widgets.Button(description="Open it", layout={"width": "auto"})
        self._no = widgets.Button(description="Dismiss", layout={"width": "auto"})
        super().__init__(state)
        self._line = widgets.HBox([self._text, self._open, self._no], layout={"display": "none"})
        self._line.add_class("dbxe-offer")
        self.children = [self._line, self._message]
        self._open.on_click(self._on_open)
        self._no.on_click(self._on_no)
        self.state.observe(self._on_work, ["catalog", "filters", "settings"])

    def offer(self) -> None:
        """Offer the session that another kernel has saved, if there is one and nothing has been done here."""
        path, state = last_session(), self.state
        if path is None or state.catalog is not None or state.filters != Filters() or state.read_only:
            return
        try:
            saved_at = path.stat().st_mtime
        except OSError:
            return
        if saved_at < _STARTED:
            when = datetime.fromtimestamp(saved_at).astimezone()
            set_text(self._text, f"<span role='status'>A session was saved on {when:%Y-%m-%d at %H:%M}.</span>")
            self._line.layout.display = None

    @shows_errors
    def _on_open(self, _button: widgets.Button) -> None:
        path = last_session()
        if path is not None:
            self.state.update(**values_of(load_session(path)))
        self._line.layout.display = "none"

    @shows_errors
    def _on_no(self, _button: widgets.Button) -> None:
        self._line.layout.display = "none"

    @shows_errors
    def _on_work(self, change: Mapping[str, object]) -> None:
        if change["name"] != "settings":
            self._line.layout.display = "none"
