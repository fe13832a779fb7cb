"""Panel that shows how much of each catalog and schema is included: a list, and a treemap where plotly can draw one.

The list is made of core widgets, so it works everywhere and with the keyboard, and holds all that the
treemap shows. The treemap sends the browser five megabytes of JavaScript, so it is made only when it is asked for.
"""

from __future__ import annotations

import html
import importlib.util
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd
import traitlets

from dbxexplore import plots
from dbxexplore.catalog import Catalog
from dbxexplore.catalog.names import name_key
from dbxexplore.filters import Preview
from dbxexplore.filters.subjects import Subjects
from dbxexplore.text import one_line, plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.pager import Pager
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import DISCOVERING
from dbxexplore.widgets.work import Debouncer

if TYPE_CHECKING:
    from plotly.graph_objects import FigureWidget

Place: TypeAlias = tuple[str, ...]

PAGE_LENGTH = 15
_LEAST_WIDTH, _PADDING = 320, 36  # pixels; the latter are those of the tabs
MOST_BOXES = 2_000  # more are too small to be seen, and slow to draw
_TYPING_SECONDS = 0.15  # between two keys, in which nothing is worked out
_SHOW, _HIDE = "Show the treemap", "Hide the treemap"


class CoveragePanel(Component):
    """Shows the share of each catalog, schema and kind of object that a preview includes.

    It follows the preview a moment later, computed in a background thread; wait for `updating`.
    """

    place = traitlets.Tuple(default_value=())
    """What was clicked last: (catalog,) or (catalog, schema), () before. A second click on the same place is a
    change too: it is () in between."""

    active = traitlets.Bool(default_value=True)
    """Whether anyone can see the panel. While False, a new preview is kept and worked out later."""

    treemap = traitlets.Bool(default_value=False)
    """Whether the treemap is shown. It stays False where it cannot be made, and the panel says why."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self.updating = Debouncer(_TYPING_SECONDS)
        self._table = _no_rows()
        self._open: set[str] = set()  # catalogs whose schemas are listed
        self._pager = Pager(PAGE_LENGTH, self._turn)
        self._listed: list[int] = []  # rows of the table, in the order of the list
        self._shown_for: Preview | None = None
        self._figure: FigureWidget | None = None
        self._drawn: list[Place] = []  # the place of each box
        self._drawn_for: object = None  # the catalog whose boxes they are
        self._kinds = widgets.HTML()
        self._warning, self._note = message_area(), message_area()
        self._toggle = widgets.Button(description=_SHOW, icon="th-large", layout={"width": "170px"})
        self._legend = widgets.HTML(_LEGEND)
        self._plot = widgets.VBox([])
        self._head = widgets.HTML()
        self._rows: list[_Row] = []  # as many as have been needed, so that an Explorer opens with few controls
        self._list = widgets.VBox()
        super().__init__(state)
        reason = _no_treemap()
        self._toggle.layout.display = "none" if reason else None
        set_text(self._note, _muted(reason))
        self.children = [
            self._warning,
            self._kinds,
            self._toggle,
            self._note,
            self._plot,
            self._head,
            self._list,
            self._pager.box,
            self._message,
        ]
        self._toggle.on_click(self._on_toggle)
        self._show(self.state.preview, _table_of(self.state.preview))
        self.state.observe(self._on_preview, "preview")
        self.observe(self._on_preview, "active")
        self.observe(self._on_treemap, "treemap")
        self.state.observe(self._on_page_width, "page_width")
        self.state.observe(self._on_discovering, "discovering")

    # --- events ---

    @shows_errors
    def _on_preview(self, _change: Mapping[str, object]) -> None:
        if self.active:  # even for what is shown already: something else may be on its way
            self.updating.start(self._update)

    @shows_errors
    def _on_discovering(self, _change: Mapping[str, object]) -> None:
        self._kinds.value = _kinds_html(self._shown_for, discovering=self.state.discovering)

    @shows_errors
    def _on_toggle(self, _button: object) -> None:
        self.treemap = not self.treemap

    @shows_errors
    def _on_treemap(self, _change: Mapping[str, object]) -> None:
        reason = _no_treemap() if self.treemap else ""
        if reason:
            self.treemap = False
            set_text(self._note, _muted(reason))
            return
        self._toggle.description = _HIDE if self.treemap else _SHOW
        if not self.treemap:
            self._plot.children = []
            return
        if self._figure is None:
            set_text(self._note, _muted("Drawing the treemap…"))
        self.updating.start(self._update)

    @shows_errors
    def _on_page_width(self, _change: Mapping[str, object]) -> None:
        if self._figure is not None:
            self._figure.layout.width = self._figure_width()

    def _figure_width(self) -> int | None:
        # In a page that is not there yet, plotly finds no width by itself; without one it draws 700 pixels.
        width = self.state.page_width
        return max(_LEAST_WIDTH, width - _PADDING) if width else None

    @shows_errors
    def _on_name(self, position: int) -> None:
        row = self._row_at(position)
        if row is not None:
            self._go(_places(self._table.iloc[[row]])[0])

    @shows_errors
    def _on_open(self, position: int) -> None:
        row = self._row_at(position)
        if row is not None:
            self._open ^= {str(self._table["catalog"].iloc[row])}
            self._show_list()

    @shows_errors
    def _turn(self, pages: int) -> None:
        self._pager.page += pages
        self._show_page()

    @shows_errors
    def _on_box(self, _trace: object, points: object, _state: object) -> None:
        for at in getattr(points, "point_inds", []):
            if 0 < at < len(self._drawn):  # the first box is everything, which is no place to go to
                self._go(self._drawn[at])

    def _row_at(self, position: int) -> int | None:
        at = self._pager.page * PAGE_LENGTH + position
        return self._listed[at] if at < len(self._listed) else None

    def _go(self, place: Place) -> None:
        self.place = ()
        self.place = place

    # --- display, computed in a thread ---

    def _update(self, is_wanted: Callable[[], bool]) -> None:
        preview = self.state.preview
        try:
            if preview is not self._shown_for:
                table = _table_of(preview)
                if is_wanted():
                    self._show(preview, table)
            if self.treemap and is_wanted():
                self._draw()
        except Exception as error:
            self.show_error(error)
            raise

    def _show(self, preview: Preview | None, table: pd.DataFrame) -> None:
        with self.state.lock:
            before = None if self._shown_for is None else self._shown_for.catalog
            is_same = preview is not None and preview.catalog is before
            if not is_same and not (before is not None and before.in_progress):  # else it is filled further
                self._open = set()
                self._pager.page = 0
            self._table, self._shown_for = table, preview
            self._kinds.value = _kinds_html(preview, discovering=self.state.discovering)
            set_text(self._warning, _incomplete_html(preview))
            self._show_list()

    def _show_list(self) -> None:
        table = self._table
        is_catalog = table["schema"].isna().to_numpy(dtype=bool)
        listed = is_catalog | table["catalog"].isin(self._open).to_numpy(dtype=bool)
        self._listed = np.flatnonzero(listed).tolist()
        self._head.value = _HEAD if self._listed else ""
        self._show_page()

    def _show_page(self) -> None:
        page = self._table.iloc[self._listed[self._pager.part(len(self._listed))]]
        inside = self._table.loc[self._table["schema"].notna(), "catalog"].value_counts()  # schemas of each
        hidden = self._table.loc[
            self._table["schema"].notna() & self._table["unknown"].notna(), "catalog"
        ].value_counts()
        self._make_rows(len(page))
        for at, row in enumerate(self._rows):
            if at >= len(page):
                row.hide()
                continue
            catalog, schema, objects, included, _, unknown = page.iloc[at]
            is_catalog = pd.isna(schema)
            row.show(
                str(catalog) if is_catalog else str(schema),
                _sum_html(
                    int(included),
                    int(objects),
                    unknown=None if pd.isna(unknown) else str(unknown),
                    hidden=int(hidden.get(catalog, 0)) if is_catalog else 0,
                ),
                schemas=int(inside.get(catalog, 0)) if is_catalog else None,
                is_open=catalog in self._open,
            )

    def _make_rows(self, number: int) -> None:
        have = len(self._rows)
        if number > have:
            self._rows += [_Row(partial(self._on_name, at), partial(self._on_open, at)) for at in range(have, number)]
            self._list.children = [row.box for row in self._rows]

    # --- the treemap ---

    def _draw(self) -> None:
        """Create the figure, or update the existing one."""
        known = self._table[self._table["objects"] > 0]  # what is not known has no size
        preview, table = self._shown_for, _largest(known)
        if preview is None or not len(table):
            self._plot.children = []
            set_text(self._note, _muted("No tables or views to draw."))
            return
        if self._figure is None:
            try:
                self._figure = _new_figure()
            except (ImportError, TypeError) as error:
                # The message is plotly's own, which names what is missing.
                self.treemap = False
                self._toggle.layout.display = "none"
                set_text(self._note, _muted(f"The treemap cannot be drawn: {error}. The list below has the same data."))
                return
        figure = self._figure
        figure.layout.width = self._figure_width()
        self._drawn = [(), *_places(table)]
        if self._drawn_for is preview.catalog:
            with figure.batch_update():
                figure.data[0].update(plots.treemap(table))
        else:
            # A new trace: the browser would go on showing the inside of a box that may be another now.
            figure.data = ()
            figure.add_treemap(**plots.treemap(table))
            figure.data[0].on_click(self._on_box)
        self._drawn_for = preview.catalog
        left_out = len(known) - len(table)
        more = f"The {MOST_BOXES:,} largest boxes are shown; {left_out:,} are left out." if left_out else ""
        set_text(self._note, _muted(more))
        if not self._plot.children:
            self._plot.children = [self._legend, figure]


class _Row:
    """One line of the list: a button for the name, one that opens a catalog, and the sums."""

    def __init__(self, on_name: Callable[[], None], on_open: Callable[[], None]) -> None:
        self._name = widgets.Button(layout={"flex": "0 0 34%", "width": "34%", "min_width": "140px", "margin": "0"})
        self._name.add_class("dbxe-name")
        self._name.on_click(lambda _: on_name())
        self._open = widgets.Button(layout={"flex": "0 0 118px", "width": "118px", "margin": "0"})
        self._open.add_class("dbxe-name")
        self._open.on_click(lambda _: on_open())
        self._sums = widgets.HTML(layout={"flex": "1 1 auto", "overflow": "hidden"})
        self.box = widgets.HBox([self._name, self._open, self._sums], layout={})
        self.box.add_class("dbxe-row")

    def hide(self) -> None:
        self.box.layout.display = "none"

    def show(self, name: str, sums: str, *, schemas: int | None, is_open: bool) -> None:
        """Show a catalog with so many ``schemas``, or a schema when that is None."""
        shown = one_line(name)
        self._name.description, self._name.tooltip = shown, f"Go to {shown}"
        self._name.icon = "folder-o" if schemas is None else "database"
        (self.box.add_class if schemas is None else self.box.remove_class)("dbxe-inner")
        (self._name.remove_class if schemas is None else self._name.add_class)("dbxe-container")
        self._open.layout.visibility = None if schemas else "hidden"
        if schemas:
            self._open.description = f"{'▾' if is_open else '▸'} {plural(schemas, 'schema')}"
            self._open.tooltip = f"{'Hide' if is_open else 'List'} the schemas of {shown}"
        self._sums.value = sums
        self.box.layout.display = None


_COLUMNS = ("catalog", "schema", "objects", "included", "share", "unknown")


def _table_of(preview: Preview | None) -> pd.DataFrame:
    """Return `plots.coverage_table` and, with nothing in them, the other catalogs and schemas, so that all are there.

    ``unknown`` (string) says why a row could not be listed, NA where it could.
    """
    if preview is None:
        return _no_rows()
    table, unlisted = plots.coverage_table(preview), _unlisted(preview.catalog)
    places = _places(table)
    reasons = [unlisted.pop(place, None) for place in places] if unlisted else [None] * len(table)
    table = table.assign(unknown=pd.array(reasons, dtype="string"))
    others = {**dict.fromkeys(_containers(preview.catalog)), **unlisted}
    others = {**dict.fromkeys((place[0],) for place in others), **others}
    known = set(places)
    empty = [(place, why) for place, why in others.items() if place not in known]
    if not empty:
        return table
    rows = pd.DataFrame(
        {
            "catalog": pd.array([place[0] for place, _ in empty], dtype="string"),
            "schema": pd.array([place[1] if len(place) > 1 else None for place, _ in empty], dtype="string"),
            "objects": 0,
            "included": 0,
            "share": 0.0,
            "unknown": pd.array([why for _, why in empty], dtype="string"),
        }
    )
    made = pd.concat([table, rows])
    in_order = sorted(enumerate(_places(made)), key=lambda item: list(map(name_key, item[1])))
    return made.iloc[[at for at, _ in in_order]].reset_index(drop=True)


def _containers(catalog: Catalog) -> list[Place]:
    """Return the catalogs and schemas that have rows of their own."""
    rows, objects = Subjects.of(catalog).rows, catalog.objects
    catalogs, schemas = objects.iloc[rows["catalog"]], objects.iloc[rows["schema"]]
    held = zip(schemas["catalog"].astype(str), schemas["name"].astype(str), strict=True)
    return [*((str(name),) for name in catalogs["name"]), *held]


def _unlisted(catalog: Catalog) -> dict[Place, str]:
    """Return why some catalogs and schemas could not be listed.

    What a scope is called says not where its parts end, so it is looked up among the containers; one that is none of
    them stands for itself. Folders of notebooks hold no tables.
    """
    objects, rows, reasons = catalog.objects, Subjects.of(catalog).rows, catalog.reasons()
    if not reasons:
        return {}
    containers = objects.iloc[np.concatenate([rows["catalog"], rows["schema"]])]
    containers = containers[containers["full_name"].isin(list(reasons))]
    listed: dict[Place, str] = {}
    for kind, holder, name, full_name in containers[["kind", "catalog", "name", "full_name"]].itertuples(index=False):
        listed[(str(name),) if kind == "catalog" else (str(holder), str(name))] = reasons[str(full_name)]
    named = set(containers["full_name"])
    others: dict[Place, str] = {
        (scope,): why for scope, why in reasons.items() if scope not in named and not scope.startswith("/")
    }
    return {**others, **listed}


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({name: [] for name in _COLUMNS})


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the largest boxes. A catalog is as large as any schema in it, and comes before them."""
    if len(table) <= MOST_BOXES:
        return table
    order = np.argsort(-table["objects"].to_numpy(), kind="stable")
    return table.iloc[np.sort(order[:MOST_BOXES])]


def _places(table: pd.DataFrame) -> list[Place]:
    return [
        (str(catalog),) if pd.isna(schema) else (str(catalog), str(schema))
        for catalog, schema in zip(table["catalog"], table["schema"], strict=True)
    ]


# --- the figure ---


def _no_treemap() -> str:
    """Return why there can be no treemap here, empty when there can. Imports nothing."""
    if "DATABRICKS_RUNTIME_VERSION" in os.environ:
        return "Databricks limits the messages of widgets to 5 MB, so there is no treemap here; the list has the same data."
    missing = [name for name in ("plotly", "anywidget") if importlib.util.find_spec(name) is None]
    if missing:
        return f"The treemap needs {' and '.join(missing)}: pip install plotly anywidget"
    return ""


def _new_figure() -> FigureWidget:
    """Return an empty figure for a treemap.

    All its text stands on boxes of its own colours, because it cannot know whether the page is light or dark.

    Raises:
        ImportError: plotly lacks what it needs to be a widget.
        TypeError: it is too old to be a widget that brings its own JavaScript.
    """
    from anywidget import AnyWidget
    from plotly import graph_objects as go

    if not issubclass(go.FigureWidget, AnyWidget):
        msg = "plotly is older than version 6"
        raise TypeError(msg)
    figure = go.FigureWidget(
        layout={
            **plots.LAYOUT,
            "template": "none",
            "margin": {"t": 24, "l": 0, "r": 0, "b": 0},
            "height": 380,
            "autosize": True,
        }
    )
    figure._config = {**figure._config, "displayModeBar": False, "responsive": True}  # noqa: SLF001 - plotly has no other way
    return figure


# --- markup ---

_HEAD = "<h4>Tables and views <span class='dbxe-muted'>included in each catalog and schema</span></h4>"
_LEGEND = (
    "<div class='dbxe-legend'><span>0%</span>"
    f"<span class='dbxe-scale' style='background:linear-gradient(to right,{plots.EXCLUDED},{plots.INCLUDED})'></span>"
    "<span>100% included</span><span class='dbxe-muted'>Box size = tables and views. "
    "Click a box to open it in the tree.</span></div>"
)


def _muted(text: str) -> str:
    return f"<span class='dbxe-muted' role='status'>{html.escape(text)}</span>" if text else ""


def _percent(part: int, whole: int) -> str:
    """Return a share in whole percent, where 0% means none and 100% all."""
    share = 100 * part / max(1, whole)
    if 0 < part < whole and not 1 <= share <= 99:  # noqa: PLR2004 - percent
        return "< 1%" if share < 1 else "> 99%"
    return f"{share:.0f}%"


def _bar_html(part: int, whole: int) -> str:
    share = 100 * part / max(1, whole)
    return (
        f"<div class='dbxe-bar' role='img' aria-label='{html.escape(_percent(part, whole))} included'>"
        f"<span class='in' style='width:{share:.2f}%'></span>"
        f"<span class='out' style='width:{100 - share:.2f}%'></span></div>"
    )


def _sum_html(part: int, whole: int, *, unknown: str | None = None, hidden: int = 0) -> str:
    """Return how much of a row is included, without a share where it is incomplete.

    ``unknown`` is why the row itself could not be listed, ``hidden`` the number of its schemas that could not.
    """
    parts = []
    if unknown is not None:
        parts = ["not listed yet" if unknown == "pending" else f"unknown ({one_line(unknown, 40)})"]
    parts += [f"{plural(hidden, 'schema')} unknown"] if hidden else []
    warning = f"<span class='dbxe-warn'>{html.escape(', '.join(parts))}</span>" if parts else ""
    if warning and not whole:
        return f"<div class='dbxe-sum'>{warning}</div>"
    if not whole:
        return "<div class='dbxe-sum'><span class='dbxe-muted'>no tables or views</span></div>"
    share = warning or f"<span class='dbxe-muted'>{html.escape(_percent(part, whole))}</span>"
    return f"<div class='dbxe-sum'>{_bar_html(part, whole)}<span>{part:,} of {whole:,}</span>{share}</div>"


def _incomplete_html(preview: Preview | None) -> str:
    if preview is None or preview.catalog.complete:
        return ""
    state = "is under way" if preview.catalog.in_progress else "was incomplete"
    return (
        f"<div class='dbxe-warn' role='status'>The discovery {state}: {preview.catalog.not_listed} "
        "and not counted here.</div>"
    )


def _kinds_html(preview: Preview | None, *, discovering: bool) -> str:
    if preview is None and discovering:
        return DISCOVERING
    if preview is None:
        return "<span class='dbxe-muted'>Discover a workspace to see how much of it the filters include.</span>"
    rows = "".join(
        f"<tr><th scope='row'>{html.escape(str(kind))}</th><td class='dbxe-number'>{let_in + left_out:,}</td>"
        f"<td class='dbxe-number'>{let_in:,}</td><td class='dbxe-number'>"
        f"{html.escape(_percent(let_in, let_in + left_out)) if let_in + left_out else ''}</td>"
        f"<td>{_bar_html(let_in, let_in + left_out) if let_in + left_out else ''}</td></tr>"
        for kind, let_in, left_out in preview.counts().itertuples()
    )
    return (
        "<table class='dbxe-table'><thead><tr><th scope='col'>Kind</th><th scope='col' class='dbxe-number'>Discovered</th>"
        "<th scope='col' class='dbxe-number'>Included</th><th scope='col' class='dbxe-number'>Included, %</th>"
        f"<th></th></tr></thead><tbody>{rows}</tbody></table><span class='dbxe-muted'>A catalog or schema counts as included "
        "if the patterns include it, whatever they do with its tables and views.</span>"
    )
