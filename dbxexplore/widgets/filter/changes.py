"""What the last edit of the filters changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import traitlets

from dbxexplore.catalog.schema import Kind
from dbxexplore.filters import Preview
from dbxexplore.filters.patterns import LEVEL_OF_KIND
from dbxexplore.filters.subjects import Subjects
from dbxexplore.text import line_html, plural
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState
from dbxexplore.widgets.words import containers_text, leaves, reason
from dbxexplore.widgets.work import Debouncer

_SHOWN = 8
_DELAY = 0.15  # seconds after the last key: the deciding patterns take longer to find than the numbers


class ChangesPanel(Component):
    """Lists the objects that the last edit added and removed, or that a pattern being typed would."""

    has_tree = traitlets.Bool(default_value=False)
    """Whether there is a tree that can show all of them."""

    asked = traitlets.Int(0)
    """How often the tree was asked for."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._changes, self._objects = widgets.HTML(), message_area()
        self._all = widgets.Button(
            description="Show all in the tree",
            tooltip="Show in the tree only what the last edit changed",
            layout={"width": "auto", "display": "none", "flex": "0 0 auto"},
        )
        self._all.add_class("dbxe-quiet")
        self._later = Debouncer(_DELAY)
        super().__init__(state)
        # Above the list, which may be longer than the pane.
        head = widgets.HBox([self._changes, self._all], layout={"flex_flow": "row wrap", "align_items": "center"})
        self.children = [head, self._objects, self._message]
        self._all.on_click(self._on_all)
        self.observe(self._show_changes, "has_tree")
        self.state.observe(self._show_changes, ["live", "discovering", "read_only"])
        self._show_changes({})

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the changed objects are shown, at most ``timeout`` seconds; return whether they are."""
        return self._later.wait(timeout)

    @shows_errors
    def _show_changes(self, _change: Mapping[str, object]) -> None:
        state = self.state
        after, changed, text = state.live, None, ""
        if after is None and state.discovering:
            text = ""  # the panel above says so
        elif after is None:
            text = "<span class='dbxe-muted'>Discover a workspace to see what an edit changes.</span>"
        elif state.changed is None:
            hint = "Edit a pattern to see what changes."
            text = "" if state.read_only else f"<span class='dbxe-muted'>{hint}</span>"
        else:
            changed = _Changed.of(after, state.changed.flags)
            text = changed.sum_html(after)
        self._changes.value = text
        self._later.cancel()
        if changed is None or after is None or not changed.flags.any():
            self._show_list("", is_all=True)
        else:
            self._objects.add_class("dbxe-outdated")
            self._later.start(partial(self._show_objects, changed, after))

    def _show_objects(self, changed: _Changed, after: Preview, is_wanted: Callable[[], bool]) -> None:
        text, is_all = changed.objects_html(after)
        with self.state.lock:
            if is_wanted():
                self._show_list(text, is_all=is_all)
                self._objects.remove_class("dbxe-outdated")

    def _show_list(self, text: str, *, is_all: bool) -> None:
        set_text(self._objects, text)
        self._all.layout.display = "none" if is_all or not self.has_tree else None

    @shows_errors
    def _on_all(self, _button: widgets.Button) -> None:
        self.asked += 1


@dataclass(frozen=True, eq=False)
class _Changed:
    """The rows whose verdict differs between two previews."""

    flags: npt.NDArray[np.bool_]
    added: int  # tables, views and notebooks
    removed: int

    @classmethod
    def of(cls, after: Preview, flags: npt.NDArray[np.bool_]) -> _Changed:
        counted = flags & leaves(after.catalog)
        added = int(np.count_nonzero(counted & after.included.to_numpy()))
        return cls(flags, added, int(np.count_nonzero(counted)) - added)

    def sum_html(self, after: Preview) -> str:
        """Return as markup how many objects were added and removed, and how many containers changed."""
        containers = containers_text(after.catalog, self.flags)
        if not self.added and not self.removed:
            text = f"No tables, views or notebooks changed ({containers} did)." if containers else "No change"
            return f"<span class='dbxe-muted'>{text}</span>"
        apart = f" <span class='dbxe-muted'>and {containers}</span>" if containers else ""
        added = f"<span class='dbxe-ok'>+{self.added:,} added</span>" if self.added else ""
        removed = f"<span class='dbxe-no'>−{self.removed:,} removed</span>" if self.removed else ""
        return f"<div role='status'>{', '.join(filter(None, (added, removed)))}{apart}</div>"

    def objects_html(self, after: Preview) -> tuple[str, bool]:
        """Return as markup the first changed objects and the patterns that decided, and whether those are all."""
        at, number = _entries(after, self.flags)
        went_in = after.included.to_numpy()[at]
        shown = _few(np.flatnonzero(went_in), np.flatnonzero(~went_in))
        rows = "".join(
            f"<tr><td class='{'dbxe-ok' if row['included'] else 'dbxe-no'}'>{'+ added' if row['included'] else '− removed'}</td>"
            f"<td><code>{line_html(str(row['full_name']))}</code>{_inside_html(row, inside)}</td>"
            f"<td class='dbxe-muted'>{line_html(reason(row))}</td></tr>"
            for (_, row), inside in zip(after.rows(at[shown]).iterrows(), number[shown].tolist(), strict=True)
        )
        left = len(at) - len(shown)
        more = _more_html(self.added + self.removed - int(number[shown].sum()), left)
        return f"<table class='dbxe-table dbxe-changes'><tbody>{rows}</tbody></table>{more}", not left


def _entries(after: Preview, flags: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.int64]]:
    """Return the entries to list for changed rows: their positions, and how many objects each stands for.

    A container that changed itself stands for all that changed in it. Such containers come first, then tables, views and
    notebooks, and last the containers in which no object changed.
    """
    subjects, changed = Subjects.of(after.catalog), np.flatnonzero(flags)  # most often few of very many
    counted = leaves(after.catalog)[changed]
    number, listed = counted.astype(np.int64), np.ones(len(changed), dtype=np.bool_)
    containers: tuple[tuple[Kind, npt.NDArray[np.intp]], ...] = (
        ("schema", subjects.schema_of),
        ("catalog", subjects.catalog_of),
    )
    for kind, inside in containers:
        rows = subjects.rows[kind][flags[subjects.rows[kind]]]
        places, holder = np.searchsorted(changed, rows), inside[changed]
        size = len(subjects.qualified[LEVEL_OF_KIND[kind]])
        number[places] = np.bincount(holder[counted & (holder >= 0)], minlength=size)[subjects.own[rows]]
        moved = np.zeros(size + 1, dtype=np.bool_)  # the last one is for -1, which is in none
        moved[subjects.own[rows]] = True
        listed &= ~moved[holder]
        listed[places] = True
    shown = np.flatnonzero(listed)
    rank = np.where(counted[shown], 1, np.where(number[shown] > 0, 0, 2))
    shown = shown[np.argsort(rank, kind="stable")]
    return changed[shown], number[shown]


def _few(added: npt.NDArray[np.intp], removed: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the first few of both."""
    out = min(len(removed), max(_SHOWN // 2, _SHOWN - len(added)))
    return np.concatenate([added[: _SHOWN - out], removed[:out]])


def _inside_html(row: pd.Series, number: int) -> str:
    if row["kind"] not in {"catalog", "schema"}:
        return ""
    return f": {plural(number, 'object')}" if number else f" <span class='dbxe-muted'>({row['kind']})</span>"


def _more_html(objects: int, entries: int) -> str:
    if not entries:
        return ""
    number = plural(objects, "more object") if objects else plural(entries, "more container")
    return f"<span class='dbxe-muted'>{number}</span>"
