"""The form for the connection settings, and the test of them."""

from __future__ import annotations

import html
from collections.abc import Mapping

import traitlets

from dbxexplore import errors
from dbxexplore.connection import (
    AUTH_KINDS,
    Auth,
    ConnectionReport,
    ConnectionSettings,
    Field,
    TokenAuth,
    looks_like_secret,
    looks_like_value,
)
from dbxexplore.connection.secrets import has_login
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Task

_WIDE = {"width": "auto", "max_width": "620px"}


class ConnectForm(Component):
    """Takes a workspace URL and a credential by the name of its variable.

    Widget state is saved into the notebook, so no field may hold a secret: what looks like one is removed
    from a field as soon as it arrives there.
    """

    WRITES = ("settings",)  # None while the form is incomplete

    report = traitlets.Instance(ConnectionReport, allow_none=True)
    """The result of the last test; None if the settings have changed since."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.task = Task()
        self._filling = False  # while settings are shown, the fields are not read one by one
        self._url = _text("Workspace URL", "https://dbc-1234abcd-56ef.cloud.databricks.com")
        kinds = [(auth.label, kind) for kind, auth in AUTH_KINDS.items()]
        self._kind = widgets.Dropdown(description="Sign in with", options=kinds, style=_STYLE, layout=_WIDE)
        self._fields = {field.name: _field(field) for auth in AUTH_KINDS.values() for field in auth.FIELDS}
        self._warehouse = _text("SQL warehouse ID", "optional – faster on large metastores")
        self._workspace = _text("Workspace ID", "optional – the number after ?o= in the workspace's address")
        self._messages = {name: message_area() for name in ("workspace_url", "auth", "ids")}
        self._test = widgets.Button(
            description="Test connection", button_style="primary", tooltip="Call the workspace with this credential"
        )
        self._result = message_area()
        super().__init__(state)
        self._hint = widgets.HTML(
            "<span class='dbxe-muted'>Enter the variable's <b>name</b>, not its value. The value is never stored.</span>",
            layout={},
        )
        self.children = [
            self._message,
            self._url,
            self._messages["workspace_url"],
            self._kind,
            *self._fields.values(),
            self._messages["auth"],
            self._hint,
            self._warehouse,
            self._workspace,
            self._messages["ids"],
            widgets.HBox([self._test]),
            self._result,
        ]
        for field in (self._url, self._kind, *self._fields.values(), self._warehouse, self._workspace):
            field.observe(self._on_field, "value")
        self.state.observe(self._on_settings, "settings")
        self._test.on_click(self._on_test)
        self._on_settings({})

    # --- fields to settings ---

    @shows_errors
    def _on_field(self, change: Mapping[str, object]) -> None:
        if self._filling:
            return
        field = change["owner"]
        assert isinstance(field, widgets.Text | widgets.Combobox | widgets.Dropdown)
        value = field.value
        if isinstance(value, str) and field is not self._kind and self._holds_secret(field, value):
            assert isinstance(field, widgets.Text | widgets.Combobox)
            field.value = ""
            message = "That looks like a token, so it was cleared. Enter the variable's name instead."
            set_text(self._messages[self._place_of(field)], error_html(errors.CredentialError(message)))
            return
        self.state.settings = self._read()

    def _holds_secret(self, field: object, value: str) -> bool:
        fields = [self._fields[f.name] for auth in AUTH_KINDS.values() for f in auth.FIELDS if f.variable]
        looks_so = looks_like_value if field in fields else looks_like_secret
        return looks_so(value) or has_login(value)

    def _place_of(self, field: object) -> str:
        if field is self._url:
            return "workspace_url"
        return "ids" if field in (self._warehouse, self._workspace) else "auth"

    def _read(self) -> ConnectionSettings | None:
        """Return the settings in the fields, or None and show the problem beside each invalid field."""
        for message in self._messages.values():
            set_text(message, "")
        fields = AUTH_KINDS[self._kind.value].FIELDS
        shown = [field.name for field in fields]
        self._hint.layout.display = None if any(field.variable for field in fields) else "none"
        for name, field in self._fields.items():
            field.layout.display = None if name in shown else "none"
        settings = None
        try:
            auth = self._auth()
        except errors.SettingsError as error:
            self._explain("auth", error, typed=any(self._fields[name].value.strip() for name in shown))
            auth = None
        try:
            settings = self._settings_with(auth or TokenAuth())
        except errors.WorkspaceUrlError as error:
            self._explain("workspace_url", error, typed=bool(self._url.value.strip()))
        except errors.SettingsError as error:
            self._explain("ids", error, typed=True)
        return settings if auth is not None else None

    def _explain(self, place: str, error: errors.SettingsError, *, typed: bool) -> None:
        # An empty field is not an error yet.
        set_text(self._messages[place], error_html(error) if typed else "")

    def _auth(self) -> Auth:
        return AUTH_KINDS[self._kind.value].from_texts({name: field.value for name, field in self._fields.items()})

    # --- settings to fields ---

    def _fill(self, settings: ConnectionSettings) -> None:
        self._url.value = settings.workspace_url or ""
        self._kind.value = settings.auth.kind
        self._warehouse.value = settings.warehouse_id or ""
        self._workspace.value = settings.workspace_id or ""
        for name, text in settings.auth.texts().items():
            self._fields[name].value = text

    @shows_errors
    def _on_settings(self, _change: Mapping[str, object]) -> None:
        self.report = None
        set_text(self._result, "")
        settings = self.state.settings
        if settings is not None and settings != self._read():
            self._filling = True
            try:
                self._fill(settings)
            finally:
                self._filling = False
        self._read()
        self._test.disabled = settings is None

    def _settings_with(self, auth: Auth) -> ConnectionSettings:
        fields = (self._url, self._warehouse, self._workspace)
        url, warehouse_id, workspace_id = (field.value or None for field in fields)
        return ConnectionSettings(url, auth, warehouse_id, workspace_id)

    # --- the test ---

    @shows_errors
    def _on_test(self, _button: object) -> None:
        settings = self.state.settings
        if settings is None or self.task.running:
            return
        self._test.disabled = True
        set_text(self._result, f"<span class='dbxe-muted' role='status'>Calling {_shown(settings)} …</span>")
        self.task.start(lambda: self._run_test(settings))

    def _run_test(self, settings: ConnectionSettings) -> None:
        try:
            report = settings.check()
        except Exception as error:  # noqa: BLE001 - shown to the person who asked for the test
            set_text(self._result, error_html(error))
        else:
            if settings == self.state.settings:  # else the report is about settings that have been replaced
                self.report = report
                set_text(self._result, report_html(report))
        finally:
            self._test.disabled = self.state.settings is None


def report_html(report: ConnectionReport) -> str:
    """Return a report as markup: whether discovery can start, the problems, and what is known of the workspace."""
    failure = "Not ready" if report.connected else "Can't connect"
    verdict = (
        "<span class='dbxe-ok'>✓ Ready to discover</span>" if report.ok else f"<span class='dbxe-no'>✗ {failure}</span>"
    )
    problems = "".join(
        f"<div class='{'dbxe-error' if problem.severity == 'error' else 'dbxe-warn'}'>{html.escape(str(problem))}</div>"
        for problem in report.problems
    )
    head = f"<div role='status'><strong>{verdict}</strong>{problems}</div>"
    if not report.connected:
        return head  # nothing else is known
    facts = [("Workspace", report.workspace_url), ("Identity", report.identity), ("Metastore", report.metastore)]
    rows = [f"<td></td><th scope='row'>{name}</th><td>{html.escape(value or 'unknown')}</td>" for name, value in facts]
    for known in report.capabilities.values():
        mark = _MARKS[known.available]
        name = html.escape(known.label)
        rows.append(f"<td>{mark}</td><th scope='row'>{name}</th><td>{html.escape(known.detail)}</td>")
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"{head}<table class='dbxe-table dbxe-report'><tbody>{table}</tbody></table>"


_MARKS = {
    True: "<span class='dbxe-ok' role='img' aria-label='yes'>✓</span>",
    False: "<span class='dbxe-muted' role='img' aria-label='no'>–</span>",  # what discovery needs is a problem as well
    None: "<span class='dbxe-muted' role='img' aria-label='unknown'>?</span>",
}


def _shown(settings: ConnectionSettings) -> str:
    return html.escape(settings.workspace_url or "the workspace")


_STYLE = {"description_width": "180px"}


def _text(description: str, placeholder: str) -> widgets.Text:
    return widgets.Text(description=description, placeholder=placeholder, style=_STYLE, layout=_WIDE)


def _field(field: Field) -> widgets.Text:
    if field.default is None:
        return _text(field.label, field.placeholder)
    return widgets.Combobox(
        description=field.label,
        options=sorted({*field.suggestions(), field.default}),
        placeholder=field.placeholder,
        value=field.default,
        ensure_option=False,
        style=_STYLE,
        layout=_WIDE,
    )
