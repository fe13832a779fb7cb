"""The Explorer: the library as widgets. Nothing is decided here; every value is to be had from Python too."""

from dbxexplore.widgets.catalog_browser import CatalogBrowser
from dbxexplore.widgets.changes_panel import ChangesPanel
from dbxexplore.widgets.connect_form import ConnectForm
from dbxexplore.widgets.coverage_panel import CoveragePanel
from dbxexplore.widgets.discover_panel import DiscoverPanel
from dbxexplore.widgets.explanation_panel import ExplanationPanel
from dbxexplore.widgets.explorer import Explorer, explore
from dbxexplore.widgets.export_panel import ExportPanel
from dbxexplore.widgets.filter_editor import FilterEditor
from dbxexplore.widgets.preview_panel import PreviewPanel
from dbxexplore.widgets.suggest_panel import SuggestPanel

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
