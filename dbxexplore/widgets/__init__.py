"""The Explorer: the library as widgets. Nothing is decided here; every value is to be had from Python too."""

from dbxexplore.widgets.browse.browser import CatalogBrowser
from dbxexplore.widgets.connect.discover import DiscoverPanel
from dbxexplore.widgets.connect.form import ConnectForm
from dbxexplore.widgets.coverage.panel import CoveragePanel
from dbxexplore.widgets.explain.panel import ExplanationPanel
from dbxexplore.widgets.explorer import Explorer, explore
from dbxexplore.widgets.export.panel import ExportPanel
from dbxexplore.widgets.filter.changes import ChangesPanel
from dbxexplore.widgets.filter.editor import FilterEditor
from dbxexplore.widgets.filter.result import PreviewPanel
from dbxexplore.widgets.filter.suggest import SuggestPanel

__all__ = [
    "CatalogBrowser",
    "ChangesPanel",
    "ConnectForm",
    "CoveragePanel",
    "DiscoverPanel",
    "ExplanationPanel",
    "Explorer",
    "ExportPanel",
    "FilterEditor",
    "PreviewPanel",
    "SuggestPanel",
    "explore",
]
