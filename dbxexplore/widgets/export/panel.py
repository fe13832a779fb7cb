"""The panel that names the connection, says what Dagster will make of it, and writes it out in any of its forms."""

from __future__ import annotations

import contextlib
import difflib
import html
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import traitlets
from IPython.display import Javascript

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.connection.secrets import looks_like_secret
from dbxexplore.export import FORMS, ConnectionConfig, Schedule
from dbxexplore.export.collisions import Rows, asset_rows, collisions
from dbxexplore.files import atomic_write
from dbxexplore.filters import Dialect, Filters, Preview
from dbxexplore.text import line_html, one_line, plural, visible_html
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import ONE_AT_A_TIME, Component, error_html, guarded, message_area, set_text
from dbxexplore.widgets.work import Latest

DEFAULT_NAME = "databricks_unity_catalog"
PAGE_LENGTH = 20  # asset keys
MOST_BYTES = 1_000_000  # of a file to compare with
_COPY_SECONDS = 300  # allows for clocks that differ
_TYPING_SECONDS = 0.15  # between two keys, in which nothing is worked out
_MOST_LINES = 4_000  # to compare; the time grows with their square
_SHOWN_LINES = 120
_SHOWN_SCOPES = 3
_SHOWN_COLLISIONS = 5


class ExportPanel(Component):
    """Makes a connection configuration of settings, filters and its own fields, and writes it to a file.

    ``config`` follows at once. The asset keys and what would change in the file follow a moment later, worked out
    beside the kernel's own thread; `finding` and `comparing` can be waited for.
    """

    settings = traitlets.Instance(ConnectionSettings, allow_none=True)
    """Where to connect to."""

    filters = traitlets.Instance(Filters)
    """What to let through."""

    dialect = traitlets.Instance(Dialect)
    """How the filters are read."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """What they let through, to say which assets there will be."""

    config = traitlets.Instance(ConnectionConfig, allow_none=True)
    """The configuration, None while the fields make none."""

    saved = traitlets.Unicode("")
    """The path of the file that was written last."""

    read_only = traitlets.Bool(default_value=False)
    """Whether the connection may only be looked at and copied: nothing can be typed, and there is no Save."""

    def __init__(self, config: ConnectionConfig | None = None) -> None:
        self.finding, self.comparing = Latest(_TYPING_SECONDS), Latest(_TYPING_SECONDS)
        self._found = np.array([], dtype=np.intp)  # rows of the assets that the search finds
        self._found_for: tuple[Preview | None, str] = (None, "")  # the preview and the search
        self._shared: list[Rows] = []  # rows of the assets that share a key
        self._page = 0
        self._name = _text("Connection name", DEFAULT_NAME)
        self._description = _text("Description", "", placeholder="optional")
        self._cron = _text("Cron schedule", "", placeholder="optional, such as 0 6 * * *")
        self._timezone = _text("Time zone", "UTC")
        self._form = widgets.Dropdown(
            description="Format",
            options=[(form.title, key) for key, form in FORMS.items()],
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
        self._text = widgets.HTML()
        self._script = widgets.Output()
        self._search = _text("Find a key", "", placeholder="part of a name, such as raw.events or raw/events")
        self._keys = widgets.HTML()
        self._back = widgets.Button(description="‹ Previous", layout={"width": "90px"})
        self._next = widgets.Button(description="Next ›", layout={"width": "90px"})
        self._where = widgets.HTML()
        self._assets = widgets.VBox(
            [
                widgets.HTML("<h4>Assets in Dagster</h4>"),
                self._note,
                self._reader,
                self._collisions,
                self._search,
                self._keys,
                widgets.HBox([self._back, self._next, self._where]),
            ],
            layout={},
        )
        self._replaced: Path | None = None  # the file that saving would replace, as the button says
        super().__init__(filters=config.filters if config else Filters(), dialect=Dialect.DATAHUB)
        self.children = [
            self._name,
            self._description,
            self._cron,
            self._timezone,
            self._problem,
            self._form,
            self._path,
            widgets.HBox([self._save, self._copy]),
            self._outcome,
            self._difference,
            self._assets,
            self._text,
            self._script,
            self._message,
        ]
        if config is not None:
            self._fill(config)
        for field in (self._name, self._description, self._cron, self._timezone):
            field.observe(self._on_field, "value")
        self._form.observe(self._on_form, "value")
        self._path.observe(self._on_path, "value")
        self._search.observe(self._on_search, "value")
        self.observe(self._on_value, ["settings", "filters", "dialect"])
        self.observe(self._on_preview, "preview")
        self.observe(self._on_read_only, "read_only")
        self._save.on_click(self._on_save)
        self._copy.on_click(self._on_copy)
        self._back.on_click(lambda _: self._turn(-1))
        self._next.on_click(lambda _: self._turn(1))
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
        return FORMS[self._form.value].render(self.config)

    # --- what happens ---

    @guarded
    def _on_field(self, change: Mapping[str, object]) -> None:
        field, new, old = change["owner"], str(change["new"]), str(change["old"])
        assert isinstance(field, widgets.Text)
        if self._is_secret(field):
            return
        if field is self._name and self._path.value == self._file_name(old):
            self._path.value = self._file_name(new)
        self._build()

    @guarded
    def _on_form(self, change: Mapping[str, object]) -> None:
        stem = self._path.value.removesuffix(FORMS[str(change["old"])].suffix)
        self._path.value = stem + FORMS[str(change["new"])].suffix
        self._build()

    @guarded
    def _on_path(self, _change: Mapping[str, object]) -> None:
        if not self._is_secret(self._path):
            set_text(self._outcome, "")
            self._compare()

    @guarded
    def _on_search(self, _change: Mapping[str, object]) -> None:
        if not self._is_secret(self._search):
            self.finding.start(self._find)

    @guarded
    def _on_value(self, _change: Mapping[str, object]) -> None:
        self._build()

    @guarded
    def _on_preview(self, _change: Mapping[str, object]) -> None:
        self._show_assets()

    @guarded
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        for field in (self._name, self._description, self._cron, self._timezone, self._path):
            field.disabled = self.read_only
        self._save.layout.display = "none" if self.read_only else None

    @guarded
    def _turn(self, pages: int) -> None:
        self._page += pages
        self._show_keys()

    def _is_secret(self, field: widgets.Text) -> bool:
        """Return whether a field holds what looks like a secret, and if so empty it: its value is saved in notebooks."""
        if not looks_like_secret(field.value):
            return False
        field.value = ""
        set_text(self._problem, error_html(errors.ConfigError("That looked like a secret, so it was removed")))
        return True

    def _file_name(self, name: str) -> str:
        return name + FORMS[self._form.value].suffix

    def _target(self) -> Path:
        path = Path(self._path.value.strip() or self._file_name(self._name.value))
        with contextlib.suppress(RuntimeError):  # a home folder that there is not: the path is taken as it is
            path = path.expanduser()
        return path

    # --- the configuration and its text ---

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
        self._text.value = (
            f"<h4>What is written</h4><pre class='dbxe-text' tabindex='0'>{visible_html(text)}</pre>" if text else ""
        )
        self._save.disabled = self._copy.disabled = not text
        self._compare()
        self._show_assets()

    def _made(self) -> ConnectionConfig | None:
        if self.settings is None:
            set_text(self._problem, "<span class='dbxe-muted'>Fill in the connection first.</span>")
            return None
        settings, cron = self.settings, self._cron.value.strip()
        wrong: list[str] = []

        def whole(schedule: Schedule | None) -> ConnectionConfig:
            return ConnectionConfig(
                name=self._name.value.strip(),
                description=self._description.value.strip(),
                settings=settings,
                filters=self.filters,
                dialect=self.dialect,
                schedule=schedule,
            )

        # Apart from each other, because what is refused stops at the first field that is wrong.
        timezone = self._timezone.value.strip() or "UTC"
        if cron:
            _tried(wrong, lambda: Schedule(cron=cron))
            _tried(wrong, lambda: Schedule(cron=_ANY_CRON, timezone=timezone))
        if wrong:
            _tried(wrong, lambda: whole(None))
            config = None
        else:
            config = _tried(wrong, lambda: whole(Schedule(cron=cron, timezone=timezone) if cron else None))
        if wrong:
            set_text(self._problem, "".join(f"<div class='dbxe-error' role='alert'>{one}</div>" for one in wrong))
        return config

    # --- the file ---

    def _compare(self) -> None:
        """Say in a moment what saving would change. Until then nothing is said, as what stood there may be wrong."""
        set_text(self._difference, "")
        self._show_save(None)
        if self._save.disabled:
            self.comparing.cancel()
            return
        text, path = self.text(), self._target()

        def work(is_wanted: Callable[[], bool]) -> None:
            found = _on_disk(path, text)
            markup = _difference_html(found, text, path)
            with ONE_AT_A_TIME:
                if is_wanted():
                    self._show_save(path if found.state == "other" else None)
                    set_text(self._difference, markup)

        self.comparing.start(work)

    def _show_save(self, replaced: Path | None) -> None:
        """Name the button after what it does: write a file, or replace the one that is there."""
        self._replaced = replaced
        self._save.description = "Save" if replaced is None else "Overwrite"
        self._save.tooltip = "Write the file" if replaced is None else "Replace the file that is there"

    @guarded
    def _on_save(self, _button: object) -> None:
        if self.read_only:
            return
        path, text = self._target(), self.text()
        found = _on_disk(path, text)
        if found.state == "other" and self._replaced != path:
            # Pressed before it was compared: nothing is replaced that the button did not say.
            self._show_save(path)
            set_text(self._difference, _difference_html(found, text, path))
            hint = "There is another file already. Press Overwrite to replace it."
            set_text(self._outcome, f"<span class='dbxe-warn' role='status'>{hint}</span>")
            return
        try:
            with atomic_write(path, errors.ExportError) as partial:
                partial.write_text(text, encoding="utf-8")
        except errors.ExportError as error:
            set_text(self._outcome, error_html(error))
            return
        self.saved = str(path)
        shown = f"<span class='dbxe-ok' role='status'>Saved to <code>{line_html(str(path))}</code></span>"
        set_text(self._outcome, shown)
        self._compare()

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

    # --- the assets ---

    def _show_assets(self) -> None:
        """Say at once how many assets there will be, and in a moment which."""
        config, preview = self.config, self.preview
        if config is None or preview is None:
            self.finding.cancel()
            self._assets.layout.display = "none"
            self._found, self._found_for = np.array([], dtype=np.intp), (None, "")
            return
        self._assets.layout.display = None
        set_text(self._note, _note_html(config, preview))
        set_text(self._reader, "")
        if self._found_for[0] is self.preview:  # another name, the same objects
            self._show_keys()
            set_text(self._collisions, _collisions_html(config, preview, self._shared))
        self.finding.start(self._find)

    def _find(self, is_wanted: Callable[[], bool]) -> None:
        """Find the rows that the search asks for, and what shares a key; both take a while in a large catalog."""
        preview, wanted = self.preview, self._search.value.strip()
        if preview is None:
            return
        rows = asset_rows(preview)
        if wanted:
            rows = rows[_named_like(preview, wanted)[rows]]
        if not is_wanted():
            return
        before, text = self._found_for
        if before is not preview:
            self._shared = []
        if before is not preview or text != wanted:
            self._page = 0
        self._found, self._found_for = rows, (preview, wanted)
        self._show_keys()
        shared = collisions(preview)  # the first time for a catalog the slowest part, so it comes last
        config = self.config  # it may have got another name meanwhile
        if is_wanted() and config is not None:
            self._shared = shared
            set_text(self._collisions, _collisions_html(config, preview, shared))
            if self._form.value == "datahub":
                reader = _reader_html(preview)
                if is_wanted():
                    set_text(self._reader, reader)

    def _show_keys(self) -> None:
        config, preview, found = self.config, self._found_for[0], self._found
        if config is None or preview is None:
            return
        total = len(found)
        self._page = max(0, min(self._page, (total - 1) // PAGE_LENGTH))
        start = self._page * PAGE_LENGTH
        keys = _keys(config, preview, found[start : start + PAGE_LENGTH])
        lines = "".join(f"<li><code>{_key_html(key)}</code></li>" for _, key in keys)
        nothing = "No key is like that." if self._search.value.strip() else "Nothing is included."
        self._keys.value = f"<ul class='dbxe-keys'>{lines}</ul>" if total else _muted(nothing)
        few = total <= PAGE_LENGTH
        self._back.disabled, self._next.disabled = self._page == 0, start + PAGE_LENGTH >= total
        self._back.layout.display = self._next.layout.display = "none" if few else None
        self._where.value = "" if few else _muted(f"{start + 1:,}–{min(total, start + PAGE_LENGTH):,} of {total:,}")


_STYLE = {"description_width": "120px"}
_WIDE = {"width": "auto", "max_width": "620px"}


def _text(description: str, value: str, placeholder: str = "") -> widgets.Text:
    return widgets.Text(description=description, value=value, placeholder=placeholder, style=_STYLE, layout=_WIDE)


_ANY_CRON = "0 0 * * *"
_Made = TypeVar("_Made")


def _tried(wrong: list[str], make: Callable[[], _Made]) -> _Made | None:
    """Return what is made, or None and add to ``wrong``, as markup, what is wrong with a field."""
    try:
        return make()
    except errors.ConfigError as error:
        wrong.append(_field_error_html(error))
    except errors.DbxExploreError as error:
        wrong.append(line_html(str(error), 600))
    return None


_FIELDS = {"name": "Connection name", "description": "Description", "cron": "Cron schedule", "timezone": "Time zone"}


def _field_error_html(error: errors.ConfigError) -> str:
    """Say what is wrong in the words of the form: its keys are those of a document that nobody wrote yet."""
    field = next((str(part) for part in error.path if part in _FIELDS), "")
    if field == "name" and "at least 1 character" in error.what:
        return f"{_FIELDS[field]}: a name is needed."
    if not field:
        return line_html(str(error), 600)
    expected = f" Expected {error.expected}." if error.expected else ""
    remedy = f" {error.remedy}." if error.remedy else ""
    return line_html(f"{_FIELDS[field]}: {error.what}.{expected}{remedy}", 600)


def _muted(text: str) -> str:
    return f"<span class='dbxe-muted' role='status'>{html.escape(text)}</span>"


# --- assets as text ---


def _note_html(config: ConnectionConfig, preview: Preview) -> str:
    number = _number(preview)
    nothing = "Nothing passes the filters: the connection would sync nothing."
    note = f"<div class='dbxe-warn' role='status'>⚠ {nothing}</div>" if not number else ""
    note += f"<div>{plural(number, 'asset')} under the key <code>{_key_html([config.name])}</code></div>"
    if preview.catalog.complete:
        return note
    failures = preview.catalog.failures
    named = ", ".join(line_html(str(scope), 80) for scope in failures["scope"].head(_SHOWN_SCOPES))
    more = f" and {len(failures) - _SHOWN_SCOPES:,} more" if len(failures) > _SHOWN_SCOPES else ""
    return (
        f"{note}<div class='dbxe-warn' role='status'>The discovery was incomplete: {plural(len(failures), 'scope')} could "
        f"not be listed ({named}{more}), so more may be synced than is shown here.</div>"
    )


def _number(preview: Preview) -> int:
    """Return how many assets there will be."""
    return int(preview.counts().loc[["table", "view", "notebook"], "included"].sum())


def _reader_html(preview: Preview) -> str:
    """Say what DataHub, which reads a recipe its own way, would take where that is something else."""
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
    said = as_many if len(here) != len(there) else others
    return f"<div class='dbxe-warn' role='status'>⚠ DataHub would read these patterns as {said}.</div>"


def _keys(config: ConnectionConfig, preview: Preview, rows: Rows) -> list[tuple[str, list[str]]]:
    """Return the names and asset keys of a few rows; an object is named ``table 'a.b.c'``."""
    few = preview.catalog.objects.iloc[rows]
    columns = (few[column].astype(object) for column in ("kind", "catalog", "schema", "name", "full_name"))
    return [(f"{row[0]} {row[4]!r}", config.asset_key(*row)) for row in zip(*columns, strict=True)]


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


def _collisions_html(config: ConnectionConfig, preview: Preview, shared: Sequence[Rows]) -> str:
    if not shared:
        return ""
    lines = []
    for rows in shared[:_SHOWN_COLLISIONS]:
        held = _keys(config, preview, rows[:_SHOWN_COLLISIONS])
        names = " and ".join(line_html(name, 120) for name, _ in held)
        more = f" and {len(rows) - len(held):,} more" if len(rows) > len(held) else ""
        lines.append(f"<li>{names}{more}: <code>{_key_html(held[0][1])}</code></li>")
    rest = len(shared) - len(lines)
    lines += [f"<li>and {plural(rest, 'more key')}</li>"] if rest else []
    return (
        f"<div class='dbxe-warn' role='status'>{plural(len(shared), 'asset key')} would be shared by several objects, which "
        f"Dagster then takes for one asset:<ul class='dbxe-keys'>{''.join(lines)}</ul>"
        "Rename one of them in Databricks, or exclude it by a filter.</div>"
    )


# --- the file that is there ---


@dataclass(frozen=True)
class _Found:
    """What is at a path: nothing, exactly the text, something else, or something that cannot be compared."""

    state: Literal["nothing", "same", "other"]
    text: str = ""
    problem: str = ""


def _on_disk(path: Path, text: str) -> _Found:
    state: Literal["nothing", "same", "other"] = "nothing"
    there, problem = "", ""
    try:
        if not path.exists():
            return _Found("nothing")
        if not path.is_dir():
            state = "other"
        problem = _obstacle(path)
        there = "" if problem else path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        problem = _NO_TEXT
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}."
    if "\0" in there:
        problem = _NO_TEXT
    # Python writes the line ends of the system.
    is_same = not problem and there.replace("\r\n", "\n") == text
    return _Found("same" if is_same else state, there, problem)


_NO_TEXT = "is there already, and is no text."


def _obstacle(path: Path) -> str:
    """Return why what is at a path cannot be compared with a text, empty when it can."""
    if path.is_dir():
        return "is a folder. Name a file in it."
    if not path.is_file():
        return "is no regular file."
    size = path.stat().st_size
    return f"is there already, and too large to compare ({size / 1e6:,.1f} MB)." if size > MOST_BYTES else ""


def _difference_html(found: _Found, text: str, path: Path) -> str:
    """Say what saving would change in the file, as a unified diff of bounded length that shows no secret."""
    name = f"<code>{line_html(str(path))}</code>"
    if found.problem:
        return f"<div class='dbxe-warn' role='status'>{name} {html.escape(found.problem)}</div>"
    if found.state == "nothing":
        return _new_folder_html(path)
    if found.state == "same":
        return f"<div class='dbxe-muted' role='status'>{name} holds exactly this already.</div>"
    # Not splitlines: it splits at characters that are no line ends in YAML or HCL.
    before, after = found.text.split("\n"), text.split("\n")
    if max(len(before), len(after)) > _MOST_LINES:
        lengths = f"{len(before):,} lines there, {len(after):,} here"
        return f"<div class='dbxe-warn' role='status'>{name} is there already and differs. It is too long to compare ({lengths}).</div>"
    lines = list(difflib.unified_diff(before, after, n=2, lineterm=""))[2:]
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    rest = len(lines) - _SHOWN_LINES
    more = f"<span class='at'>… {plural(rest, 'more line')}</span>" if rest > 0 else ""
    shown = "".join(_line_html(line) for line in lines[:_SHOWN_LINES])
    label = f"What saving would change in {one_line(str(path))}"
    return (
        f"<div role='status'>{name} is there already. Saving would change it: "
        f"<span class='dbxe-ok'>{plural(added, 'line')} added</span>, "
        f"<span class='dbxe-no'>{plural(removed, 'line')} removed</span></div>"
        f"<pre class='dbxe-text dbxe-diff' tabindex='0' aria-label='{html.escape(label)}'>{shown}{more}</pre>"
    )


def _new_folder_html(path: Path) -> str:
    """Say that saving makes a folder, which someone who mistyped a path does not expect."""
    with contextlib.suppress(OSError):
        if not path.parent.exists():
            folder = f"<code>{line_html(str(path.parent))}</code>"
            return f"<div class='dbxe-muted' role='status'>Saving writes it in the new folder {folder}.</div>"
    return ""


_CLASSES = {"+": "add", "-": "del", "@": "at"}


def _line_html(line: str) -> str:
    sign, rest = line[:1], line[1:]
    if looks_like_secret(rest):
        rest = "(not shown: looks like a secret)"
    shown = html.escape(sign) + line_html(rest.removesuffix("\r").replace("\t", "    "), 400)
    kind = _CLASSES.get(sign)
    return f"<span class='{kind}'>{shown}</span>" if kind else f"<span>{shown}</span>"
