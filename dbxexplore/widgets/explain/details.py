"""Details of the object that was clicked: columns, owner, times, definition, its address and its asset key."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias, cast
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import traitlets

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import Kind
from dbxexplore.connection import ConnectionSettings, object_url
from dbxexplore.discovery.details import Column, Details, read_details
from dbxexplore.export import ConnectionConfig
from dbxexplore.text import line_html, plural, visible_html
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, error_html, shows_errors
from dbxexplore.widgets.pager import Pager
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import type_text
from dbxexplore.widgets.work import Debouncer

COLUMNS_SHOWN = 100  # on one page
_DELAY = 0.2  # seconds after the last click: who walks through the tree asks for none
_MOST_KEPT = 200
_LONGEST = 20_000  # characters of a definition

_Answer: TypeAlias = "Details | errors.DbxExploreError"


class ObjectPanel(Component):
    """Shows what is known about the clicked object; what the catalog does not hold is read from the workspace."""

    active = traitlets.Bool(default_value=True)
    """Whether it is in sight: nothing is read from the workspace while it is not."""

    def __init__(self, state: ExplorerState | None = None, **traits: object) -> None:
        self._reading = Debouncer(_DELAY)
        self._answers: dict[int, _Answer] = {}  # by row, of this catalog and these settings
        self._columns: list[Column] = []
        self._head, self._facts, self._listed = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self._pager = Pager(COLUMNS_SHOWN, self._turn)
        self._again = widgets.Button(description="Try again", layout={"width": "auto", "display": "none"})
        self._again.on_click(self._on_again)
        super().__init__(state, **traits)
        self.children = [self._head, self._facts, self._again, self._listed, self._pager.box, self._message]
        self.state.observe(self._on_source, ["catalog", "settings"])
        self.state.observe(self._show, ["selected", "read_only"])
        self.state.observe(self._on_config, "config")
        self.observe(self._show, "active")
        self._show({})

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the details are shown, at most ``timeout`` seconds; return whether they are."""
        return self._reading.wait(timeout)

    # --- what happens ---

    @shows_errors
    def _on_source(self, _change: Mapping[str, object]) -> None:
        self._answers.clear()
        self._show({})

    @shows_errors
    def _on_config(self, _change: Mapping[str, object]) -> None:
        """Show another asset key; what is being read is read on."""
        catalog, selected = self.state.catalog, self.state.selected
        if catalog is not None and 0 <= selected < len(catalog) and selected in self._answers:
            record = catalog.objects.iloc[selected]
            self._show_all(record, _known(record), self._answers[selected], "")

    @shows_errors
    def _on_again(self, _button: widgets.Button) -> None:
        self._answers.pop(self.state.selected, None)
        self._show({})

    @shows_errors
    def _turn(self, pages: int) -> None:
        self._pager.page += pages
        self._show_columns()

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        self._reading.cancel()
        catalog, selected = self.state.catalog, self.state.selected
        if catalog is None or not 0 <= selected < len(catalog):
            hint = "Click an object in the catalog to see its details."
            self._write(f"<span class='dbxe-muted'>{hint}</span>", "", None)
            return
        record = catalog.objects.iloc[selected]
        answer = self._answers.get(selected)
        known = _known(record)
        source = self._source(catalog, record, known)
        if answer is None and isinstance(source, ConnectionSettings) and self.active:
            self._reading.start(partial(self._read, source, catalog, selected))
        note = source if isinstance(source, str) else "Reading…" if answer is None else ""
        self._show_all(record, known, answer, note)

    def _source(self, catalog: Catalog, record: pd.Series, known: Details) -> ConnectionSettings | str:
        """Return what to read the object with; or why nothing is read, "" where all is known."""
        if known.columns is not None or (known.owner is not None and record["kind"] in {"catalog", "schema"}):
            return ""
        settings: ConnectionSettings | None = self.state.settings
        origin = catalog.provenance.workspace_url
        if self.state.read_only:
            return "Only what the snapshot holds is shown here."
        if settings is None or origin is None:
            return "Connect to the workspace to see more."
        if settings.workspace_url not in (None, origin.rstrip("/")):
            return "The connection points to another workspace, so nothing more is read."
        return settings

    def _read(self, source: ConnectionSettings, catalog: Catalog, row: int, is_wanted: Callable[[], bool]) -> None:
        record = catalog.objects.iloc[row]
        answer: _Answer
        try:
            answer = read_details(source, cast("Kind", str(record["kind"])), str(record["full_name"]))
        except errors.DbxExploreError as error:
            answer = error
        with self.state.lock:
            if is_wanted():
                if len(self._answers) >= _MOST_KEPT:
                    self._answers.clear()
                self._answers[row] = answer
                self._show_all(record, _known(record), answer, "")

    # --- what is shown ---

    def _show_all(self, record: pd.Series, known: Details, answer: _Answer | None, note: str) -> None:
        details = answer if isinstance(answer, Details) else known
        failed = isinstance(answer, errors.DbxExploreError)
        head = _head_html(record, self.state)
        facts = _facts_html(record, details, self.state.config)
        if failed:
            facts = f"{error_html(cast('BaseException', answer))}{facts}"
        elif note:
            facts += f"<p class='dbxe-muted' role='status'>{html.escape(note)}</p>"
        elif record["kind"] in {"table", "view"} and details.columns is None:
            why = "this credential may only browse it" if details.browse_only else "the workspace did not return them"
            facts += f"<p class='dbxe-warn'>Columns unknown: {why}.</p>"
        self._again.layout.display = None if failed else "none"
        self._write(head, facts, details)

    def _write(self, head: str, facts: str, details: Details | None) -> None:
        self._head.value, self._facts.value = head, facts
        if details is None:
            self._again.layout.display = "none"
        columns = list(details.columns or ()) if details is not None else []
        if columns != self._columns:
            self._columns, self._pager.page = columns, 0
        self._show_columns()

    def _show_columns(self) -> None:
        page = self._columns[self._pager.part(len(self._columns), plural(len(self._columns), "column"))]
        self._listed.value = _columns_html(page) if page else ""


def _known(record: pd.Series) -> Details:
    """Return what the catalog itself holds about an object."""

    def value(name: str) -> object:
        cell = record.get(name)
        if isinstance(cell, list | np.ndarray):
            return list(cell)
        return None if cell is None or pd.isna(cell) else cell

    columns = value("columns")
    return Details(
        owner=cast("str | None", value("owner")),
        comment=cast("str | None", value("comment")),
        format=cast("str | None", value("format")),
        created_at=cast("pd.Timestamp | None", value("created_at")),
        updated_at=cast("pd.Timestamp | None", value("updated_at")),
        definition=cast("str | None", value("definition")),
        browse_only=cast("bool | None", value("browse_only")),
        columns=None if columns is None else [Column(**column) for column in cast("Iterable[dict[str, str]]", columns)],  # type: ignore[arg-type]
    )


def _head_html(record: pd.Series, state: ExplorerState) -> str:
    kind, full_name = str(record["kind"]), str(record["full_name"])
    names = [str(record[name]) for name in ("catalog", "schema", "name") if not pd.isna(record[name])]
    origin = state.catalog.provenance.workspace_url if state.catalog is not None else None
    link = ""
    if origin and urlsplit(origin).scheme in {"http", "https"}:  # a snapshot is a file, which may say anything
        address = object_url(origin, full_name, *(() if kind == "notebook" else names))
        link = f" <a href='{html.escape(address)}' target='_blank' rel='noopener noreferrer'>Open in Databricks</a>"
    copy = f"<button type='button' class='dbxe-copy' data-text='{html.escape(full_name)}'>Copy name</button>"
    what = type_text(kind, record["object_type"])
    return (
        f"<div class='dbxe-object'><code>{line_html(full_name)}</code> <span class='dbxe-muted'>({line_html(what)})</span> "
        f"{copy}{link}</div>"
    )


def _facts_html(record: pd.Series, details: Details, config: ConnectionConfig | None) -> str:
    facts: list[tuple[str, str]] = []
    if config is not None and record["kind"] in {"table", "view", "notebook"}:
        catalog, schema = (None if pd.isna(record[name]) else str(record[name]) for name in ("catalog", "schema"))
        key = config.asset_key(str(record["kind"]), catalog, schema, str(record["name"]), str(record["full_name"]))
        facts.append(("Asset key", f"<code>{' / '.join(map(line_html, key))}</code>"))
    for name, value in (
        ("Comment", details.comment),
        ("Owner", details.owner),
        ("Format", details.format),
        ("Stored at", details.location),
    ):
        if value:
            facts.append((name, visible_html(value[:_LONGEST])))
    for name, time, by in (("Created", details.created_at, None), ("Updated", details.updated_at, details.updated_by)):
        if time is not None:
            facts.append((name, f"{time:%Y-%m-%d %H:%M} UTC" + (f" by {line_html(by)}" if by else "")))
    if record["kind"] != "notebook":
        # Unity Catalog does not send them with an object, and they are never shown as if there were none.
        facts.append(("Tags", "<span class='dbxe-muted'>Not read; see them in Databricks</span>"))
    if details.definition:
        facts.append(("Definition", f"<pre class='dbxe-text'>{visible_html(details.definition[:_LONGEST])}</pre>"))
    rows = "".join(f"<tr><th scope='row'>{name}</th><td>{value}</td></tr>" for name, value in facts)
    return f"<table class='dbxe-table dbxe-facts'><tbody>{rows}</tbody></table>" if rows else ""


def _columns_html(columns: Iterable[Column]) -> str:
    rows = "".join(
        f"<tr><th scope='row'><code>{line_html(column.name)}</code></th><td>{line_html(column.type or '?', 200)}"
        f"{' <span class=dbxe-muted>not null</span>' if column.nullable is False else ''}</td>"
        f"<td>{line_html(column.comment or '', 400)}</td></tr>"
        for column in columns
    )
    head = "<tr><th scope='col'>Column</th><th scope='col'>Type</th><th scope='col'>Comment</th></tr>"
    return f"<table class='dbxe-table'><thead>{head}</thead><tbody>{rows}</tbody></table>"
