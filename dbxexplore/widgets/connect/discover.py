"""The panel that runs a discovery: how much to list, the progress, and a button that cancels it."""

from __future__ import annotations

import html
import threading
from collections.abc import Mapping

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.snapshot import counted
from dbxexplore.connection import ConnectionReport, ConnectionSettings
from dbxexplore.discovery import Depth, Progress, discover
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Task

_DEPTHS: tuple[tuple[str, Depth], ...] = (
    ("Names and types", "summary"),
    ("+ owners, comments, timestamps", "details"),
    ("+ columns", "columns"),
)
_INCOMPLETE = "The connection is incomplete: fill in the form first"
_NOT_CONNECTED = "Can't connect: see the result of the test above"


class DiscoverPanel(Component):
    """Tests the connection, unless that was done, and discovers the workspace.

    The catalog keeps its value until the discovery ends.
    """

    WRITES = ("catalog", "discovering", "report", "attempted")  # all but the last from a thread

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.task = Task()
        self._cancel = threading.Event()
        self._depth = widgets.Dropdown(
            description="Detail", options=_DEPTHS, style={"description_width": "120px"}, layout={"width": "380px"}
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
        self._stop = widgets.Button(description="Cancel", disabled=True, tooltip="Stop and keep the results so far")
        # The total grows as containers are found, so the bar shows the share of the known calls.
        self._bar = widgets.IntProgress(min=0, max=1, layout={"width": "100%", "max_width": "620px", "display": "none"})
        self._status = message_area()
        super().__init__(state)
        self.children = [
            widgets.HBox([self._depth, self._notebooks, self._start, self._stop]),
            self._bar,
            self._status,
            self._message,
        ]
        self.state.observe(self._on_catalog, "catalog")
        self._start.on_click(self._on_start)
        self._stop.on_click(self._on_stop)
        self._on_catalog({})

    @shows_errors
    def _on_catalog(self, _change: Mapping[str, object]) -> None:
        catalog = self.state.catalog
        set_text(self._status, "" if catalog is None else _summary(catalog))

    @shows_errors
    def _on_stop(self, _button: object) -> None:
        self._cancel.set()
        self._stop.disabled = True

    @shows_errors
    def _on_start(self, _button: object) -> None:
        self.state.attempted = True
        settings = self.state.settings
        if settings is None:
            raise errors.SettingsError(_INCOMPLETE)
        if self.task.running:
            return
        self._cancel.clear()
        self._start.disabled, self._stop.disabled = True, False
        self._bar.value, self._bar.max, self._bar.layout.display = 0, 1, None
        self.state.discovering = True
        depth, notebooks = self._depth.value, bool(self._notebooks.value)
        self.task.start(lambda: self._run(settings, depth, notebooks=notebooks))

    def _run(self, settings: ConnectionSettings, depth: Depth, *, notebooks: bool) -> None:
        try:
            if not self._is_connected(settings):
                set_text(self._status, "")
                self.show_error(errors.WorkspaceError(_NOT_CONNECTED))
                return
            catalog = discover(
                settings, depth=depth, notebooks=notebooks, progress=self._on_progress, cancel=self._cancel
            )
            if not len(catalog) and self.state.catalog is not None and self._cancel.is_set():
                set_text(self._status, "<span class='dbxe-warn'>Cancelled before anything was found.</span>")
            else:
                self.state.catalog = catalog
        except errors.DbxExploreError as error:
            set_text(self._status, "")
            self.show_error(error)
        except Exception as error:  # noqa: BLE001 - shown to the person who started the discovery
            set_text(self._status, error_html(error))
        finally:
            self.state.discovering = False
            self._bar.layout.display = "none"
            self._stop.disabled = True
            self._start.disabled = False

    def _is_connected(self, settings: ConnectionSettings) -> bool:
        """Test the connection, unless it has been tested and works, and show the result in the form."""
        report: ConnectionReport | None = self.state.report
        if report is None or not report.ok:
            set_text(self._status, "<span class='dbxe-muted' role='status'>Testing the connection…</span>")
            report = settings.check()
            with self.state.lock:
                if settings == self.state.settings:  # else the report is about settings that have been replaced
                    self.state.report = report
        return report.connected

    def _on_progress(self, progress: Progress) -> None:
        self._bar.max = max(1, progress.done + progress.pending)
        self._bar.value = progress.done
        set_text(self._status, f"<span class='dbxe-muted' role='status'>{html.escape(str(progress))}</span>")


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
