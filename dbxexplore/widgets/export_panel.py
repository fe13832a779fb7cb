"""The panel that names the connection and writes it out, in any of its forms."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import ipywidgets as widgets
import traitlets
from IPython.display import Javascript

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.connection.settings import looks_like_secret
from dbxexplore.export import ConnectionConfig, Schedule, datahub_recipe, source_config_yaml, terraform
from dbxexplore.files import written_whole
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.widgets._base import Component, error_html, guarded, message_area, plural, set_text

FORMS: dict[str, tuple[str, str, Callable[[ConnectionConfig], str]]] = {
    "document": ("Connection document", ".yaml", ConnectionConfig.to_yaml),
    "source-config": ("Dagster+ source config (provisional)", "-source.yaml", source_config_yaml),
    "terraform": ("Terraform", ".tf", terraform),
    "datahub": ("DataHub recipe", "-recipe.yaml", datahub_recipe),
}
DEFAULT_NAME = "databricks_unity_catalog"
_COPY_SECONDS = 300  # allows for clocks that differ


class ExportPanel(Component):
    """Makes a connection configuration of settings, filters and its own fields, and writes it to a file."""

    settings = traitlets.Instance(ConnectionSettings, allow_none=True)
    """Where to connect to."""

    filters = traitlets.Instance(Filters)
    """What to let through."""

    dialect = traitlets.Instance(Dialect)
    """How the filters are read."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """What they let through, to say how many assets there will be."""

    config = traitlets.Instance(ConnectionConfig, allow_none=True)
    """The configuration, None while the fields make none."""

    saved = traitlets.Unicode("")
    """The path of the file that was written last."""

    def __init__(self, config: ConnectionConfig | None = None) -> None:
        self._name = _text("Connection name", DEFAULT_NAME)
        self._description = _text("Description", "", placeholder="optional")
        self._cron = _text("Cron schedule", "", placeholder="optional, such as 0 6 * * *")
        self._timezone = _text("Time zone", "UTC")
        self._form = widgets.Dropdown(
            description="Format",
            options=[(label, key) for key, (label, _, _) in FORMS.items()],
            style=_STYLE,
            layout=_WIDE,
        )
        self._path = _text("File", f"{DEFAULT_NAME}.yaml")
        self._save = widgets.Button(description="Save", button_style="primary", icon="save", tooltip="Write the file")
        self._copy = widgets.Button(description="Copy", icon="copy", tooltip="Copy the text to the clipboard")
        self._problem, self._note, self._outcome = message_area(), message_area(), message_area()
        self._text = widgets.HTML()
        self._script = widgets.Output()
        super().__init__(filters=config.filters if config else Filters(), dialect=Dialect.DATAHUB)
        self.children = [
            self._name,
            self._description,
            self._cron,
            self._timezone,
            self._problem,
            self._note,
            self._form,
            self._path,
            widgets.HBox([self._save, self._copy]),
            self._outcome,
            self._text,
            self._script,
            self._message,
        ]
        if config is not None:
            self._fill(config)
        for field in (self._name, self._description, self._cron, self._timezone):
            field.observe(self._on_field, "value")
        self._form.observe(self._on_form, "value")
        self.observe(self._on_value, ["settings", "filters", "dialect", "preview"])
        self._save.on_click(self._on_save)
        self._copy.on_click(self._on_copy)
        self._build()

    def _fill(self, config: ConnectionConfig) -> None:
        self._name.value, self._description.value = config.name, config.description
        if config.schedule:
            self._cron.value, self._timezone.value = config.schedule.cron, config.schedule.timezone
        self._path.value = f"{config.name}.yaml"
        self.settings, self.filters, self.dialect = config.settings, config.filters, config.dialect

    def text(self) -> str:
        """Return the connection in the chosen format.

        Raises:
            ExportError: the format cannot express this connection.
            ConfigError: the fields make no configuration.
        """
        if self.config is None:
            msg = "The fields make no connection yet"
            raise errors.ConfigError(msg)
        return FORMS[self._form.value][2](self.config)

    # --- what happens ---

    @guarded
    def _on_field(self, change: Mapping[str, object]) -> None:
        field, new, old = change["owner"], str(change["new"]), str(change["old"])
        assert isinstance(field, widgets.Text)
        if looks_like_secret(new):
            field.value = ""
            set_text(self._problem, error_html(errors.ConfigError("That looked like a secret, so it was removed")))
            return
        if field is self._name and self._path.value == self._file_name(old):
            self._path.value = self._file_name(new)
        self._build()

    @guarded
    def _on_form(self, change: Mapping[str, object]) -> None:
        stem = self._path.value.removesuffix(FORMS[str(change["old"])][1])
        self._path.value = stem + FORMS[str(change["new"])][1]
        self._build()

    @guarded
    def _on_value(self, _change: Mapping[str, object]) -> None:
        self._build()

    def _file_name(self, name: str) -> str:
        return name + FORMS[self._form.value][1]

    def _build(self) -> None:
        """Make the configuration anew, and show it, or what keeps it from being one."""
        set_text(self._outcome, "")
        self._script.outputs = ()
        self.config = self._made()
        text = ""
        if self.config is not None:
            set_text(self._problem, "")
            try:
                text = self.text()
            except errors.DbxExploreError as error:
                set_text(self._problem, error_html(error))
        set_text(self._note, self._note_html())
        self._text.value = f"<pre class='dbxe-text' tabindex='0'>{html.escape(text)}</pre>" if text else ""
        self._save.disabled = self._copy.disabled = not text

    def _made(self) -> ConnectionConfig | None:
        if self.settings is None:
            set_text(self._problem, "<span class='dbxe-muted'>Fill in the connection first.</span>")
            return None
        try:
            cron = self._cron.value.strip()
            schedule = Schedule(cron=cron, timezone=self._timezone.value.strip() or "UTC") if cron else None
            return ConnectionConfig(
                name=self._name.value.strip(),
                description=self._description.value.strip(),
                settings=self.settings,
                filters=self.filters,
                dialect=self.dialect,
                schedule=schedule,
            )
        except errors.DbxExploreError as error:
            set_text(self._problem, error_html(error))
            return None

    def _note_html(self) -> str:
        if self.config is None or self.preview is None:
            return ""
        assets = plural(len(self.config.asset_keys(self.preview)), "asset")
        note = f"<div class='dbxe-muted'>{assets} in Dagster, under the key {html.escape(self.config.name)}.</div>"
        if not self.preview.catalog.complete:
            missing = plural(len(self.preview.catalog.failures), "scope")
            note += (
                f"<div class='dbxe-warn'>The discovery was incomplete: {missing} could not be listed, so more may be "
                "synced than is shown here.</div>"
            )
        return note

    @guarded
    def _on_save(self, _button: object) -> None:
        path = Path(self._path.value.strip() or self._file_name(self._name.value)).expanduser()
        try:
            with written_whole(path, errors.ExportError) as partial:
                partial.write_text(self.text(), encoding="utf-8")
        except errors.ExportError as error:
            set_text(self._outcome, error_html(error))
            return
        self.saved = str(path)
        shown = f"<span class='dbxe-ok' role='status'>Saved to <code>{html.escape(str(path))}</code></span>"
        set_text(self._outcome, shown)

    @guarded
    def _on_copy(self, _button: object) -> None:
        text = json.dumps(self.text()).replace("<", "\\u003c")
        # The clipboard is the browser's, and no core widget reaches it. A saved notebook runs a script again when
        # it is opened, so this one has a time limit.
        until = int((time.time() + _COPY_SECONDS) * 1000)
        self._script.outputs = ()
        self._script.append_display_data(Javascript(f"if (Date.now() < {until}) navigator.clipboard.writeText({text})"))
        set_text(
            self._outcome,
            "<span class='dbxe-muted' role='status'>Copied. If your browser did not allow it, select the text below.</span>",
        )


_STYLE = {"description_width": "120px"}
_WIDE = {"width": "auto", "max_width": "620px"}


def _text(description: str, value: str, placeholder: str = "") -> widgets.Text:
    return widgets.Text(description=description, value=value, placeholder=placeholder, style=_STYLE, layout=_WIDE)
