"""The panel that runs a discovery: how much to list, and the button that starts it."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Mapping

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.catalog.snapshot import counted
from dbxexplore.connection import ConnectionReport, ConnectionSettings
from dbxexplore.discovery import Depth, Progress, discover
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.connect.progress import ProgressLine
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Task

_DEPTHS: tuple[tuple[str, Depth], ...] = (
    ("Names and types", "summary"),
    ("+ owners, comments, timestamps", "details"),
    ("+ columns", "columns"),
)
_EVERY = 0.25  # seconds between two reports of progress, each of which is a message to the browser
_INCOMPLETE = "The connection is incomplete: fill in the form first"
_NOT_CONNECTED = "Can't connect: see the result of the test above"


class DiscoverPanel(Component):
    """Tests the connection, unless that was done, and discovers the workspace.

    The first discovery fills the catalog while it runs. A later one keeps the catalog until it has ended or is
    cancelled, so that a full catalog is never replaced by the beginning of another.
    """

    # All but `attempted` from a thread. Only the one who cancels sets `cancelling` to True.
    WRITES = ("catalog", "discovering", "report", "attempted", "progress", "cancelling")

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.task = Task()
        self._cancel = threading.Event()
        self._partial: Catalog | None = None  # the last partial catalog of the discovery under way
        self._reported = 0.0  # when the last progress was shown, in seconds
        self._depth = widgets.Dropdown(
            description="Detail", options=_DEPTHS, style={"description_width": "205px"}, layout={"width": "465px"}
        )
        self._notebooks = widgets.Checkbox(
            value=True, description="Include notebooks", indent=False, layout={"width": "150px"}
        )
        self._start = widgets.Button(
            description="Connect and discover",
            button_style="primary",
            tooltip="Test the connection and list the objects of the workspace",
            layout={"width": "170px"},
        )
        self._status = message_area()
        super().__init__(state)
        self._line = ProgressLine(self.state)
        self.children = [
            widgets.HBox([self._depth, self._notebooks, self._start]),
            self._line,
            self._status,
            self._message,
        ]
        self.state.observe(self._on_catalog, "catalog")
        self.state.observe(self._on_cancelling, "cancelling")
        self._start.on_click(self._on_start)
        self._on_catalog({})

    def leave_out_progress(self) -> None:
        """Show no progress, because another part of the page does."""
        self.children = [child for child in self.children if child is not self._line]

    @shows_errors
    def _on_catalog(self, _change: Mapping[str, object]) -> None:
        catalog = self.state.catalog
        set_text(self._status, "" if catalog is None or catalog.in_progress else _summary(catalog))

    def _on_cancelling(self, _change: Mapping[str, object]) -> None:
        if self.state.cancelling:
            self._cancel.set()

    @shows_errors
    def _on_start(self, _button: object) -> None:
        self.state.attempted = True
        settings = self.state.settings
        if settings is None:
            raise errors.SettingsError(_INCOMPLETE)
        if self.task.running:
            return
        self._cancel.clear()
        self._start.disabled = True
        self._partial = None
        set_text(self._status, "")
        self.state.update(discovering=True, progress=None, cancelling=False)
        depth, notebooks = self._depth.value, bool(self._notebooks.value)
        self.task.start(lambda: self._run(settings, depth, notebooks=notebooks))

    def _run(self, settings: ConnectionSettings, depth: Depth, *, notebooks: bool) -> None:
        try:
            if not self._is_connected(settings):
                self.show_error(errors.WorkspaceError(_NOT_CONNECTED))
                return
            catalog = discover(
                settings,
                depth=depth,
                notebooks=notebooks,
                progress=self._on_progress,
                cancel=self._cancel,
                partial=self._on_partial if self.state.catalog is None else None,
            )
            if not len(catalog) and self.state.catalog is not None and self._cancel.is_set():
                set_text(self._status, "<span class='dbxe-warn'>Cancelled before anything was found.</span>")
            else:
                self.state.catalog = catalog
        except errors.DbxExploreError as error:
            self._keep_partial(error)
            self.show_error(error)
        except Exception as error:  # noqa: BLE001 - shown to the person who started the discovery
            self._keep_partial(error)
            set_text(self._status, error_html(error))
        finally:
            self.state.update(discovering=False, cancelling=False)
            self._start.disabled = False

    def _is_connected(self, settings: ConnectionSettings) -> bool:
        """Test the connection, unless it has been tested and works, and show the result in the form."""
        report: ConnectionReport | None = self.state.report
        if report is None or not report.ok:
            report = settings.check()
            with self.state.lock:
                if settings == self.state.settings:  # else the report is about settings that have been replaced
                    self.state.report = report
        return report.connected

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.finished or now - self._reported >= _EVERY:
            self._reported = now
            self.state.progress = progress

    def _on_partial(self, catalog: Catalog) -> None:
        with self.state.lock:
            if self.state.catalog is self._partial:  # else someone has set another one
                self._partial = catalog
                self.state.catalog = catalog

    def _keep_partial(self, error: Exception) -> None:
        """Keep what was found before the discovery failed; what it has not listed is not pending any more."""
        with self.state.lock:
            if self._partial is not None and self.state.catalog is self._partial:
                failures = [
                    (scope, "error" if reason == "pending" else reason, str(error) if reason == "pending" else message)
                    for scope, reason, message in self._partial.failures.itertuples(index=False)
                ]
                self.state.catalog = Catalog(self._partial.objects, failures_frame(failures), self._partial.provenance)


def _summary(catalog: Catalog) -> str:
    text = f"<div role='status'>Found {html.escape(counted(catalog.counts()))}.</div>"
    text += "".join(f"<div class='dbxe-muted'>{html.escape(note)}</div>" for note in catalog.provenance.notes)
    if catalog.complete:
        return text
    rows = "".join(
        f"<tr><td><code>{html.escape(str(scope))}</code></td><td>{html.escape(str(reason))}</td>"
        f"<td>{html.escape(str(message))}</td></tr>"
        for scope, reason, message in catalog.failures.head(50).itertuples(index=False)
    )
    return (
        f"{text}<div class='dbxe-warn'>Incomplete: {catalog.not_listed}; contents unknown.</div>"
        f"<details><summary>Not listed</summary><table class='dbxe-table'><thead><tr><th>Scope</th>"
        f"<th>Reason</th><th>Message</th></tr></thead><tbody>{rows}</tbody></table></details>"
    )
