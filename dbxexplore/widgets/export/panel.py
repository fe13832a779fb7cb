"""Panel that names the connection, lists its Dagster assets, and exports it in any format."""

from __future__ import annotations

import contextlib
import difflib
import html
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import traitlets
from IPython.display import Javascript

from dbxexplore import errors
from dbxexplore.connection.secrets import looks_like_secret
from dbxexplore.export import FORMS, write_project
from dbxexplore.export.collisions import Rows, asset_rows, collisions
from dbxexplore.export.config import DEFAULT_NAME, asset_key
from dbxexplore.export.project import project_files
from dbxexplore.files import atomic_write
from dbxexplore.filters import Dialect, Preview
from dbxexplore.filters.lint import Finding, Findings
from dbxexplore.permissions import Audit
from dbxexplore.text import line_html, one_line, plural, visible_html
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, message_area, set_text, shows_errors
from dbxexplore.widgets.pager import Pager
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.work import Debouncer

PAGE_LENGTH = 20  # asset keys
MOST_BYTES = 1_000_000  # of a file to compare with
_COPY_SECONDS = 300  # allows for clocks that differ
_TYPING_SECONDS = 0.15  # between two keys, in which nothing is worked out
_PROJECT = "project"  # a folder of several files, so not one of the forms
_COPY = """\
if (Date.now() < {until}) {{
  const say = (text) => document.querySelectorAll(".{mark}").forEach((place) => {{ place.textContent = text; }});
  const refused = () => say("Your browser blocks copying. Select the text and press Ctrl+C.");
  try {{ navigator.clipboard.writeText({text}).then(() => say("Copied"), refused); }} catch {{ refused(); }}
}}"""
_MOST_LINES = 4_000  # to compare; the time grows with their square
_SHOWN_LINES = 120
_SHOWN_SCOPES = 3
_SHOWN_COLLISIONS = 5


class ExportPanel(Component):
    """Names the connection, shows it in each format, and writes it to a file.

    The text updates at once. The asset keys and the comparison with the file follow a moment later, computed in
    background threads; wait for `finding` and `comparing`.
    """

    WRITES = ("connection_name", "description", "cron", "timezone")

    finding_to_show = traitlets.Any(None)
    """The `Finding` that was asked for last, None before; it is shown in the filters."""

    saved = traitlets.Unicode("")
    """The path of the file that was written last."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.finding, self.comparing = Debouncer(_TYPING_SECONDS), Debouncer(_TYPING_SECONDS)
        self._found = np.array([], dtype=np.intp)  # rows of the assets that the search finds
        self._found_for: tuple[Preview | None, str] = (None, "")  # the preview and the search
        self._shared: list[Rows] = []  # rows of the assets that share a key
        self._pager = Pager(PAGE_LENGTH, self._turn)
        self._name = _text("Connection name", DEFAULT_NAME)
        self._description = _text("Description", "", placeholder="optional")
        self._cron = _text("Cron schedule", "", placeholder="optional, such as 0 6 * * *")
        self._timezone = _text("Time zone", "UTC")
        self._fields = {
            "connection_name": self._name,
            "description": self._description,
            "cron": self._cron,
            "timezone": self._timezone,
        }
        self._form = widgets.Dropdown(
            description="Format",
            options=[*((form.title, key) for key, form in FORMS.items()), ("Dagster project (folder)", _PROJECT)],
            style=_STYLE,
            layout=_WIDE,
        )
        self._path = _text("File", f"{DEFAULT_NAME}.yaml")
        self._save = widgets.Button(
            description="Save", button_style="primary", icon="save", tooltip="Write the file", layout={}
        )
        self._copy = widgets.Button(description="Copy", icon="copy", tooltip="Copy the text to the clipboard")
        self._problem, self._note, self._outcome = message_area(), message_area(), message_area()
        self._difference, self._collisions, self._reader = message_area(), message_area(), message_area()
        self._lint, self._text = message_area(), widgets.HTML()
        self._to_findings = widgets.Button(
            description="Show the first finding",
            tooltip="Show the pattern in Browse and filter",
            layout={"display": "none"},
        )
        self._first_finding: Finding | None = None
        self._more = widgets.Button(description="Show more", tooltip="Show more of the shared keys", layout={})
        self._shown_collisions = _SHOWN_COLLISIONS
        self._script = widgets.Output()
        self._search = _text("Find a key", "", placeholder="part of a name, such as raw.events or raw/events")
        self._keys = widgets.HTML()
        self._assets = widgets.VBox(
            [
                widgets.HTML("<h4>Assets in Dagster</h4>"),
                self._note,
                self._reader,
                self._collisions,
                self._more,
                self._search,
                self._keys,
                self._pager.box,
            ],
            layout={},
        )
        self._in_name = False  # whether the name is the field being edited, as far as is known
        self._asked: _Question | None = None  # what the button asks to confirm
        super().__init__(state)
        fields = widgets.VBox(
            [
                self._name,
                self._description,
                self._cron,
                self._timezone,
                self._problem,
                self._form,
                self._path,
                widgets.HBox([self._save, self._copy]),
                self._outcome,
                self._lint,
                self._to_findings,
                self._difference,
            ],
            layout={"flex": "1 1 330px", "min_width": "0"},
        )
        document = widgets.VBox([self._text, self._script], layout={"flex": "1 1 360px", "min_width": "0"})
        # Beside each other where there is room, otherwise one below the other.
        both = widgets.Box(
            [fields, document], layout={"display": "flex", "flex_flow": "row wrap", "grid_gap": "0 24px"}
        )
        self.children = [both, self._assets, self._message]
        self._show_fields()
        for field in self._fields.values():
            field.observe(self._on_field, "value")
        self._form.observe(self._on_form, "value")
        self._path.observe(self._on_path, "value")
        self._search.observe(self._on_search, "value")
        self.state.observe(self._on_fields, list(self._fields))
        self.state.observe(self._on_config, ["config", "config_problems"])
        self.state.observe(self._on_preview, "preview")
        self.state.observe(self._on_unfinished, "unfinished")
        self.state.observe(self._on_read_only, "read_only")
        self._save.on_click(self._on_save)
        self._copy.on_click(self._on_copy)
        self._more.on_click(self._on_more)
        self._to_findings.on_click(self._on_to_findings)
        self._on_read_only({})
        self._show()

    def _show_fields(self) -> None:
        """Copy the name, description and schedule from the state into the fields."""
        is_default = self._path.value == self._file_name(self._name.value)
        for name, field in self._fields.items():
            field.value = getattr(self.state, name)
        if is_default:
            self._path.value = self._file_name(self._name.value)

    def text(self) -> str:
        """Return the connection in the chosen format; of a project, the names and the texts of all its files.

        Raises:
            ExportError: the format cannot express this connection.
            ConfigError: the connection is incomplete.
        """
        if self.state.config is None:
            msg = "The connection is incomplete: fill in the form first"
            raise errors.ConfigError(msg)
        if self._form.value == _PROJECT:
            files = project_files(self.state.config)
            return "\n".join(f"# --- {name}\n{text}" for name, text in files.items())
        return FORMS[self._form.value].render(self.state.config)

    # --- events ---

    @shows_errors
    def _on_field(self, change: Mapping[str, object]) -> None:
        field, old = change["owner"], str(change["old"])
        assert isinstance(field, widgets.Text)
        new = field.value  # another thread may have written it meanwhile
        if self._is_secret(field):
            return
        self._in_name = field is self._name
        if field is self._name and self._path.value == self._file_name(old):
            self._path.value = self._file_name(new)
        (name,) = (name for name, other in self._fields.items() if other is field)
        setattr(self.state, name, new)

    @shows_errors
    def _on_fields(self, _change: Mapping[str, object]) -> None:
        self._show_fields()

    @shows_errors
    def _on_form(self, change: Mapping[str, object]) -> None:
        self._path.value = _without_suffix(self._path.value, _suffix(str(change["old"]))) + _suffix(str(change["new"]))
        self._show()

    @shows_errors
    def _on_path(self, _change: Mapping[str, object]) -> None:
        if not self._is_secret(self._path):
            set_text(self._outcome, "")
            self._compare()

    @shows_errors
    def _on_search(self, _change: Mapping[str, object]) -> None:
        if not self._is_secret(self._search):
            self.finding.start(self._find)

    @shows_errors
    def _on_config(self, _change: Mapping[str, object]) -> None:
        self._show()

    @shows_errors
    def _on_preview(self, _change: Mapping[str, object]) -> None:
        self._show_assets()

    @shows_errors
    def _on_unfinished(self, _change: Mapping[str, object]) -> None:
        self._ask(None)

    @shows_errors
    def _on_more(self, _button: object) -> None:
        self._shown_collisions += PAGE_LENGTH
        self._show_collisions()

    @shows_errors
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        for field in (*self._fields.values(), self._path):
            field.disabled = self.state.read_only
        self._save.layout.display = "none" if self.state.read_only else None

    @shows_errors
    def _turn(self, pages: int) -> None:
        self._pager.page += pages
        self._show_keys()

    def _is_secret(self, field: widgets.Text) -> bool:
        """Return whether a field holds what looks like a secret, and if so empty it: its value is saved in notebooks."""
        if not looks_like_secret(field.value):
            return False
        field.value = ""
        set_text(self._problem, error_html(errors.ConfigError("That looks like a secret, so it was cleared")))
        return True

    def _file_name(self, name: str) -> str:
        return name + _suffix(self._form.value)

    def _target(self) -> Path:
        path = Path(self._path.value.strip() or self._file_name(self._name.value))
        with contextlib.suppress(RuntimeError):  # no home folder: use the path as it is
            path = path.expanduser()
        return path

    # --- the configuration and its text ---

    def _show(self) -> None:
        """Show the configuration as text, or why there is none."""
        set_text(self._outcome, "")
        self._script.outputs = ()
        problems = [one for one in self.state.config_problems if not (self._in_name and _is_name_missing(one))]
        text, problem = "", "".join(map(_problem_html, problems))
        if self.state.config is not None:
            try:
                text = self.text()
            except errors.DbxExploreError as error:
                problem = error_html(error)
        elif self.state.settings is None:
            problem = "<span class='dbxe-muted'>Fill in the connection first.</span>"
        set_text(self._problem, problem)
        self._text.value = (
            f"<h4>Preview</h4><pre class='dbxe-text' tabindex='0'>{visible_html(text)}</pre>" if text else ""
        )
        self._copy.disabled = not text
        self._save.disabled = not text and len(problems) == len(self.state.config_problems)  # else a click names it
        self._compare()
        self._show_assets()

    # --- the file ---

    def _compare(self) -> None:
        """Show after a moment what saving would change. Clear it until then, because the old text may be wrong."""
        set_text(self._difference, "")
        self._ask(None)
        if self._copy.disabled or self._form.value == _PROJECT:
            self.comparing.cancel()
            return
        text, path = self.text(), self._target()

        def work(is_wanted: Callable[[], bool]) -> None:
            current = _on_disk(path, text)
            markup = _difference_html(current, text, path)
            with self.state.lock:
                if is_wanted():
                    set_text(self._difference, markup)

        self.comparing.start(work)

    def _ask(self, question: _Question | None) -> None:
        """Label the button with what the next click confirms, or with Save."""
        self._asked = question
        self._save.description = "Save" if question is None else question.label
        self._save.tooltip = "Write the file" if question is None else question.text
        if question is not None:
            set_text(self._outcome, f"<span class='dbxe-warn' role='status'>{line_html(question.text, 600)}</span>")

    @shows_errors
    def _on_save(self, _button: object) -> None:
        if self.state.read_only:
            return
        self._in_name = False
        if self.state.config is None:
            self._show()
            return
        path, text, is_project = self._target(), self.text(), self._form.value == _PROJECT
        current = _OnDisk("nothing") if is_project else _on_disk(path, text)
        question = _question(path, current, self.state.unfinished, self.state.audit)
        if question is not None and question != self._asked:
            # The first click never replaces a file, nor one that has changed since it was compared.
            if not is_project:
                set_text(self._difference, _difference_html(current, text, path))
            self._ask(question)
            return
        self._ask(None)
        try:
            if is_project and self.state.config is not None:
                write_project(self.state.config, path)
                self.saved = str(path)
                said = f"Saved the project to <code>{line_html(str(path))}</code>. Run <code>dg dev</code> in it."
                set_text(self._outcome, f"<span class='dbxe-ok' role='status'>{said}</span>")
                return
            with atomic_write(path, errors.ExportError) as partial:
                partial.write_text(text, encoding="utf-8")
        except errors.ExportError as error:
            set_text(self._outcome, error_html(error))
            return
        self.saved = str(path)
        shown = f"<span class='dbxe-ok' role='status'>Saved to <code>{line_html(str(path))}</code></span>"
        set_text(self._outcome, shown)
        self._compare()

    @shows_errors
    def _on_copy(self, _button: object) -> None:
        text = json.dumps(self.text()).replace("<", "\\u003c")
        # The clipboard is the browser's, and no core widget reaches it. A saved notebook runs a script again when
        # it is opened, so this one has a time limit.
        until = int((time.time() + _COPY_SECONDS) * 1000)
        self._script.outputs = ()
        mark = f"dbxe-copy-{secrets.token_hex(8)}"
        set_text(
            self._outcome,
            f"<span class='dbxe-muted {mark}' role='status'>Copying… If this does not change to “Copied”, select the text "
            "and press Ctrl+C.</span>",
        )
        self._script.append_display_data(Javascript(_COPY.format(until=until, text=text, mark=mark)))

    # --- the assets ---

    def _show_assets(self) -> None:
        """Show the number of assets at once, and their keys after a moment."""
        name, preview = self.state.connection_name.strip(), self.state.preview
        if not name or preview is None:
            self.finding.cancel()
            self._assets.layout.display = "none"
            self._found, self._found_for = np.array([], dtype=np.intp), (None, "")
            self._show_findings(None)
            return
        self._assets.layout.display = None
        set_text(self._note, _note_html(name, preview))
        set_text(self._reader, "")
        if self._found_for[0] is self.state.preview:  # another name, the same objects
            self._show_keys()
            self._show_collisions()
        self.finding.start(self._find)

    def _find(self, is_wanted: Callable[[], bool]) -> None:
        """Find the rows that match the search and those that share a key; both take a while in a large catalog."""
        preview, wanted = self.state.preview, self._search.value.strip()
        if preview is None:
            return
        rows = asset_rows(preview)
        if wanted:
            rows = rows[_named_like(preview, wanted)[rows]]
        if not is_wanted():
            return
        before, text = self._found_for
        if before is not preview:
            self._shared, self._shown_collisions = [], _SHOWN_COLLISIONS
        if before is not preview or text != wanted:
            self._pager.page = 0
        self._found, self._found_for = rows, (preview, wanted)
        self._show_keys()
        shared = collisions(preview)  # the first time for a catalog the slowest part, so it comes last
        if is_wanted():
            self._shared = shared
            self._show_collisions()
            findings = preview.filters.lint(preview.catalog, preview.dialect)
            if is_wanted():
                self._show_findings(findings)
            if self._form.value == "datahub":
                reader = _reader_html(preview)
                if is_wanted():
                    set_text(self._reader, reader)

    def _show_findings(self, findings: Findings | None) -> None:
        set_text(self._lint, "" if findings is None else _lint_html(findings))
        self._first_finding = findings[0] if findings else None
        self._to_findings.layout.display = None if findings else "none"

    @shows_errors
    def _on_to_findings(self, _button: object) -> None:
        self.finding_to_show = None
        self.finding_to_show = self._first_finding

    def _show_collisions(self) -> None:
        name, preview = self.state.connection_name.strip(), self._found_for[0]
        if preview is not None:
            set_text(self._collisions, _collisions_html(name, preview, self._shared, self._shown_collisions))
        longest = max([len(self._shared), *map(len, self._shared)])
        self._more.layout.display = None if longest > self._shown_collisions else "none"

    def _show_keys(self) -> None:
        name, preview, found = self.state.connection_name.strip(), self._found_for[0], self._found
        if preview is None:
            return
        keys = _keys(name, preview, found[self._pager.part(len(found))])
        lines = "".join(f"<li><code>{_key_html(key)}</code></li>" for _, key in keys)
        nothing = "No matching keys." if self._search.value.strip() else "No assets are included."
        self._keys.value = f"<ul class='dbxe-keys'>{lines}</ul>" if len(found) else _muted(nothing)


_STYLE = {"description_width": "120px"}
_WIDE = {"width": "auto", "max_width": "620px"}


def _text(description: str, value: str, placeholder: str = "") -> widgets.Text:
    return widgets.Text(description=description, value=value, placeholder=placeholder, style=_STYLE, layout=_WIDE)


_FIELDS = {"name": "Connection name", "description": "Description", "cron": "Cron schedule", "timezone": "Time zone"}


def _problem_html(error: errors.DbxExploreError) -> str:
    return f"<div class='dbxe-error' role='alert'>{_in_words_of_the_form(error)}</div>"


def _is_name_missing(error: errors.DbxExploreError) -> bool:
    return isinstance(error, errors.ConfigError) and "name" in error.path and "at least 1 character" in error.what


def _in_words_of_the_form(error: errors.DbxExploreError) -> str:
    """Return, as markup, what is wrong with a field: an error names the keys of the document, not the labels of the form."""
    path = error.path if isinstance(error, errors.ConfigError) else ()
    field = next((str(part) for part in path if part in _FIELDS), "")
    if not field or not isinstance(error, errors.ConfigError):
        return line_html(str(error), 600)
    if _is_name_missing(error):
        return f"{_FIELDS[field]}: a name is required."
    expected = f" Expected {error.expected}." if error.expected else ""
    remedy = f" {error.remedy}." if error.remedy else ""
    return line_html(f"{_FIELDS[field]}: {error.what}.{expected}{remedy}", 600)


def _muted(text: str) -> str:
    return f"<span class='dbxe-muted' role='status'>{html.escape(text)}</span>"


# --- assets as text ---


def _note_html(connection: str, preview: Preview) -> str:
    number = _number(preview)
    nothing = "The filters exclude everything: 0 assets would be synced."
    note = f"<div class='dbxe-warn' role='status'>⚠ {nothing}</div>" if not number else ""
    note += f"<div>{plural(number, 'asset')}, key prefix <code>{line_html(connection)}/</code></div>"
    if preview.catalog.complete:
        return note
    failures = preview.catalog.failures
    named = ", ".join(line_html(str(scope), 80) for scope in failures["scope"].head(_SHOWN_SCOPES))
    more = f" and {len(failures) - _SHOWN_SCOPES:,} more" if len(failures) > _SHOWN_SCOPES else ""
    return (
        f"{note}<div class='dbxe-warn' role='status'>The discovery was incomplete: {preview.catalog.not_listed} "
        f"({named}{more}), so more assets may be synced than are shown here.</div>"
    )


def _number(preview: Preview) -> int:
    """Return how many assets there will be."""
    return int(preview.counts().loc[["table", "view", "notebook"], "included"].sum())


def _lint_html(findings: Findings) -> str:
    """Return how many findings lint has, by severity."""
    numbers = findings.counts()
    said = ", ".join(plural(number, _SEVERITIES[severity]) for severity, number in numbers.items() if number)
    kind = "warn" if numbers["error"] or numbers["warning"] else "muted"
    return f"<div class='dbxe-{kind}' role='status'>Filters: {said}</div>" if said else ""


_SEVERITIES = {"error": "error", "warning": "warning", "info": "note"}


def _reader_html(preview: Preview) -> str:
    """Return a warning where DataHub, with its own matching rules, would include other objects."""
    reader = replace(Dialect.DATAHUB, ignore_case=preview.dialect.ignore_case)  # which a recipe can tell it
    # A recipe for filters that are read without view patterns has none.
    if preview.dialect in {reader, replace(reader, views=Dialect.DATAHUB_1_5.views)}:
        return ""
    read = preview.filters.preview(preview.catalog, reader)
    here, there = asset_rows(preview), asset_rows(read)
    if np.array_equal(here, there):
        return ""
    as_many = f"{plural(len(there), 'object')}, not {len(here):,}"
    others = f"{plural(len(there), 'object')} too, {len(np.setdiff1d(there, here)):,} of them not among these"
    message = as_many if len(here) != len(there) else others
    return f"<div class='dbxe-warn' role='status'>⚠ DataHub's own rules would include {message}.</div>"


def _keys(connection: str, preview: Preview, rows: Rows) -> list[tuple[str, list[str]]]:
    """Return the names and asset keys of a few rows; an object is named ``table 'a.b.c'``."""
    few = preview.catalog.objects.iloc[rows]
    columns = (few[column].astype(object) for column in ("kind", "catalog", "schema", "name", "full_name"))
    return [(f"{row[0]} {row[4]!r}", asset_key(connection, *row)) for row in zip(*columns, strict=True)]


def _key_html(key: Sequence[str]) -> str:
    return line_html(json.dumps(key, ensure_ascii=False), 1_200)


def _named_like(preview: Preview, text: str) -> npt.NDArray[np.bool_]:
    """Return which objects have a text in their full name, in any case; slashes stand for dots too, as in a key."""
    names = preview.catalog.objects["full_name"]
    flags: list[npt.NDArray[np.bool_]] = [
        names.str.contains(wanted, case=False, regex=False).to_numpy(dtype=bool, na_value=False)
        for wanted in dict.fromkeys((text, text.replace("/", ".")))
    ]
    return np.logical_or(flags[0], flags[-1])


def _collisions_html(connection: str, preview: Preview, shared: Sequence[Rows], limit: int) -> str:
    if not shared:
        return ""
    lines = []
    for rows in shared[:limit]:
        shown = _keys(connection, preview, rows[:limit])
        names = " and ".join(line_html(name, 120) for name, _ in shown)
        more = f" and {len(rows) - len(shown):,} more" if len(rows) > len(shown) else ""
        lines.append(f"<li>{names}{more}: <code>{_key_html(shown[0][1])}</code></li>")
    rest = len(shared) - len(lines)
    lines += [f"<li>and {plural(rest, 'more key')}</li>"] if rest else []
    return (
        f"<div class='dbxe-warn' role='status'>{plural(len(shared), 'asset key')} would be shared by several objects. "
        f"Dagster treats these as one asset:<ul class='dbxe-keys'>{''.join(lines)}</ul>"
        "Rename one of them in Databricks, or exclude it with a filter.</div>"
    )


# --- the existing file ---


def _suffix(form: str) -> str:
    return "" if form == _PROJECT else FORMS[form].suffix


def _without_suffix(path: str, suffix: str) -> str:
    """Return a path without the suffix of its format, or of any other: ``conn.yml`` becomes ``conn.tf``, not more."""
    known = {suffix, ".yml", *(form.suffix for form in FORMS.values())}
    return path.removesuffix(max((one for one in known if path.endswith(one)), key=len, default=""))


@dataclass(frozen=True)
class _Question:
    """What a second click on the button confirms."""

    label: str
    text: str
    about: tuple[Path, _OnDisk, tuple[str, ...], str]


def _question(path: Path, current: _OnDisk, unfinished: Sequence[str], audit: Audit | None) -> _Question | None:
    replaces = current.state == "other"
    texts = []
    lost = "" if audit is None or audit.ready else _lost(audit)
    if lost:
        texts.append(lost)
    if replaces:
        texts.append("A file with this name exists.")
    if unfinished:
        texts.append(f"Unfinished patterns are left out: {', '.join(unfinished)}.")
    if not texts:
        return None
    label = "Save without them" if unfinished else "Save all the same"
    label = f"Overwrite {one_line(path.name)[:40]}" if replaces else label
    return _Question(label, f"{' '.join(texts)} Click “{label}” to confirm.", (path, current, tuple(unfinished), lost))


def _lost(audit: Audit) -> str:
    """Return what a connection with this principal would miss."""
    counts = audit.counts()
    known = counts["invisible"] + counts["browse_only"]
    parts = [f"can't read {known:,} of the included tables and views" if known else ""]
    parts += [f"may not be able to read {counts['unknown']:,} of them" if counts["unknown"] else ""]
    said = " and ".join(part for part in parts if part) or "lacks privileges on what is included"
    return f"The principal {one_line(audit.principal.name)} {said} (see Access)."


@dataclass(frozen=True)
class _OnDisk:
    """What is at a path: nothing, exactly the text, something else, or something that cannot be compared."""

    state: Literal["nothing", "same", "other"]
    text: str = ""
    problem: str = ""


def _on_disk(path: Path, text: str) -> _OnDisk:
    state: Literal["nothing", "same", "other"] = "nothing"
    content, problem = "", ""
    try:
        if not path.exists():
            return _OnDisk("nothing")
        if not path.is_dir():
            state = "other"
        problem = _obstacle(path)
        content = "" if problem else path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        problem = _NOT_TEXT
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}."
    if "\0" in content:
        problem = _NOT_TEXT
    # Python writes the line ends of the system.
    is_same = not problem and content.replace("\r\n", "\n") == text
    return _OnDisk("same" if is_same else state, content, problem)


_NOT_TEXT = "already exists and is not a text file."


def _obstacle(path: Path) -> str:
    """Return why what is at a path cannot be compared with a text, empty when it can."""
    if path.is_dir():
        return "is a folder. Name a file in it."
    if not path.is_file():
        return "is not a regular file."
    size = path.stat().st_size
    return f"already exists and is too large to compare ({size / 1e6:,.1f} MB)." if size > MOST_BYTES else ""


def _difference_html(current: _OnDisk, text: str, path: Path) -> str:
    """Return what saving would change in the file, as a unified diff of bounded length that shows no secret."""
    name = f"<code>{line_html(str(path))}</code>"
    if current.problem:
        return f"<div class='dbxe-warn' role='status'>{name} {html.escape(current.problem)}</div>"
    if current.state == "nothing":
        return _new_folder_html(path)
    if current.state == "same":
        return f"<div class='dbxe-muted' role='status'>{name} is up to date.</div>"
    # splitlines would also split at characters that are not line ends in YAML or HCL.
    before, after = current.text.split("\n"), text.split("\n")
    if max(len(before), len(after)) > _MOST_LINES:
        lengths = f"{len(before):,} lines in the file, {len(after):,} here"
        return f"<div class='dbxe-warn' role='status'>{name} already exists and differs. It is too long to compare ({lengths}).</div>"
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    rest = len(lines) - _SHOWN_LINES
    more = f"<span class='at'>… {plural(rest, 'more line')}</span>" if rest > 0 else ""
    shown = "".join(_line_html(line) for line in lines[:_SHOWN_LINES])
    label = f"Changes to {one_line(str(path))}"
    return (
        f"<div role='status'>{name} already exists. Saving will change it: "
        f"{_signed(added, removed)}</div>"
        f"<pre class='dbxe-text dbxe-diff' tabindex='0' aria-label='{html.escape(label)}'>{shown}{more}</pre>"
    )


def _signed(added: int, removed: int) -> str:
    """Return ``+7 −10 lines`` as markup, without a part that is zero."""
    parts = [f"<span class='dbxe-ok'>+{added:,}</span>"] if added else []
    parts += [f"<span class='dbxe-no'>−{removed:,}</span>"] if removed else []
    return f"{' '.join(parts)} {'line' if added + removed == 1 else 'lines'}"


def _new_folder_html(path: Path) -> str:
    """Return a note that saving creates a folder, which the user may not expect after a typo in the path."""
    with contextlib.suppress(OSError):
        if not path.parent.exists():
            folder = f"<code>{line_html(str(path.parent))}</code>"
            return f"<div class='dbxe-muted' role='status'>Saving creates the folder {folder}.</div>"
    return ""


_CLASSES = {"+": "add", "-": "del", "@": "at"}


def _line_html(line: str) -> str:
    sign, rest = line[:1], line[1:]
    if looks_like_secret(rest):
        rest = "(not shown: looks like a secret)"
    shown = html.escape(sign) + line_html(rest.removesuffix("\r").replace("\t", "    "), 400)
    kind = _CLASSES.get(sign)
    return f"<span class='{kind}'>{shown}</span>" if kind else f"<span>{shown}</span>"
