"""The Explorer: the library as widgets. Every value can also be read and set from Python.

`explore` opens an `Explorer`; each panel also works by itself, on an `ExplorerState`, which needs no widgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbxexplore.widgets.browse.browser import CatalogBrowser
    from dbxexplore.widgets.browse.pane import CatalogPane
    from dbxexplore.widgets.connect.discover import DiscoverPanel
    from dbxexplore.widgets.connect.form import ConnectForm
    from dbxexplore.widgets.coverage.panel import CoveragePanel
    from dbxexplore.widgets.explain.details import ObjectPanel
    from dbxexplore.widgets.explain.panel import ExplanationPanel
    from dbxexplore.widgets.explorer import Explorer
    from dbxexplore.widgets.export.panel import ExportPanel
    from dbxexplore.widgets.files.panel import FilesPanel
    from dbxexplore.widgets.filter.changes import ChangesPanel
    from dbxexplore.widgets.filter.editor import FilterEditor
    from dbxexplore.widgets.filter.result import PreviewPanel
    from dbxexplore.widgets.filter.suggest import SuggestPanel
    from dbxexplore.widgets.filter.undo import UndoButtons
    from dbxexplore.widgets.opening import explore
    from dbxexplore.widgets.state import ExplorerState

_HOME = {
    "CatalogBrowser": "browse.browser",
    "CatalogPane": "browse.pane",
    "ChangesPanel": "filter.changes",
    "ConnectForm": "connect.form",
    "CoveragePanel": "coverage.panel",
    "DiscoverPanel": "connect.discover",
    "ExplanationPanel": "explain.panel",
    "Explorer": "explorer",
    "ExplorerState": "state",
    "ExportPanel": "export.panel",
    "FilesPanel": "files.panel",
    "FilterEditor": "filter.editor",
    "ObjectPanel": "explain.details",
    "PreviewPanel": "filter.result",
    "SuggestPanel": "filter.suggest",
    "UndoButtons": "filter.undo",
    "explore": "opening",
}

__all__ = [
    "CatalogBrowser",
    "CatalogPane",
    "ChangesPanel",
    "ConnectForm",
    "CoveragePanel",
    "DiscoverPanel",
    "ExplanationPanel",
    "Explorer",
    "ExplorerState",
    "ExportPanel",
    "FilesPanel",
    "FilterEditor",
    "ObjectPanel",
    "PreviewPanel",
    "SuggestPanel",
    "UndoButtons",
    "explore",
]


def __getattr__(name: str) -> object:
    # When first asked for, so that the state can be imported without ipywidgets.
    from importlib import import_module

    if name not in _HOME:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
