"""The editors of allow and deny patterns, one line a pattern, checked while they are typed."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets as widgets
import traitlets

from dbxexplore import errors
from dbxexplore.filters import Dialect, Filters, Patterns
from dbxexplore.filters.patterns import LEVELS, Level, ListName, compile_pattern
from dbxexplore.widgets._base import Component, guarded, message_area, one_line, set_text

_SUBJECTS: dict[Level, tuple[str, str]] = {
    "catalogs": ("catalog", "name"),
    "schemas": ("catalog.schema", "name"),
    "tables": ("catalog.schema.table", "name"),
    "views": ("catalog.schema.view", "name"),
    "notebooks": ("/folder/notebook", "name"),
}
_READINGS = (
    ("DataHub: from the start, any case, qualified names", "datahub"),
    ("OpenMetadata: from the start, any case, bare names", "openmetadata"),
    ("Strict: the whole qualified name, as written", "strict"),
)


class FilterEditor(Component):
    """Five pairs of pattern lists and the way they are read.

    A line that is no regular expression yet is marked; its list keeps its last good patterns until it is one.
    """

    filters = traitlets.Instance(Filters)
    """The last good patterns of every list."""

    dialect = traitlets.Instance(Dialect)
    """How they are read."""

    def __init__(self, filters: Filters | None = None, dialect: Dialect | None = None) -> None:
        self._areas: dict[tuple[Level, ListName], widgets.Textarea] = {}
        self._notes: dict[tuple[Level, ListName], widgets.HTML] = {}
        self._labels: dict[Level, widgets.HTML] = {}
        self._writing = False  # while text is written here, it is not taken for typed text
        self._dialect = widgets.Dropdown(
            description="Read as", options=_READINGS, style={"description_width": "60px"}, layout={"width": "auto"}
        )
        super().__init__(filters=filters or Filters(), dialect=dialect or Dialect.DATAHUB)
        self.children = [
            self._dialect,
            *(self._level_box(level) for level in LEVELS),
            self._message,
        ]
        self._show_dialect()
        for key in self._areas:
            self._show_list(*key)
        self._dialect.observe(self._on_dialect_choice, "value")
        self.observe(self._on_dialect, "dialect")
        self.observe(self._on_filters, "filters")

    def _level_box(self, level: Level) -> widgets.Widget:
        self._labels[level] = widgets.HTML()
        lists = [self._list_box(level, "allow"), self._list_box(level, "deny")]
        return widgets.VBox([self._labels[level], widgets.HBox(lists)])

    def _list_box(self, level: Level, name: ListName) -> widgets.Widget:
        area = widgets.Textarea(
            placeholder="one pattern a line" if name == "allow" else "nothing denied",
            rows=2,
            description=f"{name} {level}",
            layout={"width": "auto"},
        )
        area.add_class("dbxe-patterns")
        area.observe(lambda change: self._on_typed(level, name, change), "value")
        self._areas[level, name], self._notes[level, name] = area, message_area()
        return widgets.VBox([area, self._notes[level, name]], layout={"width": "50%"})

    # --- typed text to filters ---

    @guarded
    def _on_typed(self, level: Level, name: ListName, _change: Mapping[str, object]) -> None:
        if self._writing:
            return
        area = self._areas[level, name]
        problem = _first_problem(area.value)
        set_text(self._notes[level, name], problem)
        (area.add_class if problem else area.remove_class)("dbxe-invalid")
        if not problem:
            lists = {n: tuple(getattr(self.filters.level(level), n)) for n in ("allow", "deny")}
            lists[name] = tuple(text for _, text in _lines(area.value))
            self.filters = self.filters.with_level(level, Patterns(lists["allow"], lists["deny"]))

    @guarded
    def _on_dialect_choice(self, change: Mapping[str, object]) -> None:
        chosen = Dialect.named().get(str(change["new"]))
        if chosen is not None and not self._writing:
            self.dialect = chosen

    # --- filters to text ---

    @guarded
    def _on_dialect(self, _change: Mapping[str, object]) -> None:
        self._show_dialect()

    @guarded
    def _on_filters(self, change: Mapping[str, object]) -> None:
        """Write the lists that changed; in the others, someone may have half a pattern."""
        old = change["old"]
        for level, name in self._areas:
            was = getattr(old.level(level), name) if isinstance(old, Filters) else None
            if was != getattr(self.filters.level(level), name):
                self._show_list(level, name)

    def _show_dialect(self) -> None:
        named = next((name for name, known in Dialect.named().items() if known == self.dialect), None)
        options = list(_READINGS)
        if named is None:
            settings = ", ".join(f"{key} {value}" for key, value in self.dialect.settings().items())
            options.append((f"Custom: {settings}", "custom"))
        if tuple(options) != tuple(self._dialect.options):
            self._writing = True  # new options select the first of them
            try:
                self._dialect.options = options
            finally:
                self._writing = False
        self._write(self._dialect, named or "custom")
        for level, label in self._labels.items():
            subject = _SUBJECTS[level][0 if self.dialect.subject == "qualified" else 1]
            label.value = (
                f"<h4>{level.capitalize()} <span class='dbxe-muted'>matched against {html.escape(subject)}</span></h4>"
            )

    def _show_list(self, level: Level, name: ListName) -> None:
        area = self._areas[level, name]
        lines = [_as_line(text) for text in getattr(self.filters.level(level), name)]
        if [text for _, text in _lines(area.value)] != lines:
            self._write(area, "\n".join(lines))
            set_text(self._notes[level, name], _first_problem(area.value))
            area.remove_class("dbxe-invalid")
        area.rows = max(2, min(8, area.value.count("\n") + 1))

    def _write(self, field: widgets.Widget, value: str) -> None:
        self._writing = True
        try:
            field.value = value
        finally:
            self._writing = False


def _lines(value: str) -> list[tuple[int, str]]:
    """Return the patterns of a text area with their lines, from 1; blank lines hold none."""
    return [(number, line) for number, line in enumerate(value.split("\n"), start=1) if line.strip()]


def _as_line(pattern: str) -> str:
    """Return a pattern as one line that means the same: an empty one, or one with a line break, has to be rewritten."""
    line = pattern.replace("\n", "\\n")
    return line if line.strip() else f"(?:{line})"


def _first_problem(value: str) -> str:
    """Return, as markup, what is wrong with the first bad line; empty when all are good."""
    for number, text in _lines(value):
        try:
            compile_pattern(text, ignore_case=False)
        except errors.PatternError as error:
            at = error.position
            marked = one_line(text)
            if at is not None:
                marked = (
                    html.escape(text[:at])
                    + f"<mark>{html.escape(text[at : at + 1] or ' ')}</mark>"
                    + html.escape(text[at + 1 :])
                )
            else:
                marked = html.escape(marked)
            why = error.problem.rpartition("is not a regular expression: ")[2]
            return (
                f"<div class='dbxe-error' role='alert'>Line {number}: <code>{marked}</code> {html.escape(why)}. "
                f"<span class='dbxe-muted'>{html.escape(error.remedy)}. The last good patterns stay in force.</span></div>"
            )
    return ""
