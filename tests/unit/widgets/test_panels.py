"""Every panel on a state: which values it sets, and that it keeps none of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ipywidgets
import pytest

import dbxexplore as dbx
from dbxexplore import widgets
from dbxexplore.connection import Capability, ConnectionReport
from dbxexplore.widgets import ExplorerState
from dbxexplore.widgets.base import Component
from dbxexplore.widgets.browse.tree import CatalogTree
from dbxexplore.widgets.connect.origin import OriginLine
from dbxexplore.widgets.connect.progress import ProgressLine

# The panel of files sets what the files hold, see test_files_panel.
_OTHERS = {"explore", "Explorer", "ExplorerState", "FilesPanel"}
PANELS = [getattr(widgets, name) for name in widgets.__all__ if name not in _OTHERS]
PANELS += [OriginLine, ProgressLine]
SETTINGS = dbx.ConnectionSettings("http://127.0.0.1:9", dbx.TokenAuth("MISSING_TOKEN"))
REPORT = ConnectionReport("", "unknown", None, None, {"catalogs": Capability("catalogs", True)}, ())
FILTERS = dbx.Filters(catalogs=dbx.Patterns(["^prod"]), tables=dbx.Patterns([".*"], ["tmp", "old"]))


class Recording(ExplorerState):
    """Remembers which values are set from outside."""

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.written: set[str] = set()

    def update(self, **values: object) -> None:
        if "written" in vars(self):
            self.written |= set(values)
        super().update(**values)


@pytest.fixture
def state(catalog: dbx.Catalog) -> Recording:
    state = Recording(settings=SETTINGS, catalog=catalog, filters=FILTERS, selected=5)
    state.filters = dbx.Filters(catalogs=dbx.Patterns(["^prod$"]))
    state.update(ticked=widgets.state.Mask((catalog.objects["name"] == "t03").to_numpy(dtype=bool)))
    state.written.clear()
    return state


def controls(widget: ipywidgets.Widget) -> Iterator[ipywidgets.Widget]:
    yield widget
    for child in getattr(widget, "children", ()):
        yield from controls(child)


def acts_on(control: ipywidgets.Widget) -> list[Callable[[], object]]:
    """What a person can do with a control."""
    if isinstance(control, ipywidgets.Button):
        return [control.click]
    if isinstance(control, ipywidgets.Checkbox):
        return [lambda: setattr(control, "value", not control.value)]
    if isinstance(control, ipywidgets.Dropdown):
        return [lambda n=n: setattr(control, "index", n) for n in range(len(control.options))]
    if isinstance(control, ipywidgets.Text | ipywidgets.Textarea | ipywidgets.Combobox):
        return [lambda: setattr(control, "value", "prod")]
    if isinstance(control, CatalogTree):
        intents = [{"seq": 1, "type": "tick_shown", "on": True}, {"seq": 2, "type": "search", "text": "t"}]
        asked = {"request": {"session": "page", "intents": intents}, "page_width": 900}
        return [lambda: control.set_state(asked)]
    return []


def use(panel: Component) -> None:
    """Type into every field, and press every button."""
    found = sorted(controls(panel), key=lambda control: isinstance(control, ipywidgets.Button))
    for act in [act for control in found for act in acts_on(control)]:
        act()
        if isinstance(panel, widgets.FilterEditor):
            continue  # what it works out sets nothing
        for name in ("task", "finding", "comparing", "updating"):
            assert not hasattr(panel, name) or getattr(panel, name).wait(30)
        assert not hasattr(panel, "wait") or panel.wait(30)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.__name__)
def test_a_panel_sets_the_values_that_it_lists_and_no_other(
    panel: type[Component], state: Recording, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    monkeypatch.setattr("dbxexplore.widgets.connect.discover.discover", lambda *_, **__: state.catalog)
    monkeypatch.setattr(dbx.ConnectionSettings, "check", lambda _: REPORT)
    made = panel(state)
    assert state.written == set()  # by being made
    use(made)
    assert state.written == set(panel.WRITES)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.__name__)
def test_a_panel_has_no_value_of_the_state_itself(panel: type[Component]) -> None:
    assert {"page_width"}.issuperset(set(panel.class_trait_names()) & set(ExplorerState.class_trait_names()))


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.__name__)
def test_a_panel_made_alone_has_a_state_of_its_own(panel: type[Component]) -> None:
    first, second = panel(), panel()
    assert first.state is not second.state
    first.state.filters = FILTERS
    assert second.state.filters == dbx.Filters()
