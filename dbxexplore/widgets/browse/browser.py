"""Browser of the catalog made of core widgets: breadcrumb, search, and one page of rows at a time.

It has a fixed number of row widgets and changes what they show, so its size in the browser does not
depend on the size of the catalog.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from dbxexplore.text import one_line, plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.browse.contents import contents
from dbxexplore.widgets.browse.index import NOTEBOOKS, NodeKey, TreeIndex
from dbxexplore.widgets.pager import Pager
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import reason, type_text

PAGE_LENGTH = 20
_ICONS = {"catalog": "database", "schema": "folder-o", "table": "table", "view": "eye", "notebook": "book"}
Path: TypeAlias = tuple[str | None, ...]


class CatalogBrowser(Component):
    """Walks a catalog: a click opens a container or selects an object; search looks through all of it."""

    WRITES = ("selected",)

    path = traitlets.Tuple(default_value=())
    """The open container: (), (catalog,), (catalog, schema), or (None,) for the notebooks."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._pager = Pager(PAGE_LENGTH, self._turn)
        self._shown: npt.NDArray[np.intp] = np.array([], dtype=np.intp)  # rows of the frame; -1 - i is entry i of:
        self._without_row: list[Path] = []
        self._search = widgets.Text(
            placeholder="Search",
            layout={"width": "auto"},
            description="Search",
            style={"description_width": "60px"},
        )
        self._crumbs = widgets.HBox([])
        self._rows = [_Row(partial(self._on_row, position)) for position in range(PAGE_LENGTH)]
        self._where = widgets.HTML()
        super().__init__(state)
        self.children = [
            self._search,
            self._crumbs,
            *(row.box for row in self._rows),
            self._pager.box,
            self._where,
            self._message,
        ]
        self._search.observe(self._on_search, "value")
        self.state.observe(self._on_catalog, "catalog")
        self.observe(self._on_path, "path")
        self.state.observe(self._on_preview, "live")
        self._restart()

    # --- events ---

    @shows_errors
    def _on_catalog(self, _change: Mapping[str, object]) -> None:
        if self.path and not self._has_path():
            self.path = ()
        self._restart()

    def _has_path(self) -> bool:
        """Return whether the catalog has the open container."""
        if self.state.catalog is None:
            return False
        names = [str(name) for name in self.path if name is not None]
        key = (("notebooks", "catalog", "schema")[len(names)], *names)
        return TreeIndex.of(self.state.catalog).find(key) is not None

    @shows_errors
    def _on_path(self, _change: Mapping[str, object]) -> None:
        self._restart()

    @shows_errors
    def _on_preview(self, _change: Mapping[str, object]) -> None:
        self._show_page()

    @shows_errors
    def _on_search(self, _change: Mapping[str, object]) -> None:
        self._restart()

    @shows_errors
    def _turn(self, pages: int) -> None:
        self._pager.page += pages
        self._show_page()

    @shows_errors
    def _on_row(self, position: int) -> None:
        at = self._pager.page * PAGE_LENGTH + position
        catalog = self.state.catalog
        if at >= len(self._shown) or catalog is None:
            return
        row = int(self._shown[at])
        if row < 0:
            self._go(self._without_row[-1 - row])
            return
        objects = catalog.objects
        kind, name = str(objects["kind"].iloc[row]), str(objects["name"].iloc[row])
        self.state.selected = row
        if kind == "catalog":
            self._go((name,))
        elif kind == "schema":
            self._go((str(objects["catalog"].iloc[row]), name))
        else:
            self._show_page()

    def _go(self, path: Path) -> None:
        self._search.value = ""
        self.path = path

    # --- display ---

    def _restart(self) -> None:
        self._pager.page = 0
        self._shown = self._find()
        self._show_crumbs()
        self._show_page()

    def _find(self) -> npt.NDArray[np.intp]:
        """Return the rows to show; entries without a row go to ``_without_row``."""
        self._without_row = []
        if self.state.catalog is None:
            return np.array([], dtype=np.intp)
        objects = self.state.catalog.objects
        text = self._search.value.strip()
        if text:
            matches = objects["full_name"].str.contains(text, case=False, regex=False)
            return np.flatnonzero(matches.to_numpy(dtype=bool, na_value=False))
        kind = objects["kind"].to_numpy()
        if self.path == (None,):
            return np.flatnonzero(kind == "notebook")
        if not self.path:
            return self._containers(objects, np.ones(len(objects), dtype=bool), "catalog")
        inside = (objects["catalog"] == self.path[0]).to_numpy(dtype=bool, na_value=False)
        if len(self.path) == 1:
            return self._containers(objects, inside, "schema")
        inside = inside & (objects["schema"] == self.path[1]).to_numpy(dtype=bool, na_value=False)
        return np.flatnonzero(inside)

    def _containers(self, objects: pd.DataFrame, inside: npt.NDArray[np.bool_], kind: str) -> npt.NDArray[np.intp]:
        """Return the rows of the containers to show. A container that is only named by its objects has no row."""
        rows = np.flatnonzero(inside & (objects["kind"] == kind).to_numpy(dtype=bool))
        known = set(objects["name"].iloc[rows])
        named = objects[kind][inside].dropna().unique()
        paths: list[Path] = [(*self.path, str(name)) for name in sorted(named) if name not in known]
        if kind == "catalog" and (objects["kind"] == "notebook").any():
            paths.append((None,))
        self._without_row = paths
        return np.append(rows, -1 - np.arange(len(paths))).astype(np.intp)

    def _show_crumbs(self) -> None:
        if self._search.value.strip():
            number = plural(len(self._shown), "object")
            self._crumbs.children = [widgets.HTML(f"<span class='dbxe-muted'>{number} found</span>")]
            return
        names = ["Workspace", *(NOTEBOOKS if part is None else str(part) for part in self.path)]
        crumbs: list[widgets.Widget] = []
        for depth, name in enumerate(names):
            target = self.path[:depth]
            crumb = widgets.Button(
                description=one_line(name), layout={"width": "auto"}, tooltip=f"Go to {one_line(name)}"
            )
            crumb.add_class("dbxe-crumb")
            crumb.on_click(lambda _, path=target: self._go(path))
            crumbs += [crumb] if depth == 0 else [widgets.HTML("<span class='dbxe-muted'>›</span>"), crumb]
        self._crumbs.children = crumbs

    def _show_page(self) -> None:
        total = len(self._shown)
        page = self._shown[self._pager.part(total)]
        verdicts = self.state.live.frame if self.state.live is not None else None
        for position, row in enumerate(self._rows):
            if position >= len(page):
                row.hide()
            elif page[position] < 0:
                self._show_without_row(row, self._without_row[-1 - int(page[position])])
            else:
                self._show_row(row, int(page[position]), verdicts)
        number = plural(total, "object") if total <= PAGE_LENGTH else ""
        nothing = "Nothing to show yet" if self.state.catalog is None else self._unlisted() or "Nothing here"
        self._where.value = f"<span class='dbxe-muted'>{number if total else nothing}</span>"

    def _unlisted(self) -> str:
        """Return why the contents of the open container are unknown, "" where they are known."""
        if self.state.catalog is None or not self.path or None in self.path or self._search.value.strip():
            return ""
        tree = TreeIndex.of(self.state.catalog)
        place = tree.find((("catalog", "schema")[len(self.path) - 1], *map(str, self.path)))
        return contents(tree, place).warning.capitalize() if place else ""

    def _show_row(self, row: _Row, at: int, verdicts: pd.DataFrame | None) -> None:
        assert self.state.catalog is not None
        objects = self.state.catalog.objects
        kind = str(objects["kind"].iloc[at])
        searching = bool(self._search.value.strip())
        raw_name = str(objects["name"].iloc[at])
        name = str(objects["full_name" if searching or kind == "notebook" else "name"].iloc[at])
        details = [] if verdicts is None else [_verdict_html(verdicts.iloc[at])]
        details.append(_muted(type_text(kind, objects["object_type"].iloc[at])))
        if kind in {"catalog", "schema"}:
            parent = objects["catalog"].iloc[at]
            details.append(self._contents((kind, raw_name) if kind == "catalog" else (kind, str(parent), raw_name)))
        browse_only = objects["browse_only"].iloc[at]
        if not pd.isna(browse_only) and browse_only:
            details.append("<span class='dbxe-warn'>visible, not readable</span>")
        comment = objects["comment"].iloc[at]
        if not pd.isna(comment):
            details.append(_muted(one_line(str(comment), 80)))
        row.show(
            name,
            kind,
            " · ".join(details),
            is_container=kind in {"catalog", "schema"},
            is_selected=at == self.state.selected,
        )

    def _show_without_row(self, row: _Row, path: Path) -> None:
        assert self.state.catalog is not None
        if path == (None,):
            row.show(NOTEBOOKS, "notebook", self._contents(("notebooks",)), is_container=True, is_selected=False)
            return
        kind = ("catalog", "schema")[len(path) - 1]
        details = self._contents((kind, *map(str, path)))
        row.show(str(path[-1]), kind, details, is_container=True, is_selected=False)

    def _contents(self, key: NodeKey) -> str:
        assert self.state.catalog is not None
        tree = TreeIndex.of(self.state.catalog)
        place = tree.find(key)
        content = contents(tree, place) if place else None
        if content is None:
            return ""
        return (
            f"<span class='dbxe-warn'>{html.escape(content.text)}</span>" if content.warning else _muted(content.text)
        )


def _muted(text: str) -> str:
    return f"<span class='dbxe-muted'>{html.escape(text)}</span>"


class _Row:
    """One line of the page: a button for the name, and the details beside it."""

    def __init__(self, on_click: Callable[[], None]) -> None:
        self._name = widgets.Button(layout={"flex": "0 0 36%", "width": "36%", "min_width": "140px", "margin": "0"})
        self._name.add_class("dbxe-name")
        self._name.on_click(lambda _: on_click())
        self._details = widgets.HTML(layout={"flex": "1 1 auto", "overflow": "hidden"})
        self.box = widgets.HBox([self._name, self._details], layout={})
        self.box.add_class("dbxe-row")

    def hide(self) -> None:
        self.box.layout.display = "none"

    def show(self, name: str, kind: str, details: str, *, is_container: bool, is_selected: bool) -> None:
        self._name.description = one_line(name)
        self._name.icon = _ICONS.get(kind, "")
        self._name.tooltip = f"Open {one_line(name)}" if is_container else f"Explain {one_line(name)}"
        (self._name.add_class if is_container else self._name.remove_class)("dbxe-container")
        (self.box.add_class if is_selected else self.box.remove_class)("dbxe-selected")
        self._details.value = details
        self.box.layout.display = None


def _verdict_html(verdict: pd.Series) -> str:
    if verdict["included"]:
        return "<span class='dbxe-ok'>✓ included</span>"
    return f"<span class='dbxe-no'>✗ excluded</span> <span class='dbxe-muted'>{html.escape(reason(verdict))}</span>"
