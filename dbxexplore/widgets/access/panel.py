"""The panel that checks what a principal can see of what the filters include, and shows the script of what it lacks."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping, Sequence
from typing import cast

import pandas as pd

from dbxexplore import errors, permissions
from dbxexplore.connection import ConnectionSettings
from dbxexplore.discovery import Progress
from dbxexplore.filters import Preview
from dbxexplore.permissions import Audit
from dbxexplore.permissions.scripts import Level
from dbxexplore.text import line_html, plural, visible_html
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.copying import copyable_html
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Task

_EVERY = 0.25  # seconds between two reports of progress
_MOST_SHOWN = 100  # rows of a table
_STYLE = {"description_width": "80px"}
_LEVELS: dict[Level, str] = {
    "schema": "SELECT on each schema (as Dagster documents)",
    "object": "SELECT on each included table and view",
    "catalog": "SELECT on each catalog",
    "browse": "BROWSE on each catalog: names without data",
}
_SCRIPTS = (
    ("SQL: GRANT", "grant"),
    ("SQL: REVOKE what it granted", "revoke"),
    ("Terraform", "terraform"),
    ("Request to an admin", "request"),
)
# The worst first: what it is called, and how it looks.
_WORDS = {
    "invisible": ("invisible", "dbxe-warn"),
    "unknown": ("unknown", "dbxe-warn"),
    "browse_only": ("can only be browsed", "dbxe-warn"),
    "readable": ("readable", "dbxe-ok"),
}
_HELD = {"no": "no", "unknown": "not known"}


class AccessPanel(Component):
    """Checks what a principal can see of what the filters include; nothing is changed in the workspace."""

    WRITES = ("audit",)  # from a thread

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.task = Task()
        self._last: tuple[Preview, Audit] | None = None  # what was found last, and what of
        self._reported = 0.0  # when the last progress was shown, in seconds
        self._principal = widgets.Text(
            description="Principal",
            placeholder="application ID, e-mail or group; empty for your own",
            style=_STYLE,
            layout={"width": "480px"},
        )
        self._check = widgets.Button(
            description="Check access",
            button_style="primary",
            tooltip="Read which privileges the principal has; nothing is changed",
            layout={"width": "130px"},
        )
        self._level = widgets.Dropdown(
            description="Grant",
            options=[(text, level) for level, text in _LEVELS.items()],
            style=_STYLE,
            layout={"width": "480px"},
        )
        self._script = widgets.Dropdown(description="As", options=_SCRIPTS, style=_STYLE, layout={"width": "300px"})
        self._outcome, self._text = message_area(), widgets.HTML()
        self._missing, self._lost = widgets.HTML(), widgets.HTML()
        choice = widgets.HBox([self._level, self._script])
        choice.add_class("dbxe-wraps")
        self._scripts = widgets.VBox(
            [widgets.HTML("<h4>Script</h4>"), choice, self._text],
            layout={"display": "none"},
        )
        super().__init__(state)
        intro = (
            "<p class='dbxe-muted'>Dagster+ signs in with the connection's own credential. Enter its principal to see what it "
            "will find, and which grants it lacks.</p>"
        )
        row = widgets.HBox([self._principal, self._check])
        row.add_class("dbxe-wraps")
        shown = [self._outcome, self._missing, self._scripts, self._lost]
        self.children = [widgets.HTML(intro), row, *shown, self._message]
        self._check.on_click(self._on_check)
        self._principal.on_msg(self._on_enter)
        self._level.observe(self._on_script, "value")
        self._script.observe(self._on_script, "value")
        self.state.observe(self._on_audit, "audit")

    # --- what happens ---

    def _on_enter(self, _widget: object, content: Mapping[str, object], _buffers: object) -> None:
        if content.get("event") == "submit":
            self._on_check(self._check)

    @shows_errors
    def _on_check(self, _button: object) -> None:
        settings, preview = self.state.settings, self.state.preview
        if settings is None or preview is None:
            msg = "There is nothing to check yet"
            raise errors.SettingsError(msg, expected="a connection, and a catalog that was discovered or opened")
        if not self.task.running:
            self._check.disabled = True
            principal = self._principal.value.strip() or None
            set_text(self._outcome, "<div role='status'>Checking…</div>")
            self.task.start(lambda: self._run(settings, preview, principal))

    def _run(self, settings: ConnectionSettings, preview: Preview, principal: str | None) -> None:
        try:
            audit = permissions.audit(settings, preview, principal, progress=self._on_progress)
        except Exception as error:  # noqa: BLE001 - shown to the person who clicked
            set_text(self._outcome, error_html(error))
        else:
            with self.state.lock:
                self._last = (preview, audit)
                is_new = (settings, preview) == (self.state.settings, self.state.preview)
                self.state.audit = audit if is_new else None
                self._show()
        finally:
            self._check.disabled = False

    def _on_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._reported >= _EVERY:
            self._reported = now
            set_text(self._outcome, f"<div role='status'>Checking… {plural(progress.done, 'call')} answered</div>")

    @shows_errors
    def _on_audit(self, _change: Mapping[str, object]) -> None:
        self._show()

    @shows_errors
    def _on_script(self, _change: Mapping[str, object]) -> None:
        self._show_script()

    # --- what is shown ---

    def _show(self) -> None:
        if self._last is None:
            return
        _, audit = self._last
        is_old = self.state.audit is not audit
        old = (
            "<div class='dbxe-warn'>The connection or its filters have changed since. Check again.</div>"
            if is_old
            else ""
        )
        set_text(self._outcome, old + _outcome_html(audit))
        self._missing.value, self._lost.value = _missing_html(audit), _lost_html(audit)
        self._scripts.layout.display = None
        self._show_script()

    def _show_script(self) -> None:
        if self._last is not None:
            self._text.value = copyable_html(self._written(*self._last))

    def _written(self, preview: Preview, audit: Audit) -> str:
        level: Level = self._level.value
        if self._script.value in {"terraform", "request"}:
            is_request = self._script.value == "request"
            return (permissions.grants_request if is_request else permissions.grants_terraform)(preview, audit, level)
        write = permissions.grants_sql if self._script.value == "grant" else permissions.revoke_sql
        return write(preview, audit=audit, level=level)


def _outcome_html(audit: Audit) -> str:
    who = f"<code>{line_html(audit.principal.name)}</code>"
    named = f" ({visible_html(audit.principal.display_name)})" if audit.principal.display_name else ""
    if audit.ready:
        said = f"<span class='dbxe-ok'>✓ {who}{named} can read all that the filters include.</span>"
    else:
        counts = audit.counts()
        parts = [
            f"<span class='{_WORDS[name][1]}'>{number:,} {_WORDS[name][0]}</span>"
            for name, number in counts.items()
            if number
        ]
        said = f"{who}{named}: {', '.join(parts) or 'the filters include no table or view'}"
    notes = "".join(f"<div class='dbxe-muted'>{visible_html(note)}</div>" for note in audit.notes)
    return f"<div role='status'>{said}</div>{notes}"


def _missing_html(audit: Audit) -> str:
    """Return the privileges that are missing, each with the number of tables and views that cannot be read for it."""
    missing = audit.missing()
    if not len(missing):
        return ""
    lost = _lost(audit)
    by_schema = lost.groupby([lost["catalog"].astype(object), lost["schema"].astype(object)]).size()
    by_catalog = lost.groupby(lost["catalog"].astype(object)).size()
    numbers = {".".join(map(str, cast("tuple[str, str]", names))): int(number) for names, number in by_schema.items()}
    numbers |= {str(name): int(number) for name, number in by_catalog.items()}
    rows = [
        (
            f"<code>{line_html(str(row.securable))}</code>",
            str(row.privilege).replace("_", " "),
            _HELD[str(row.held)],
            f"{numbers.get(str(row.securable), 0):,}",
        )
        for row in missing.head(_MOST_SHOWN).itertuples()
    ]
    head = ("Object", "Privilege", "Held", "Tables and views")
    return "<h4>Missing privileges</h4>" + _table(head, rows, len(missing))


def _lost_html(audit: Audit) -> str:
    """Return the tables and views that cannot be read, the worst first."""
    lost = _lost(audit).sort_values("access", kind="stable")
    if not len(lost):
        return ""
    rows = [
        (f"<code>{line_html(str(row.full_name))}</code>", _WORDS[str(row.access)][0], visible_html(str(row.reason)))
        for row in lost.head(_MOST_SHOWN).itertuples()
    ]
    title = (
        f"{plural(len(lost), 'table or view')} that can't be read"
        if len(lost) == 1
        else f"{len(lost):,} tables and views that can't be read"
    )
    return f"<details><summary>{title}</summary>{_table(('Object', 'Access', 'Why'), rows, len(lost))}</details>"


def _lost(audit: Audit) -> pd.DataFrame:
    objects = audit.objects
    return objects[(objects["access"] != "readable") & objects["kind"].isin(["table", "view"])]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    names = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in head)
    cells = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    more = f"<div class='dbxe-muted'>{total - len(rows):,} more</div>" if total > len(rows) else ""
    return f"<table class='dbxe-table'><thead><tr>{names}</tr></thead><tbody>{cells}</tbody></table>{more}"
