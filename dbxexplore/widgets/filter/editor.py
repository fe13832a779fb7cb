"""The editor of allow and deny patterns: one row per pattern, checked and counted while it is typed.

While it is typed, a pattern is in the state's `draft`; it is in force once it is finished: with Enter, when its field
is left, or after a longer pause.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias, get_args

import numpy as np
import traitlets

from dbxexplore import errors
from dbxexplore.catalog import Catalog
from dbxexplore.connection import looks_like_secret
from dbxexplore.filters import Dialect, Filters, Finding, Findings, Patterns
from dbxexplore.filters.lint import short_name
from dbxexplore.filters.patterns import LEVELS, Level, ListName
from dbxexplore.filters.subjects import Subjects
from dbxexplore.text import line_html, one_line, plural, visible_html, visible_text
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, locked, message_area, set_text, shows_errors
from dbxexplore.widgets.filter.pattern_rows import (
    Row,
    active_patterns,
    aligned,
    draft_patterns,
    lines,
    problem,
    problem_html,
)
from dbxexplore.widgets.focus import focus
from dbxexplore.widgets.pager import Pager
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import leaves, objects_text
from dbxexplore.widgets.work import Debouncer

# Rows of a level; each is some twelve models. With full pages at all levels, an opening takes fewer messages than the
# sockets at both ends keep, so that a slow page loses none.
PAGE_LENGTH = 20
_MOST_LINES = 8  # of a list as text, before it scrolls
_AT_ONCE = 5  # patterns counted before an edit returns: more are counted in the background
_MOST_COUNTS = 10_000
_MOST_EFFECTS = 20  # remedies whose effect is worked out; each is a preview
_COUNT_DELAY = 0.05
_JUDGE_DELAY = 0.4  # seconds after the last key
_PAUSE = 3.0  # seconds after the last key, until a valid pattern is taken to be finished
_LINE = "\u2028"  # what the page's script puts between lines that are pasted into a field: it can hold no line break
_LISTS: tuple[ListName, ...] = get_args(ListName)
_SUBJECTS: dict[Level, tuple[str, str]] = {
    "catalogs": ("catalog", "name"),
    "schemas": ("catalog.schema", "name"),
    "tables": ("catalog.schema.table", "name"),
    "views": ("catalog.schema.view", "name"),
    "notebooks": ("/folder/notebook", "name"),
}
_SYMBOLS = {"error": "✗", "warning": "⚠", "info": "ℹ"}  # noqa: RUF001 - the sign itself is meant
_Key: TypeAlias = tuple[Level, str]
_Broken: TypeAlias = tuple[Level, ListName, str]  # a text that is not valid
_Count: TypeAlias = tuple[int, int]  # the names that a pattern matches, and how many of them are views among tables


class FilterEditor(Component):
    """The pattern lists of five levels, one row per pattern, and the matching rules.

    A text that is not a valid regular expression is marked in its row, and the pattern from before the edit stays in
    force. With a catalog, each row shows how many names it matches and what is probably wrong with it.
    """

    WRITES = ("filters", "dialect", "draft", "unfinished")

    findings = traitlets.Instance(Findings, allow_none=True)
    """What is probably wrong with the patterns; None until they are checked. Set by the editor, from a thread."""

    dialect_dependent = traitlets.Int(default_value=None, allow_none=True)
    """How many tables, views and notebooks would differ under other matching rules; None until they are counted. Set by
    the editor, from a thread."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._counter, self._judge, self._pause = Debouncer(_COUNT_DELAY), Debouncer(_JUDGE_DELAY), Debouncer(_PAUSE)
        self._dependent = ""  # what would differ under other matching rules, in words
        self._counts: dict[_Key, _Count | None] = {}  # of this catalog and dialect; None took too long
        self._effects: Mapping[Finding, str] = {}  # what the remedies do, in words
        self._writing = False  # while the menu is set here, its value is not a choice
        self.layouts = _Layouts()
        self._dialect = widgets.Dropdown(
            description="Matching rules",
            options=_menu(),
            style={"description_width": "100px"},
            layout={"width": "auto"},
        )
        self._dialect.add_class("dbxe-reading")
        self._portability = widgets.HTML(layout={"margin": "0 0 2px 108px"})
        self._portability.add_class("dbxe-portability")
        super().__init__(state)
        self._sections = {level: _Section(self, level) for level in LEVELS}
        boxes = [section.box for section in self._sections.values()]
        self.children = [self._dialect, self._portability, *boxes, self._message]
        self.add_class("dbxe-editor")
        self._show_dialect()
        self._show_all()
        self._dialect.observe(self._on_dialect_choice, "value")
        self.state.observe(self._on_dialect, "dialect")
        self.state.observe(self._on_filters, "filters")
        self.state.observe(self._on_catalog, "catalog")
        self.state.observe(self._on_read_only, "read_only")
        self._restart()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the patterns are counted and checked, at most twice ``timeout`` seconds; return whether they are."""
        return self._counter.wait(timeout) and self._judge.wait(timeout)

    # --- what happens ---

    @shows_errors
    def show_finding(self, finding: Finding) -> None:
        """Show the pattern that a finding is about, and move the keyboard focus there."""
        self._sections[finding.level].show_finding(finding)

    @shows_errors
    def typed(self, level: Level, *rows: Row) -> None:
        """Show what the texts of a section would do; ``rows`` are those to be counted immediately."""
        self._write(self.state.filters, self._filters(draft=True))
        if self.state.draft is not None:
            self._pause.start(self._finish_later)
        self._shown(level, rows)

    @shows_errors
    def changed(self, level: Level, *rows: Row) -> None:
        """Apply an edit of a section, and all texts that are valid; ``rows`` are those to be counted immediately."""
        for section in self._sections.values():
            section.finish()
        self._write(self._filters(), None)
        self._shown(level, rows)

    def _finish_later(self, is_wanted: Callable[[], bool]) -> None:
        with self.state.lock:
            if is_wanted():
                self.state.finish()

    def _write(self, filters: Filters, draft: Filters | None) -> None:
        """Set the filters in force, and the draft where it differs from them."""
        self._pause.cancel()
        unfinished = tuple(label for section in self._sections.values() for label in section.unfinished())
        self.state.update(filters=filters, draft=None if draft == filters else draft, unfinished=unfinished)

    def _filters(self, *, draft: bool = False) -> Filters:
        """Return the filters of all sections; levels that have not changed stay as they are."""
        filters: Filters = self.state.filters
        for level, section in self._sections.items():
            patterns = section.patterns(draft=draft)
            if patterns != filters.level(level):
                filters = filters.with_level(level, patterns)
        return filters

    def _shown(self, level: Level, rows: Sequence[Row]) -> None:
        self._count_now(level, rows)
        self._show_counts(level)
        self._sections[level].show_note()
        self._restart(only_missing=True)

    @shows_errors
    def _on_dialect_choice(self, _change: Mapping[str, object]) -> None:
        chosen = Dialect.named().get(self._dialect.value)
        if chosen is not None and not self._writing:
            self.state.dialect = chosen

    @shows_errors
    def _on_dialect(self, _change: Mapping[str, object]) -> None:
        self._show_dialect()
        self._forget_counts()

    @shows_errors
    def _on_catalog(self, _change: Mapping[str, object]) -> None:
        self._forget_counts()

    @shows_errors
    def _on_read_only(self, _change: Mapping[str, object]) -> None:
        self._show_all()

    @shows_errors
    def _on_filters(self, _change: Mapping[str, object]) -> None:
        """Update the rows that changed; others may hold a half-typed pattern."""
        for level, section in self._sections.items():
            patterns = self.state.filters.level(level)
            if section.patterns(draft=True) == patterns:
                section.finish()
            elif section.patterns() != patterns:
                section.assign(patterns)
                self._show_counts(level)
        self._write(self.state.filters, self._filters(draft=True))
        self._restart(only_missing=True)

    def _forget_counts(self) -> None:
        self._counts = {}
        for level in LEVELS:
            self._show_counts(level)
        self._restart()

    # --- counts and findings ---

    def _restart(self, *, only_missing: bool = False) -> None:
        """Count and check the patterns again in the background."""
        self._outdate()
        catalog, filters, dialect = self.state.catalog, self.state.draft or self.state.filters, self.state.dialect
        if catalog is None:
            self._counter.cancel()
            self._show_findings()
            return
        missing = [key for level in LEVELS for key in self._sections[level].shown_keys() if key not in self._counts]
        if missing or not only_missing:
            self._counter.start(partial(self._count, catalog, dialect, missing))
        broken = [place for section in self._sections.values() for place in section.broken()][:_MOST_EFFECTS]
        self._judge.start(partial(self._judge_all, catalog, filters, dialect, broken))

    def _outdate(self) -> None:
        """Clear what is known about patterns that are no longer active."""
        self._judge.cancel()
        if self.findings is not None:
            self.findings = None
            self.add_class("dbxe-stale")
        self.dialect_dependent = None
        self._show_portability()

    def _count(
        self, catalog: Catalog, dialect: Dialect, missing: Sequence[_Key], is_wanted: Callable[[], bool]
    ) -> None:
        counts: dict[_Key, _Count | None] = {}
        for level, text in missing:
            if not is_wanted():
                return
            counts[level, text] = _number(catalog, level, text, dialect)
        with self.state.lock:
            if is_wanted():
                self._keep(counts)
                for level in LEVELS:
                    self._show_counts(level)

    def _count_now(self, level: Level, rows: Sequence[Row]) -> None:
        catalog = self.state.catalog
        if catalog is None:
            return
        wanted = [(level, draft) for row in rows if row.on and row.error is None and (draft := row.draft) is not None]
        missing = [key for key in wanted if key not in self._counts]
        if len(missing) <= _AT_ONCE:  # after a preview of these filters, all of them are known
            self._keep({key: _number(catalog, *key, self.state.dialect) for key in missing})

    def _keep(self, counts: Mapping[_Key, _Count | None]) -> None:
        if len(self._counts) > _MOST_COUNTS:
            self._counts = {}
        self._counts.update(counts)

    def _judge_all(
        self,
        catalog: Catalog,
        filters: Filters,
        dialect: Dialect,
        broken: Sequence[_Broken],
        is_wanted: Callable[[], bool],
    ) -> None:
        if not self._depends(catalog, filters, dialect, is_wanted) or not is_wanted():
            return
        findings = filters.lint(catalog, dialect)
        meant = [each for place in broken for each in _meant(catalog, filters, dialect, place)]
        offered = [*((filters, finding) for finding in findings), *meant]
        effects = _effects(catalog, filters, dialect, offered, is_wanted)
        with self.state.lock:
            if is_wanted():
                self.findings, self._effects = findings, effects
                self._show_findings()

    def _depends(self, catalog: Catalog, filters: Filters, dialect: Dialect, is_wanted: Callable[[], bool]) -> bool:
        """Count the objects that would differ under other matching rules; return whether the work is still wanted."""
        try:
            depends = filters.preview(catalog, dialect).dialect_dependent.to_numpy()
        except errors.PatternError:
            return is_wanted()  # its row reports an invalid pattern
        with self.state.lock:
            if is_wanted():
                self._dependent = objects_text(catalog, depends) if depends.any() else ""
                self.dialect_dependent = int(np.count_nonzero(depends & leaves(catalog)))
                self._show_portability()
            return is_wanted()

    # --- what is shown ---

    def _show_all(self) -> None:
        read_only = self.state.read_only
        self._dialect.disabled = read_only
        self.layouts.act.display = "none" if read_only else None
        _set_class(self, "dbxe-no-acts", on=read_only)
        for level, section in self._sections.items():
            section.show()
            self._show_counts(level)

    def _show_dialect(self) -> None:
        dialect = self.state.dialect
        named = next((name for name, known in Dialect.named().items() if known == dialect), None)
        options = _menu()
        if named is None:
            settings = ", ".join(f"{key} {value}" for key, value in dialect.settings().items())
            options.append((f"Custom: {settings}", "custom"))
        self._writing = True
        try:
            if tuple(options) != tuple(self._dialect.options):
                self._dialect.options = options  # new options select the first of them
            self._dialect.value = named or "custom"
        finally:
            self._writing = False
        for section in self._sections.values():
            section.show_subject(dialect)

    def _show_portability(self) -> None:
        number = self.dialect_dependent
        if self.state.catalog is None:
            text = ""
        elif number is None:
            text = "<span class='dbxe-muted' title='Checking other matching rules'>Other rules: …</span>"
        elif self._dependent:
            why = "Results differ under other matching rules"
            text = f"<span class='dbxe-warn' title='{why}'>⚠ {self._dependent} would differ under other rules</span>"
        else:
            text = "<span class='dbxe-ok'>✓ Same result under every rule set</span>"
        self._portability.value = text

    def _show_counts(self, level: Level) -> None:
        catalog = self.state.catalog
        total = None if catalog is None else _total(catalog, level, self.state.dialect)
        self._sections[level].show_counts(self._counts, total)

    def _show_findings(self) -> None:
        self.remove_class("dbxe-stale")
        for level, section in self._sections.items():
            found = [finding for finding in self.findings or () if finding.level == level]
            section.show_findings(found, {} if self.state.read_only else self._effects)


def _effects(
    catalog: Catalog,
    filters: Filters,
    dialect: Dialect,
    offered: Sequence[tuple[Filters, Finding]],
    is_wanted: Callable[[], bool],
) -> dict[Finding, str]:
    """Return what following each remedy would change, in words; a remedy that changes nothing is left out.

    ``offered`` are findings, each with the filters that it is about.
    """
    effects: dict[Finding, str] = {}
    try:
        before = filters.preview(catalog, dialect).included.to_numpy() & leaves(catalog)
    except errors.PatternError:
        return effects
    for about, finding in [(about, finding) for about, finding in offered if finding.replacements][:_MOST_EFFECTS]:
        if not is_wanted():
            break
        try:
            after = finding.fixed(about).preview(catalog, dialect).included.to_numpy() & leaves(catalog)
        except errors.PatternError:
            continue
        if (before != after).any():
            numbers = ((np.count_nonzero(after & ~before), "+"), (np.count_nonzero(before & ~after), "−"))
            effects[finding] = " ".join(f"{sign}{number:,}" for number, sign in numbers if number)
    return effects


def _meant(catalog: Catalog, filters: Filters, dialect: Dialect, broken: _Broken) -> Iterator[tuple[Filters, Finding]]:
    """Yield what a text that is not valid was meant to be, with the filters that it would be in."""
    level, name, text = broken
    patterns = filters.level(level)
    with_it = filters.with_level(level, replace(patterns, **{name: (*getattr(patterns, name), text)}))
    for finding in with_it.lint(catalog, dialect):
        if (finding.level, finding.list, finding.pattern) == broken and finding.replacements:
            yield with_it, finding


def _number(catalog: Catalog, level: Level, text: str, dialect: Dialect) -> _Count | None:
    """Return how many names of its level a pattern matches, None if matching takes too long."""
    subjects = Subjects.of(catalog)
    try:
        flags = subjects.matches(level, text, dialect)
    except errors.PatternError:
        return None
    tables = int(np.count_nonzero(flags[: subjects.first_view])) if level == "tables" else 0
    if level == "tables" and dialect.views == "views":  # table patterns do not apply to views then
        return tables, 0
    number = int(np.count_nonzero(flags))
    return number, number - tables if level == "tables" else 0


def _total(catalog: Catalog, level: Level, dialect: Dialect) -> int:
    """Return how many names there are to match."""
    subjects = Subjects.of(catalog)
    if level == "tables" and dialect.views == "views":
        return subjects.first_view
    return len(subjects.names(level, dialect))


class _Layouts:
    """Layouts that many rows share: a widget with one of its own is two to be sent to the browser."""

    def __init__(self) -> None:
        self.row = widgets.Layout(align_items="center", overflow="visible", margin="0")
        self.box = widgets.Layout(overflow="visible", margin="0")
        self.check = widgets.Layout(width="20px", flex="0 0 20px", margin="0 2px 0 0")
        self.list = widgets.Layout(width="50px", flex="0 0 50px", margin="0 4px 0 0")
        self.text = widgets.Layout(flex="1 1 140px", width="auto", min_width="90px", margin="0")
        self.count = widgets.Layout(flex="0 0 232px", width="232px", margin="0")
        self.act = widgets.Layout(width="24px", flex="0 0 24px", margin="0")
        self.note = widgets.Layout(margin="0")
        self.use = widgets.Layout(width="auto", margin="0 0 2px 70px", align_self="flex-start")
        self.act_style: widgets.ButtonStyle | None = None

    def button(self, layout: widgets.Layout, *classes: str) -> widgets.Button:
        button = widgets.Button(layout=layout, **({"style": self.act_style} if self.act_style else {}))
        self.act_style = button.style
        for name in classes:
            button.add_class(name)
        return button


class _RowView:
    """The widgets of one row: enabled or not, the list, the pattern, the count, and buttons to move and remove it."""

    def __init__(self, section: _Section, name: ListName, row: Row) -> None:
        self.level, self.list, self.row = section.level, name, row
        layouts = section.layouts
        self.on = widgets.Checkbox(indent=False, layout=layouts.check)
        self.flip = layouts.button(layouts.list, "dbxe-list", f"dbxe-{name}")
        self.text = widgets.Text(layout=layouts.text, value=row.text, placeholder="regular expression, then Enter")
        self.count = widgets.HTML(layout=layouts.count)
        self.up = layouts.button(layouts.act, "dbxe-act", "dbxe-up")
        self.down = layouts.button(layouts.act, "dbxe-act", "dbxe-down")
        self.remove = layouts.button(layouts.act, "dbxe-act", "dbxe-remove")
        self.note = widgets.HTML(layout=layouts.note)
        self.use = layouts.button(layouts.use, "dbxe-quiet", "dbxe-use")
        self.finding: Finding | None = None  # what the button follows
        for field in (self.on, self.text):
            field.add_class("dbxe-hide-label")
        self.count.add_class("dbxe-count")
        self.note.add_class("dbxe-note")
        line = widgets.HBox(
            [self.on, self.flip, self.text, self.count, self.up, self.down, self.remove], layout=layouts.row
        )
        self.box = widgets.VBox([line, self.note, self.use], layout=layouts.box)
        self.box.add_class("dbxe-pattern")
        self._show_on()
        self.on.observe(lambda _: section.on_switch(self), "value")
        self.text.observe(lambda _: section.on_typed(self), "value")
        self.text.on_msg(lambda _, content, __: section.on_enter(self) if content.get("event") == "submit" else None)
        self.flip.on_click(lambda _: section.on_flip(self))
        self.up.on_click(lambda _: section.on_move(self, -1))
        self.down.on_click(lambda _: section.on_move(self, 1))
        self.remove.on_click(lambda _: section.on_remove(self))
        self.use.on_click(lambda _: section.on_use(self))
        self.offer(None, "")

    def close(self) -> None:
        """Close the widgets of the row, except the layouts that rows share."""
        parts = (self.on, self.flip, self.text, self.count, self.up, self.down, self.remove, self.note, self.use)
        for widget in parts:
            widget.close()
        self.box.children[0].close()
        self.box.close()

    def show(self, level: Level, place: int, last: int, *, read_only: bool) -> None:
        """Show the row as pattern number ``place``, from 1, of ``last``."""
        label = f"{self.list} {level} {place}"
        self.text.description, self.on.description = label, f"use {label}"
        self.flip.description = self.list
        self.flip.tooltip = f"{label.capitalize()}: change to {_other(self.list)}"
        shown = one_line(self.row.text, 60)
        for button, does in ((self.up, "Move up"), (self.down, "Move down"), (self.remove, "Remove")):
            button.description, button.tooltip = f"{does} {label}", f"{does} {label}: {shown}"
        self.up.disabled, self.down.disabled = place == 1, place == last
        self.on.disabled = self.flip.disabled = self.text.disabled = read_only
        self.on.value, self.text.value = self.row.on, self.row.text
        self._show_on()

    def _show_on(self) -> None:
        _set_class(self.box, "dbxe-off", on=not self.row.on)
        self.show_problem()

    def show_problem(self) -> None:
        """Mark a text that is not a valid regular expression, and show where the error is."""
        row = self.row
        _set_class(self.text, "dbxe-invalid", on=row.error is not None)
        if row.error is None:
            if self.note.value.startswith(_PROBLEM):
                self.note.value = ""
            return
        if row.pattern is None:
            stays = "Ignored until it is a valid regular expression."
        elif row.pattern == row.error.pattern:
            stays = "No preview until it is fixed."
        else:
            stays = f"Still using <code>{line_html(row.pattern, 60)}</code>"
        self.note.value = f"{_PROBLEM}✗ {problem_html(row.error)} <span class='dbxe-muted'>{stays}</span></div>"

    def show_findings(self, findings: Sequence[Finding], effects: Mapping[Finding, str]) -> None:
        """Show a badge for the worst finding, all findings below the row, and a button that follows the first remedy.

        ``effects`` are what the remedies do, in words; a remedy without one is not offered.
        """
        if self.row.error is None:
            self.note.value = _findings_html(findings)
        offered = next((finding for finding in findings if finding in effects), None)
        self.offer(offered, effects[offered] if offered is not None else "")

    def offer(self, finding: Finding | None, effect: str) -> None:
        """Show the button that follows a remedy, or hide it."""
        self.finding = finding
        (self.use.add_class if finding is None else self.use.remove_class)("dbxe-hidden")
        if finding is not None:
            texts = ", ".join(one_line(text, 60) for text in finding.replacements)
            self.use.description = f"Use {texts} ({effect})"
            self.use.tooltip = finding.remedy

    def show_count(self, count: _Count | None, total: int | None, *, known: bool) -> None:
        """Show how many of ``total`` names the pattern matches."""
        row = self.row
        if not row.text.strip():
            self.count.value = "<span class='dbxe-muted'>empty: not used</span>"
        elif total is None or row.error is not None:
            self.count.value = ""
        elif not total:
            self.count.value = f"<span class='dbxe-muted'>no {self.level}</span>"
        elif not known:
            self.count.value = "<span class='dbxe-muted'>…</span>"
        elif count is None:
            self.count.value = "<span class='dbxe-warn'>too slow to count</span>"
        else:
            self.count.value = _count_html(self.level, *count, total)


def _count_html(level: Level, number: int, views: int, total: int) -> str:
    mark = "dbxe-warn dbxe-zero" if not number else "dbxe-muted"
    tables = number - views
    apart = f" ({plural(tables, 'table')}, {plural(views, 'view')})" if tables and views else ""
    split = f"<span class='dbxe-split'>{apart}</span>" if apart else ""
    kind = "object" if apart else "view" if views else level[:-1]
    text = plural(number, kind) if number else "no match"
    return f"<span class='{mark}' title='{number:,} of {total:,}{apart}'>{text}{split}</span>"


_PROBLEM = "<div class='dbxe-error' role='alert'>"


class _Section:
    """One level: its rows, a page of them at a time, or its two lists as text."""

    def __init__(self, editor: FilterEditor, level: Level) -> None:
        self.editor, self.state, self.level, self.layouts = editor, editor.state, level, editor.layouts
        patterns = self.state.filters.level(level)
        self.rows: dict[ListName, list[Row]] = {
            name: [Row.of(text) for text in getattr(patterns, name)] for name in _LISTS
        }
        self._pager = Pager(PAGE_LENGTH, self._turn)
        self._whole: list[Finding] = []  # about the list as a whole
        self._views: dict[Row, _RowView] = {}
        self._text = _TextLists(self, level)
        self._head = widgets.HTML(layout={"flex": "1 1 auto", "margin": "0", "overflow": "hidden"})
        self._add = {name: self._head_button(f"+ {name}", f"Add {name} {level}") for name in _LISTS}
        self._as_text = self._head_button("Edit as text", f"Edit {level} as text, one pattern per line")
        self._note = message_area()
        self._box = widgets.VBox(layout=self.layouts.box)
        head = widgets.HBox(
            [self._head, self._add["allow"], self._add["deny"], self._as_text], layout={"align_items": "center"}
        )
        head.add_class("dbxe-level-head")
        self.box = widgets.VBox([head, self._note, self._box, self._pager.box], layout=self.layouts.box)
        self.box.add_class("dbxe-level")
        for name, button in self._add.items():
            button.on_click(lambda _, name=name: self._on_add(name))
        self._as_text.on_click(lambda _: self._on_as_text())

    @staticmethod
    def _head_button(text: str, tooltip: str) -> widgets.Button:
        button = widgets.Button(description=text, tooltip=tooltip, layout={"flex": "0 0 auto", "margin": "0 0 0 2px"})
        button.add_class("dbxe-quiet")
        return button

    # --- values ---

    def patterns(self, *, draft: bool = False) -> Patterns:
        """Return the patterns in force; or those that would be if all texts were finished now."""
        of = draft_patterns if draft else active_patterns
        return Patterns(of(self.rows["allow"]), of(self.rows["deny"]))

    def finish(self) -> None:
        """Apply the texts that are valid."""
        for row in (row for rows in self.rows.values() for row in rows):
            row.finish()

    def broken(self) -> list[_Broken]:
        """Return the texts that are not valid, with their places."""
        return [(self.level, name, row.text) for name in _LISTS for row in self.rows[name] if row.on and row.error]

    def unfinished(self) -> list[str]:
        """Return the labels of the patterns that are being typed or are not valid."""
        labels = [
            f"{name} {self.level} {place}"
            for name in _LISTS
            for place, row in enumerate(self.rows[name], start=1)
            if row.is_unfinished
        ]
        return [*labels, *(f"{name} {self.level} (text)" for name in self._text.left)]

    def assign(self, patterns: Patterns) -> None:
        """Show other patterns; rows that have them already stay as they are."""
        changed = [name for name in _LISTS if active_patterns(self.rows[name]) != tuple(getattr(patterns, name))]
        for name in changed:
            self.rows[name] = aligned(self.rows[name], getattr(patterns, name))
        self._text.show(changed)
        self.show()

    def shown_keys(self) -> list[_Key]:
        """Return the patterns whose counts are shown."""
        drafts = [view.row.draft for view in self._views.values() if view.row.error is None]
        # Of disabled rows too: the count helps to decide whether to enable one.
        return [(self.level, draft) for draft in drafts if draft is not None]

    # --- what happens ---

    @locked
    def on_typed(self, view: _RowView) -> None:
        """Apply what was typed into a row."""
        row, text = view.row, view.text.value
        if text == row.text:
            return  # written here
        if _LINE in text:
            self._take_pasted(view, [line.strip() for line in text.split(_LINE)])
            return
        if looks_like_secret(text):
            view.text.value = ""
            self.editor.show_error(_secret_error())
            return
        row.type(text)
        view.show_problem()
        self.editor.typed(self.level, row)

    def _take_pasted(self, view: _RowView, texts: Sequence[str]) -> None:
        """Make lines that were pasted into a row patterns, each in a row of its own."""
        safe = [text for text in texts if text and not looks_like_secret(text)]
        new = [Row.typed(text) for text in safe[1:]]
        view.row.type(safe[0] if safe else "")
        at = self.rows[view.list].index(view.row) + 1
        self.rows[view.list][at:at] = new
        self.show()
        self.editor.changed(self.level, view.row, *new)
        if len(safe) < len([text for text in texts if text]):
            self.editor.show_error(_secret_error())

    @locked
    def on_enter(self, view: _RowView) -> None:
        """Finish a row, and go to the next one, which is added unless there is a blank one.

        The page moves the focus there: by the time that this is done, a person may have gone somewhere else.
        """
        if view.row.error is not None or not view.row.text.strip():
            self.editor.changed(self.level, view.row)
            return
        rows = self.rows[view.list]
        at = rows.index(view.row) + 1
        if at == len(rows) or rows[at].text.strip():
            rows.insert(at, Row())
        self._go_to(rows[at])
        self.editor.changed(self.level, view.row)

    @locked
    def on_use(self, view: _RowView) -> None:
        """Follow the remedy that is offered for a row."""
        finding = view.finding
        if finding is None:
            return
        if finding.in_other_list:
            view.row.type("")
            self.rows[_other(view.list)] += [Row.typed(text) for text in finding.replacements]
            self.show()
            self.editor.changed(self.level, view.row)
        else:
            self._take_pasted(view, finding.replacements)

    @locked
    def on_switch(self, view: _RowView) -> None:
        """Enable or disable a row."""
        if view.on.value == view.row.on:
            return
        view.row.on = view.on.value
        self.show()
        self.editor.changed(self.level, view.row)

    @locked
    def on_flip(self, view: _RowView) -> None:
        """Move a row to the other list."""
        self.rows[view.list].remove(view.row)
        self.rows[_other(view.list)].append(view.row)
        self._forget(view.row)
        self._go_to(view.row)
        self.editor.changed(self.level, view.row)

    @locked
    def on_move(self, view: _RowView, by: int) -> None:
        """Move a row up or down within its list."""
        rows, row = self.rows[view.list], view.row
        at = rows.index(row)
        if not 0 <= at + by < len(rows):
            return
        other = rows[at + by]
        rows[at], rows[at + by] = other, row
        other_view = self._views.get(other)
        if other_view is not None:  # the widgets keep their places, so that the browser keeps the focus
            view.row, other_view.row = other, row
            self._views[other], self._views[row] = view, other_view
            view.note.value, other_view.note.value = other_view.note.value, view.note.value
        self._go_to(row)
        self.editor.changed(self.level)
        moved = self._views[row]
        focus(moved.up if by < 0 else moved.down, moved.down if by < 0 else moved.up)

    @locked
    def on_remove(self, view: _RowView) -> None:
        """Remove a row."""
        rows, gone = self.rows[view.list], view.row
        at = rows.index(gone)
        below = [row for row in rows[at + 1 :] if row in self._views]
        del rows[at]
        self._shift_up(gone, below)
        self.show()
        self.editor.changed(self.level)
        focus(self._views[below[0]].remove if below else self._add[view.list])

    def _shift_up(self, gone: Row, below: Sequence[Row]) -> None:
        """Show each row in the widgets of the row above, so that the browser keeps the focus."""
        views = [self._views[row] for row in (gone, *below)]
        notes = [view.note.value for view in views[1:]]
        for view, row, note in zip(views[:-1], below, notes, strict=True):
            view.row, view.note.value, self._views[row] = row, note, view
        self._views[gone] = views[-1]
        views[-1].row = gone

    @locked
    def _on_add(self, name: ListName) -> None:
        row = Row()
        self.rows[name].append(row)
        self._go_to(row)
        self.editor.changed(self.level)
        focus(self._views[row].text)

    @locked
    def _on_as_text(self) -> None:
        if self._text.is_open:
            self._text.close()
        else:
            self._text.open()
        self.show()
        self.editor.changed(self.level)

    @locked
    def take_lines(self, name: ListName, texts: Sequence[str]) -> None:
        """Replace the rows of a list by lines of text, each as if it were typed into a row."""
        self.rows[name] = _rows_of(texts, self.rows[name])
        self.editor.typed(self.level)

    @locked
    def _turn(self, pages: int) -> None:
        self._pager.page += pages
        self.show()
        self.editor.changed(self.level)

    # --- what is shown ---

    def _entries(self) -> list[tuple[ListName, int, Row]]:
        return [(name, place, row) for name in _LISTS for place, row in enumerate(self.rows[name], start=1)]

    def _go_to(self, row: Row) -> None:
        at = next(at for at, (_, _, entry) in enumerate(self._entries()) if entry is row)
        self._pager.page = at // PAGE_LENGTH
        self.show()

    @locked
    def show_finding(self, finding: Finding) -> None:
        """Show the row of a finding, and focus it; or where it has no row, what its list is edited with."""
        active = [row for row in self.rows[finding.list] if row.active is not None]
        row = next((row for row in active[finding.index or 0 :] if row.active == finding.pattern), None)
        if self._text.is_open:
            focus(self._text.area(finding.list))
        elif finding.index is None or row is None:
            focus(self._add[finding.list])
        else:
            self._go_to(row)
            focus(self._views[row].text)

    def _forget(self, row: Row) -> None:
        view = self._views.pop(row, None)
        if view is not None:
            view.close()

    @locked
    def show(self) -> None:
        """Show the rows of this page, or the lists as text."""
        read_only = self.state.read_only
        for button in (*self._add.values(), self._as_text):
            button.layout.display = "none" if read_only else None
        self._as_text.description = "Edit as rows" if self._text.is_open else "Edit as text"
        for button in self._add.values():
            button.disabled = self._text.is_open
        self._text.disabled(read_only)
        if self._text.is_open:
            self._show_children([self._text.box])
            for row in list(self._views):
                self._forget(row)  # no more than are looked at
            self._pager.box.layout.display = "none"
        else:
            self._show_page(read_only=read_only)
        self.show_note()

    def _show_page(self, *, read_only: bool) -> None:
        entries = self._entries()
        page = entries[self._pager.part(len(entries), plural(len(entries), "pattern"))]
        old = self._views
        self._views = {row: old.pop(row) if row in old else _RowView(self, name, row) for name, _, row in page}
        for name, place, row in page:
            self._views[row].show(self.level, place, len(self.rows[name]), read_only=read_only)
        self._show_children([view.box for view in self._views.values()])
        for view in old.values():
            view.close()

    def _show_children(self, children: Sequence[widgets.Widget]) -> None:
        if list(self._box.children) != list(children):
            self._box.children = children

    def show_subject(self, dialect: Dialect) -> None:
        """Show what the patterns are compared with."""
        subject = html.escape(_SUBJECTS[self.level][0 if dialect.subject == "qualified" else 1])
        against = f"matches {subject}"
        if self.level == "views" and dialect.views == "tables":
            against = f"not used by {html.escape(dialect.title)}: table patterns apply to views"
        is_for_both = self.level == "tables" and dialect.views != "views"
        name = "Tables and views" if is_for_both else self.level.capitalize()
        self._head.value = f"<h4 title='{name}: {against}'>{name} <span class='dbxe-muted'>— {against}</span></h4>"
        self.show_note()

    def show_note(self) -> None:
        """Show the notes about the level as a whole."""
        note = ""
        if not draft_patterns(self.rows["allow"]):
            verdict = "excluded" if self.state.dialect.empty_allow == "nothing" else "allowed"
            note = f"<div class='dbxe-warn'>No allow patterns – everything at this level is {verdict}.</div>"
        set_text(self._note, note + "".join(map(_finding_html, self._whole)))

    def show_counts(self, counts: Mapping[_Key, _Count | None], total: int | None) -> None:
        """Show how many names each row matches."""
        for view in self._views.values():
            key = (self.level, view.row.draft or "")
            view.show_count(counts.get(key), total, known=key in counts)

    def show_findings(self, findings: Sequence[Finding], effects: Mapping[Finding, str]) -> None:
        """Show each finding below its row, or below the heading if it is about a whole list."""
        of_rows: dict[tuple[ListName, int | None], list[Finding]] = {}
        for finding in findings:
            of_rows.setdefault((finding.list, finding.index), []).append(finding)
        for name in _LISTS:
            used = [row for row in self.rows[name] if row.on and row.draft is not None]
            for index, row in enumerate(used):
                if row in self._views:
                    self._views[row].show_findings(of_rows.get((name, index), []), effects)
            for row in set(self.rows[name]).difference(used).intersection(self._views):
                # A text that is not valid is not among the filters; what it was meant to be is known all the same.
                meant = [f for f in effects if (f.level, f.list, f.pattern) == (self.level, name, row.text)]
                self._views[row].show_findings(meant if row.error is not None else [], effects)
        self._whole = [finding for finding in findings if finding.index is None]
        self.show_note()


class _TextLists:
    """The two lists of a level as text, one pattern per line. While a line is invalid, its list stays as it was."""

    def __init__(self, section: _Section, level: Level) -> None:
        self._section = section
        self._writing = False
        self.left: set[ListName] = set()  # lists that were not applied because of an invalid line
        self.is_open = False
        self._level = level
        self._areas: dict[ListName, widgets.Textarea] = {}
        self._notes: dict[ListName, widgets.HTML] = {}
        self.box = widgets.VBox()

    def _build(self) -> None:
        boxes = []
        for name in _LISTS:
            area = widgets.Textarea(
                placeholder="one pattern per line" if name == "allow" else "nothing denied",
                rows=2,
                description=f"{name} {self._level}",
                layout={"width": "auto"},
            )
            area.add_class("dbxe-patterns")
            area.observe(partial(self._on_typed, name), "value")
            self._areas[name], self._notes[name] = area, message_area()
            boxes.append(widgets.VBox([area, self._notes[name]], layout={"width": "50%"}))
        self._kept = message_area()
        self.box.children = [widgets.HBox(boxes), self._kept]

    def open(self) -> None:
        """Write both lists."""
        if not self._areas:
            self._build()
        self.is_open = True
        self.show(_LISTS)

    def close(self) -> None:
        """Turn lists with invalid lines into rows, each of which is active or not by itself."""
        self.is_open = False
        for name in sorted(self.left):
            self._section.take_lines(name, self._texts(name))
        self.left.clear()

    def area(self, name: ListName) -> widgets.Textarea:
        """Return the field of a list, once the lists are open."""
        return self._areas[name]

    def disabled(self, disabled: bool) -> None:  # noqa: FBT001 - the trait of the same name
        """Enable or disable editing."""
        for area in self._areas.values():
            area.disabled = disabled

    def show(self, names: Sequence[ListName]) -> None:
        """Show lists of the section, unless the text already has their patterns."""
        if not self.is_open:
            return
        for name in names:
            texts = [row.text for row in self._section.rows[name] if row.on and row.text.strip()]
            area = self._areas[name]
            if self._texts(name) != texts:
                self._writing = True
                try:
                    area.value = "\n".join(texts)
                finally:
                    self._writing = False
            self._fit(area)
            self.left.discard(name)
            self._show_problem(name)
        off = sum(not row.on for rows in self._section.rows.values() for row in rows)
        text = f"{plural(off, 'disabled pattern')} not shown here."
        set_text(self._kept, f"<span class='dbxe-muted'>{text}</span>" if off else "")

    @staticmethod
    def _fit(area: widgets.Textarea) -> None:
        area.rows = max(2, min(_MOST_LINES, area.value.count("\n") + 1))

    def _texts(self, name: ListName) -> list[str]:
        return [text for _, text in lines(self._areas[name].value)]

    def _show_problem(self, name: ListName) -> bool:
        bad = next(((n, e) for n, text in lines(self._areas[name].value) if (e := problem(text))), None)
        _set_class(self._areas[name], "dbxe-invalid", on=bad is not None)
        if bad is None:
            set_text(self._notes[name], "")
            return False
        number, error = bad
        stay = "<span class='dbxe-muted'>Still using the last valid patterns.</span>"
        set_text(self._notes[name], f"{_PROBLEM}Line {number}: {problem_html(error)} {stay}</div>")
        return True

    def _on_typed(self, name: ListName, _change: Mapping[str, object]) -> None:
        if self._writing:
            return
        area = self._areas[name]
        if looks_like_secret(area.value):
            area.value = "\n".join(line for line in area.value.splitlines() if not looks_like_secret(line))
            self._section.editor.show_error(_secret_error())
            return
        self._fit(area)
        if self._show_problem(name):
            self.left.add(name)
            self._section.editor.typed(self._level)
        else:
            self.left.discard(name)
            self._section.take_lines(name, self._texts(name))


def _secret_error() -> errors.FilterError:
    msg = "That looks like a secret, so it was cleared"
    return errors.FilterError(msg, remedy="Patterns are saved in the notebook and in the exported file")


def _rows_of(texts: Sequence[str], rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a list whose lines are ``texts``; disabled rows have no line, and are kept."""
    half_typed = {row.text: row for row in rows if row.on and row.error is not None}
    bad = {text for text in texts if problem(text) is not None}
    others = [row for row in rows if not row.on or (row.error is None and row.draft is not None)]
    kept = iter(aligned(others, [text for text in texts if text not in bad], typed=True))
    result: list[Row] = []
    for text in texts:
        if text in bad:
            row = half_typed.pop(text, None) or Row()
            row.type(text)
            result.append(row)
            continue
        for row in kept:
            result.append(row)
            if row.on:
                break
    return [*result, *kept]


def _menu() -> list[tuple[str, str]]:
    """Return the named matching rules as menu options: label and name."""
    return [(f"{dialect.label} – {dialect.summary}", dialect.name) for dialect in Dialect.named().values()]


def _findings_html(findings: Sequence[Finding]) -> str:
    """Return a badge for the worst finding that opens to all of them; errors and warnings are open from the start."""
    if not findings:
        return ""
    worst = findings[0]  # errors come first, then warnings
    notes = [finding for finding in findings if finding.severity == "info"]
    grave = findings[: len(findings) - len(notes)]
    tooltip = html.escape(visible_text(" ".join(f"{finding.message}. {finding.remedy}." for finding in findings)))
    main, more = "".join(map(_finding_html, grave)), "".join(map(_finding_html, notes))
    if grave and notes:  # the notes take one line until they are opened
        more = f"<details class='dbxe-notes'><summary>{plural(len(notes), 'note')}</summary>{more}</details>"
    return (
        f"<details class='dbxe-lint dbxe-{worst.severity}'{' open' if grave else ''}>"
        f"<summary title='{tooltip}'>{_SYMBOLS[worst.severity]} {short_name(worst.code)}</summary>{main}{more}</details>"
    )


def _finding_html(finding: Finding) -> str:
    examples = ", ".join(f"<code>{line_html(name, 60)}</code>" for name in finding.examples[:3])
    return (
        f"<div class='dbxe-finding dbxe-{finding.severity}'>{_SYMBOLS[finding.severity]} {visible_html(finding.message)}"
        f"{': ' if examples else '.'}{examples} <span class='dbxe-muted'>{visible_html(finding.remedy)}.</span></div>"
    )


def _other(name: ListName) -> ListName:
    return "deny" if name == "allow" else "allow"


def _set_class(widget: widgets.DOMWidget, name: str, *, on: bool) -> None:
    (widget.add_class if on else widget.remove_class)(name)
