"""The coverage panel in a browser: the treemap is drawn when it is asked for, and a click on a box leads to its place."""

from __future__ import annotations

import needs
from explorer_page import OpenNotebook
from playwright.sync_api import expect

needs.at_least("plotly", "6")

START = """
import ipywidgets
import pandas as pd
import dbxexplore as dbx
from dbxexplore.widgets import CoveragePanel, ExplorerState
from dbxexplore.widgets.base import style_sheet

bad = "<img src=x onerror=alert(1)>"
rows = [("table", c, s, f"t{n}", f"{c}.{s}.t{n}") for c in ("prod", bad) for s in ("gold", "$x^2$", "b<br>r") for n in range(9)]
catalog = dbx.Catalog.from_frame(pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"]))
panel = CoveragePanel(ExplorerState(catalog=catalog, filters=dbx.Filters(tables=dbx.Patterns(deny=[".*t[0-4]$"]))))
places = []
panel.observe(lambda change: places.append(list(change["new"])), "place")
ipywidgets.VBox([style_sheet(), panel])
"""


def test_a_click_on_a_box_is_a_place_in_the_kernel(open_cells: OpenNotebook) -> None:
    session = open_cells(START)
    page, kernel = session.page, session.kernel
    assert "plotly" not in kernel.value("list(__import__('sys').modules)")
    page.get_by_role("button", name="Show the treemap").click()
    boxes = page.locator(".treemaplayer .slice")
    expect(boxes).to_have_count(9, timeout=60_000)  # everything, 2 catalogs, 6 schemas
    expect(boxes.locator("text").filter(has_text="prod")).to_have_text("prod · 12 of 27")
    # Names are text: no line break, no picture and no formula was made of them.
    expect(boxes.locator("text").filter(has_text="b<br>r").first).to_contain_text("4 of 9")
    expect(boxes.locator("text").filter(has_text="$x^2$").first).to_be_visible()
    expect(boxes.locator("text").filter(has_text="<img src=x").first).to_be_visible()
    assert page.locator(".js-plotly-plot img, .js-plotly-plot [class*=math]").count() == 0

    # The last of a name is that of prod: its catalog comes after the other.
    boxes.filter(has_text="gold").last.click()
    kernel.wait("panel.place == ('prod', 'gold')")
    # The box fills the picture now; another click on it leads to the same place, and out to its catalog.
    expect(boxes).to_have_count(1)
    boxes.click()
    kernel.wait("places.count(['prod', 'gold']) == 2")
    expect(boxes).to_have_count(4)
    page.locator(".js-plotly-plot .pathbar").filter(has_text="all catalogs").click()
    expect(boxes).to_have_count(9)
    assert kernel.value("panel.place") == ["prod", "gold"]
    assert session.errors == []


def test_the_treemap_follows_the_preview_in_place(open_cells: OpenNotebook) -> None:
    session = open_cells(START)
    page, kernel = session.page, session.kernel
    page.get_by_role("button", name="Show the treemap").click()
    label = page.locator(".treemaplayer .slice text").filter(has_text="prod ·")
    expect(label).to_have_text("prod · 12 of 27", timeout=60_000)
    figure = kernel.value("panel._figure.model_id")
    kernel.value("setattr(panel.state, 'filters', dbx.Filters(catalogs=dbx.Patterns(['prod']))) or 1")
    expect(label).to_have_text("prod · 27 of 27")
    assert kernel.value("panel._figure.model_id") == figure
    page.get_by_role("button", name="Hide the treemap").click()
    expect(page.locator(".js-plotly-plot")).to_have_count(0)
    page.get_by_role("button", name="Show the treemap").click()
    expect(label).to_have_text("prod · 27 of 27")
    assert session.errors == []


def test_the_list_is_used_with_the_keyboard(open_cells: OpenNotebook) -> None:
    session = open_cells(START)
    page, kernel = session.page, session.kernel
    schemas = page.get_by_role("button", name="▸ 3 schemas")
    expect(schemas).to_have_count(2)
    schemas.last.focus()
    page.keyboard.press("Enter")
    row = page.get_by_role("button", name="gold", exact=False)
    row.wait_for()
    row.focus()
    page.keyboard.press("Enter")
    kernel.wait("panel.place == ('prod', 'gold')")
    page.keyboard.press("Enter")
    kernel.wait("places.count(['prod', 'gold']) == 2")
    assert session.errors == []
