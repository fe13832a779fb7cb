"""Names and comments that would be markup or code if a page took them for more than text."""

from __future__ import annotations

from pathlib import Path

import needs
from explorer_page import NotebookExplorer, OpenNotebook
from playwright.sync_api import Request, expect

WIDGETS = Path(__file__).parent.parent / "unit" / "widgets"
NAMED = "example.com"  # what a name points to must not be asked for anything

# ``names`` are hostile in one notebook and harmless in the other: markup that does not come from them is in both.
CELL = """
import sys
sys.path.append({widgets!r})
import pandas as pd
import dbxexplore as dbx
from widget_names import HOSTILE_NAMES
names = [
    *HOSTILE_NAMES,
    '<img src=x onerror="window.__hit=1">',
    '<img src="https://example.com/x.png">',
    '<script>window.__hit=1</script>',
    '<svg onload="window.__hit=1"></svg>',
    '<iframe src="https://example.com"></iframe>',
    "javascript:window.__hit=1",
    '[link](https://example.com) ![picture](https://example.com/y.png)',
]
if {harmless}:
    names = [f"name {{number}}" for number in range(len(names))]
first = min(names[:4], key=str.lower)  # of the catalogs, that at the top of the tree
rows = [("catalog", None, None, name, name, name) for name in names[:4]]
rows += [("schema", catalog, None, name, f"{{catalog}}.{{name}}", name) for catalog in names[:4] for name in names]
rows += [("table", first, schema, name, f"{{first}}.{{schema}}.{{name}}", name) for schema in names for name in names]
columns = ["kind", "catalog", "schema", "name", "full_name", "comment"]
frame = pd.DataFrame(rows, columns=columns).assign(owner=names[-1], object_type=names[-2], format=names[-3])
catalog = dbx.Catalog.from_frame(frame)
settings = dbx.ConnectionSettings("https://adb-1.azuredatabricks.net", dbx.TokenAuth("ANY_TOKEN"))
explorer = dbx.explore(catalog, settings)
tree = explorer.catalog_pane.tree
explorer
"""
SHOWN_BY_PANDAS = """
filters = dbx.Filters(tables=dbx.Patterns(["<img src=x onerror='window.__hit=1'>", ".*"], ["<b>bold</b>", "(gold"[1:]]))
preview = filters.preview(catalog)
table = int(catalog.objects.index[catalog.objects["kind"] == "table"][17 * 22 // 10])
display(catalog.objects, catalog, preview, preview.explain(table), filters.lint(catalog), filters)
display(explorer.suggest_panel.suggestion, explorer.filters)
shown = True
"""
MARKUP = """() => Object.fromEntries(["img", "script", "iframe", "svg[onload]", "b", "object", "embed", "[onerror]",
  "[onmouseover]", "a[href]"].map((tag) => [tag, document.querySelectorAll(`.jp-OutputArea-output ${tag}`).length]))"""


def go_everywhere(explorer: NotebookExplorer) -> dict[str, dict[str, int]]:  # noqa: PLR0915 - one place after the other
    """Show the names wherever the Explorer shows names; return the markup of each place."""
    page, kernel = explorer.page, explorer.kernel
    found: dict[str, dict[str, int]] = {}

    def look(where: str) -> None:
        assert page.evaluate("() => window.__hit === undefined"), where
        found[where] = page.evaluate(MARKUP)

    explorer.button("Expand all").click()
    kernel.wait("tree._model.total == len(catalog)")
    rows = explorer.tree.get_by_role("treeitem")
    expect(rows.nth(3).locator(".dbxe-tree-type")).not_to_be_empty()
    look("tree")
    for at in range(2, 5):
        rows.nth(at).locator(".dbxe-tree-text").hover()
        expect(page.locator(".dbxe-tree-tooltip")).to_be_visible()
    look("tooltip")
    rows.nth(3).locator(".dbxe-tree-text").click()
    expect(page.locator(".dbxe-why").first).to_contain_text("is included")
    look("why")
    explorer.show_details("Details")
    expect(page.locator(".dbxe-object")).to_be_visible()
    look("details")
    explorer.show_details("Selection")
    rows.nth(3).locator('[data-part="tick"]').click()
    rows.nth(4).locator('[data-part="tick"]').click()
    kernel.wait("explorer.state.ticked_text")
    explorer.button("Generate patterns").click()
    expect(explorer.button("Apply")).to_be_visible()
    look("suggestion")
    explorer.button("Apply").click()
    explorer.show_details("Changes")
    expect(page.locator(".dbxe-changes")).to_be_visible()
    look("changes")
    page.get_by_role("searchbox", name="Search", exact=True).press_sequentially(
        "na" if "name 0" in kernel.value("names") else "<"
    )
    expect(page.locator("mark.dbxe-tree-hit").first).to_be_visible()
    look("search")
    kernel.run("explorer.filters = dbx.Filters(tables=dbx.Patterns([names[0], '.*'], [names[3]]))")

    explorer.go_to("3 Coverage")
    page.get_by_role("button", name="schemas").first.click()
    expect(page.get_by_role("button", name="▾").first).to_be_visible()
    look("coverage, the list")
    page.get_by_role("button", name="Show the treemap").click()
    boxes = page.locator(".treemaplayer .slice")
    expect(boxes.nth(10)).to_be_visible(timeout=60_000)
    for at in (5, 8, 10):
        boxes.nth(at).hover()
        expect(page.locator(".hoverlayer .hovertext")).to_be_visible()
    assert page.locator(".js-plotly-plot img, .js-plotly-plot script, .js-plotly-plot [class*=math]").count() == 0
    assert page.locator(".js-plotly-plot a:not(.modebar-btn)").count() == 0
    look("coverage, the treemap")

    explorer.go_to("5 Export")
    expect(page.locator(".dbxe-keys li").first).to_be_visible()
    explorer.save()
    page.get_by_label("Description", exact=True).fill('<img src=x onerror="window.__hit=1">')
    expect(page.locator(".dbxe-diff")).to_be_visible()
    look("export")
    return found


def test_no_name_is_more_than_text_wherever_it_is_shown(open_cells: OpenNotebook) -> None:
    needs.at_least("plotly", "6")
    found = []
    for harmless in (False, True):
        cell = CELL.format(widgets=str(WIDGETS), harmless=harmless)
        explorer = open_cells(cell, "", height=1800)
        asked: list[str] = []

        def on_request(request: Request, asked: list[str] = asked) -> None:
            asked.append(request.url)

        explorer.page.on("request", on_request)
        places = go_everywhere(explorer)
        explorer.page.get_by_label("Code Cell Content").nth(1).click()
        explorer.page.keyboard.insert_text(SHOWN_BY_PANDAS)
        explorer.page.keyboard.press("ControlOrMeta+Enter")
        explorer.kernel.wait("globals().get('shown')")
        expect(explorer.page.locator(".jp-OutputArea-output table.dataframe").first).to_be_visible()
        assert explorer.page.evaluate("() => window.__hit === undefined")
        places["displayed by pandas"] = explorer.page.evaluate(MARKUP)
        found.append(places)
        assert [url for url in asked if NAMED in url or url.endswith("/x")] == []
        assert explorer.errors == []
    assert found[0] == found[1]
