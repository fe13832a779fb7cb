"""What a widget shows, and where a pattern is typed."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets

import dbxexplore as dbx
from dbxexplore.widgets import ExplorerState, FilterEditor
from dbxexplore.widgets.base import Component
from dbxexplore.widgets.filter.editor import _RowView


def markup(widget: ipywidgets.Widget) -> Iterator[str]:
    """Everything that a widget and its children show as HTML, as long as it is shown."""
    if isinstance(widget, ipywidgets.HTML):
        yield widget.value
    for child in getattr(widget, "children", ()):
        if child.layout.display != "none":
            yield from markup(child)


def shown(widget: ipywidgets.Widget) -> str:
    return "\n".join(markup(widget))


def button(widget: ipywidgets.Widget, text: str) -> ipywidgets.Button:
    """Return the one button with a text in ``widget``."""
    found = [one for one in _within(widget) if isinstance(one, ipywidgets.Button) and one.description == text]
    assert len(found) == 1, f"{len(found)} buttons say {text!r}"
    return found[0]


def _within(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _within(child)


def field(editor: FilterEditor, label: str) -> _RowView:
    """The row whose field has a label such as ``allow catalogs 1``; its ``text`` is what is typed into."""
    views = [view for section in editor._sections.values() for view in section._views.values()]
    found = [view for view in views if view.text.description == label]
    assert len(found) == 1, label
    return found[0]


def state_of(preview: dbx.Preview | None, **values: object) -> ExplorerState:
    """A state whose preview is that of the same catalog, filters and dialect."""
    return ExplorerState(**_judged(preview), **values)


def show_preview(component: Component, preview: dbx.Preview | None) -> None:
    """Have a component show other verdicts."""
    component.state.update(**_judged(preview))


def _judged(preview: dbx.Preview | None) -> dict[str, object]:
    if preview is None:
        return {"catalog": None}
    return {"catalog": preview.catalog, "filters": preview.filters, "dialect": preview.dialect}
