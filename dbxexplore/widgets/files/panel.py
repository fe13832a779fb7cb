"""Panel that opens and saves snapshots, connections and sessions."""

from __future__ import annotations

import contextlib
from pathlib import Path

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection.secrets import looks_like_secret
from dbxexplore.export import ConnectionConfig
from dbxexplore.export.session import SUFFIX, load_session, save_session, snapshot_of
from dbxexplore.text import line_html, one_line
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.files.values import VALUES, session_of, values_of
from dbxexplore.widgets.state import ExplorerState, parts_of


class FilesPanel(Component):
    """Opens a snapshot, a connection or a session, and saves a snapshot or a session.

    Nothing is replaced by a first click: it says what would be, and a second click confirms it.
    """

    WRITES = VALUES

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._path = widgets.Text(
            description="File",
            placeholder=f"snapshot.parquet, connection.yaml or work{SUFFIX}",
            layout={"width": "auto", "max_width": "620px"},
        )
        self._open = widgets.Button(description="Open", icon="folder-open", layout={})
        self._save_snapshot = widgets.Button(description="Save snapshot", icon="save", layout={})
        self._save_session = widgets.Button(description="Save session", icon="save", layout={})
        self._outcome = message_area()
        self._asked: object = None  # what was asked last, until it is confirmed or something else is done
        super().__init__(state)
        buttons = widgets.HBox([self._open, self._save_snapshot, self._save_session])
        self.children = [self._path, buttons, self._outcome, self._message]
        self._path.observe(self._on_path, "value")
        self._open.on_click(self._on_open)
        self._save_snapshot.on_click(self._on_save_snapshot)
        self._save_session.on_click(self._on_save_session)
        self.state.observe(self._show_buttons, ["catalog", "read_only"])
        self._show_buttons({})

    @shows_errors
    def _on_path(self, _change: object) -> None:
        self._asked = None
        set_text(self._outcome, "")
        if looks_like_secret(self._path.value):
            self._path.value = ""
            msg = "That looks like a secret, so it was cleared"
            raise errors.ConfigError(msg)

    @shows_errors
    def _show_buttons(self, _change: object) -> None:
        self._open.disabled = self._save_session.disabled = self.state.read_only
        self._save_snapshot.disabled = self.state.read_only or self.state.catalog is None

    @shows_errors
    def _on_open(self, _button: object) -> None:
        if self.state.read_only:
            return
        path = self._target("")
        values = _read(path)
        question = self._what_is_replaced(values)
        if question and not self._confirmed(("open", path, *values), question, "Open"):
            return
        self.state.finish()
        self.state.history.close()
        if "ticked" in values:  # else the selection would move to the objects of the same names
            self.state.ticked = None
        self.state.update(**values)
        self._done("Opened", path)

    @shows_errors
    def _on_save_snapshot(self, _button: object) -> None:
        if self.state.read_only or self.state.catalog is None:
            return
        path = self._target(".parquet")
        if self._may_write("snapshot", path):
            self.state.catalog.save(path)
            self._done("Saved", path)

    @shows_errors
    def _on_save_session(self, _button: object) -> None:
        if self.state.read_only:
            return
        path = self._target(SUFFIX)
        beside = () if self.state.catalog is None else (snapshot_of(path),)
        if self._may_write("session", path, *beside):
            save_session(session_of(self.state), path)
            self._done("Saved", path)

    def _target(self, suffix: str) -> Path:
        """Return the path that was typed, with a suffix if it has another."""
        text = self._path.value.strip()
        if not text:
            msg = "A file name is required"
            raise errors.ConfigError(msg)
        if suffix and not text.endswith(suffix):
            known = next((one for one in (SUFFIX, ".parquet", ".yaml", ".yml") if text.endswith(one)), "")
            text = text.removesuffix(known) + suffix
        path = Path(text)
        with contextlib.suppress(RuntimeError):  # no home folder: use the path as it is
            path = path.expanduser()
        return path

    def _may_write(self, what: str, *paths: Path) -> bool:
        existing = [path for path in paths if path.exists()]
        if not existing:
            return True
        names = " and ".join(one_line(str(path)) for path in existing)
        return self._confirmed((what, *existing), f"{names} already exists.", f"Save {what}")

    def _what_is_replaced(self, values: dict[str, object]) -> str:
        """Return what opening replaces that undo does not restore, empty if nothing is."""
        state = self.state
        catalog, settings = values.get("catalog", state.catalog), values.get("settings", state.settings)
        origin = catalog.provenance.workspace_url if isinstance(catalog, Catalog) else None
        url = getattr(settings, "workspace_url", None)
        if origin and url and origin.rstrip("/") != url:
            return f"The snapshot is from {one_line(origin)}, but the connection points to {one_line(url)}."
        if state.catalog is not None and values.get("catalog") is not None:
            return "This replaces the catalog that is open."
        replaced = state.settings is not None and values.get("settings", state.settings) != state.settings
        return "This replaces the connection that is open." if replaced else ""

    def _confirmed(self, question: object, text: str, button: str) -> bool:
        """Return whether a click confirms what the click before asked; otherwise ask."""
        if self._asked == question:
            self._asked = None
            return True
        self._asked = question
        said = line_html(f"{text} Click “{button}” again to go on.", 600)
        set_text(self._outcome, f"<span class='dbxe-warn' role='status'>{said}</span>")
        return False

    def _done(self, what: str, path: Path) -> None:
        self._asked = None
        set_text(
            self._outcome, f"<span class='dbxe-ok' role='status'>{what} <code>{line_html(str(path))}</code></span>"
        )


def _read(path: Path) -> dict[str, object]:
    """Return the values of the state that a file holds."""
    if path.name.endswith(SUFFIX):
        return values_of(load_session(path))
    if path.suffix == ".parquet":
        return {"catalog": Catalog.load(path)}
    return dict(parts_of(ConnectionConfig.load(path)))
