"""The form for the connection settings, and the test of them."""

from __future__ import annotations

import html
from collections.abc import Mapping

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
from dbxexplore.widgets.connect.prefill import URL, prefill
from dbxexplore.widgets.connect.snippet import missing_html
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Task

_WIDE = {"width": "auto", "max_width": "620px"}
_HINT = "Enter the variable's <b>name</b>, not its value. The value is never stored."


class ConnectForm(Component):
    """Takes a workspace URL and a credential by the name of its variable.

    Without settings, it starts with those that the environment suggests, see `prefill`. Widget state is saved into the
    notebook, so no field may hold a secret: what looks like one is removed from a field as soon as it arrives there.
    """

    WRITES = ("settings", "report")  # None while the form is incomplete; the result of a test

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.task = Task()
        self._filling = False  # while settings are shown, the fields are not read one by one
        self._sources: dict[str, str] = {}  # where the values of fields come from
        self._last = ""  # the field that is being edited
        self._left: set[str] = set()  # those that were edited before
        self._url = _text("Workspace URL", "https://dbc-1234abcd-56ef.cloud.databricks.com")
        kinds = [(auth.label, kind) for kind, auth in AUTH_KINDS.items()]
        self._kind = widgets.Dropdown(description="Sign in with", options=kinds, style=_STYLE, layout=_WIDE)
        self._described = {field.name: field for auth in AUTH_KINDS.values() for field in auth.FIELDS}
        self._fields = {name: _field(field) for name, field in self._described.items()}
        self._warehouse = _text("SQL warehouse ID", "optional – faster on large metastores")
        self._workspace = _text("Workspace ID", "optional – the number after ?o= in the workspace's address")
        self._inputs = {
            URL: self._url,
            **self._fields,
            "warehouse_id": self._warehouse,
            "workspace_id": self._workspace,
        }
        self._messages = {name: message_area() for name in self._inputs}
        for message in self._messages.values():
            message.add_class("dbxe-below-field")
        self._test = widgets.Button(description="Test connection", tooltip="Call the workspace with this credential")
        self._result = message_area()
        super().__init__(state)
        rows = {name: [field, self._messages[name]] for name, field in self._inputs.items()}
        self.children = [
            self._message,
            *rows.pop(URL),
            self._kind,
            *(widget for row in rows.values() for widget in row),
            widgets.HBox([self._test]),
            self._result,
        ]
        if self.state.settings is None:
            self._prefill()
        for field in (self._kind, *self._inputs.values()):
            field.observe(self._on_field, "value")
        self.state.observe(self._on_settings, "settings")
        self.state.observe(self._on_report, ["report", "attempted"])
        self._test.on_click(self._on_test)
        self._on_settings({})

    @property
    def report(self) -> ConnectionReport | None:
        """The result of the last test; None if the settings have changed since."""
        report: ConnectionReport | None = self.state.report
        return report

    # --- fields to settings ---

    @shows_errors
    def _on_field(self, change: Mapping[str, object]) -> None:
        if self._filling:
            return
        field = change["owner"]
        name = next((name for name, known in self._inputs.items() if known is field), "")
        self._sources.pop(name, None)
        if self._last not in {"", name}:
            self._left.add(self._last)
        self._last = name
        if name and self._holds_secret(name):
            self._inputs[name].value = ""
            message = "That looks like a token, so it was cleared. Enter the variable's name instead."
            set_text(self._messages[name], error_html(errors.CredentialError(message)))
            return
        self.state.settings = self._read()

    def _holds_secret(self, name: str) -> bool:
        value = self._inputs[name].value
        is_variable = name in self._fields and self._described[name].variable
        return (looks_like_value if is_variable else looks_like_secret)(value) or has_login(value)

    def _read(self) -> ConnectionSettings | None:
        """Return the settings in the fields, or None and show the problem below each invalid field."""
        problems: dict[str, errors.SettingsError] = {}
        shown = self._shown()
        auth: Auth | None = None
        try:
            auth = AUTH_KINDS[self._kind.value].from_texts({name: field.value for name, field in self._fields.items()})
        except errors.SettingsError as error:
            problems[error.field if error.field in shown else (shown or [URL])[-1]] = error
        settings = None
        try:
            settings = self._settings_with(auth or TokenAuth())
        except errors.WorkspaceUrlError as error:
            problems[URL] = error
        except errors.SettingsError as error:
            problems[error.field if error.field in self._inputs else "workspace_id"] = error
        for name, field in self._fields.items():
            field.layout.display = None if name in shown else "none"
        result = settings if auth is not None else None
        for name, message in self._messages.items():
            hidden = name in self._fields and name not in shown
            set_text(message, "" if hidden else self._note(name, problems.get(name), result))
        return result

    def _shown(self) -> list[str]:
        return [field.name for field in AUTH_KINDS[self._kind.value].FIELDS]

    def _note(self, name: str, problem: errors.SettingsError | None, settings: ConnectionSettings | None) -> str:
        """Return what to say below a field: what is wrong, what is missing, where its value comes from, or a hint."""
        described = self._described.get(name)
        if self._inputs[name].value.strip():
            if problem is not None:
                return error_html(problem)
        elif self._is_required(name) and (self.state.attempted or name in self._left):
            return error_html(errors.SettingsError(f"{self._inputs[name].description} is required"))
        source = self._sources.get(name)
        said = f"from <code>{html.escape(source)}</code>" if source else ""
        if described is None or not described.variable:
            return _muted(said)
        missing = missing_html(settings.auth.secret_variable or "") if settings is not None else ""
        return missing or _muted(" · ".join(filter(None, (said, _HINT))))

    def _is_required(self, name: str) -> bool:
        if name == URL:
            return AUTH_KINDS[self._kind.value].needs_url
        return name in self._fields and not self._described[name].optional

    # --- settings to fields ---

    def _prefill(self) -> None:
        """Show what the environment suggests, unless it is about another workspace than the catalog."""
        found, catalog = prefill(), self.state.catalog
        origin = catalog.provenance.workspace_url if catalog is not None else None
        if origin is not None and origin.rstrip("/") != found.texts.get(URL):
            return
        self._kind.value = found.kind
        for name, text in found.texts.items():
            self._inputs[name].value = text
        self._sources = dict(found.sources)
        settings = self._read()
        if settings is not None:
            self.state.settings = settings

    def _fill(self, settings: ConnectionSettings) -> None:
        self._url.value = settings.workspace_url or ""
        self._kind.value = settings.auth.kind
        self._warehouse.value = settings.warehouse_id or ""
        self._workspace.value = settings.workspace_id or ""
        for name, text in settings.auth.texts().items():
            self._fields[name].value = text
        self._sources.clear()

    @shows_errors
    def _on_settings(self, _change: Mapping[str, object]) -> None:
        settings = self.state.settings
        if settings is not None and settings != self._read():
            self._filling = True
            try:
                self._fill(settings)
            finally:
                self._filling = False
        self._on_report({})

    def _settings_with(self, auth: Auth) -> ConnectionSettings:
        fields = (self._url, self._warehouse, self._workspace)
        url, warehouse_id, workspace_id = (field.value or None for field in fields)
        return ConnectionSettings(url, auth, warehouse_id, workspace_id)

    # --- the test ---

    @shows_errors
    def _on_report(self, _change: Mapping[str, object]) -> None:
        self._read()
        set_text(self._result, "" if self.state.report is None else report_html(self.state.report))

    @shows_errors
    def _on_test(self, _button: object) -> None:
        settings = self.state.settings
        self.state.report = None
        if settings is None:
            self._left.update(self._inputs)
            self._read()
            return
        if self.task.running:
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
            with self.state.lock:
                if settings == self.state.settings:  # else the report is about settings that have been replaced
                    self.state.report = report
                    self._on_report({})  # the report may be equal to the one before, and no change
        finally:
            self._test.disabled = False


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


def _muted(markup: str) -> str:
    return f"<span class='dbxe-muted'>{markup}</span>" if markup else ""


_STYLE = {"description_width": "205px"}


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
