"""The page on which people browse and filter: all of it in sight, and what is typed in force once it is finished."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from explorer_page import NotebookExplorer, explore
from lab import Lab
from playwright.sync_api import Browser, Locator, expect

SIZE = 2_000
# However long the machine takes between two keys, it is no pause.
CELL = f"from dbxexplore.widgets.filter import editor\neditor._PAUSE = 3600.0\n{explore(SIZE)}"
HALF_TYPED = r"^catalog_0\.(gold|silver"

# Which of the texts of buttons and titles are cut, and which controls lie on each other, within the Explorer.
CUT = """() => [...document.querySelectorAll(".dbxe-explorer :is(button, h4, .lm-TabBar-tabLabel)")]
  .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1 && !node.matches(".dbxe-undo *"))
  .filter((node) => !["clip", "ellipsis"].includes(getComputedStyle(node).textOverflow) || node.matches("h4"))
  .map((node) => node.textContent)"""
OVERLAPPING = """() => {
  const nodes = [...document.querySelectorAll(".dbxe-explorer :is(button, input, select, textarea)")]
    .filter((node) => node.checkVisibility());
  const seen = nodes.flatMap((node) => {
    const box = node.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
    // Outside the window there is nothing, and JupyterLab's own buttons float over a small one.
    return at?.closest(".dbxe-explorer") ? [[node, at]] : [];
  });
  return seen.filter(([node, at]) => !node.contains(at) && !at.contains(node) && !node.closest("label")?.contains(at)
      && node.parentElement !== at.parentElement)
    .map(([node, at]) => `${node.outerHTML.slice(0, 120)} is under ${at.outerHTML.slice(0, 120)}`);
}"""
SCROLLED = "() => document.querySelector('.jp-WindowedPanel-outer').scrollTop"


@pytest.fixture(params=[(1280, 800), (1440, 900), (1024, 700), (640, 400)], ids=lambda size: f"{size[0]}x{size[1]}")
def explorer(browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[NotebookExplorer]:
    """An Explorer in a window of some size, with the side bar of JupyterLab open; 640x400 is 1280x800 at 200 %."""
    width, height = request.param
    opened = at_size(browser, lab, f"screen{width}", width, height)
    yield opened
    opened.close()


@pytest.fixture
def laptop(browser: Browser, lab: Lab) -> Iterator[NotebookExplorer]:
    opened = at_size(browser, lab, "laptop", 1280, 800)
    yield opened
    opened.close()


def at_size(browser: Browser, lab: Lab, name: str, width: int, height: int) -> NotebookExplorer:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    opened = NotebookExplorer(page, lab, f"{name}/explorer.ipynb", CELL)
    expect(page.get_by_role("region", name="File Browser Section")).to_be_visible()
    expect(opened.tree.get_by_role("treeitem").first).to_be_attached()
    page.locator(".dbxe-explorer").evaluate("(node) => node.scrollIntoView({ block: 'end' })")
    return opened


def is_whole(part: Locator) -> None:
    """Whether a part of the page is in the window from edge to edge."""
    expect(part).to_be_in_viewport(ratio=0.99)


def test_filters_tree_and_details_are_in_sight(explorer: NotebookExplorer) -> None:
    page, view = explorer.page, explorer.view
    size = page.viewport_size
    assert size is not None
    if size["width"] >= 1280:
        for part in (".dbxe-rail", ".dbxe-center", ".dbxe-details", ".dbxe-tree-scroller"):
            is_whole(view.locator(part).first)
        where = page.evaluate(SCROLLED)
        explorer.tree.get_by_role("treeitem").nth(1).click()
        is_whole(view.locator(".dbxe-why").first)
        field = view.get_by_label("allow catalogs 1", exact=True)
        field.fill("^catalog_1$")
        expect(view.get_by_text("Press Enter to apply")).to_be_in_viewport()
        field.press("Enter")
        explorer.kernel.wait("explorer.filters.catalogs.allow == ('^catalog_1$',)")
        assert page.evaluate(SCROLLED) == where
    else:
        explorer.tree.evaluate("(node) => node.scrollIntoView({ block: 'center' })")
        expect(explorer.tree).to_be_in_viewport(ratio=0.5)
    assert page.evaluate(CUT) == []
    assert page.evaluate(OVERLAPPING) == []
    assert explorer.errors == []


def test_a_half_typed_pattern_changes_nothing_that_is_in_force(laptop: NotebookExplorer) -> None:
    kernel, view = laptop.kernel, laptop.view
    kernel.run("explorer.filters = dbx.Filters(schemas=dbx.Patterns([r'^catalog_0\\.gold$']))")
    kernel.run("before = (explorer.filters, explorer.preview, explorer.config.to_yaml(), explorer.state.history.last)")
    same = "before == (explorer.filters, explorer.preview, explorer.config.to_yaml(), explorer.state.history.last)"
    field = view.get_by_label("allow schemas 1", exact=True)
    field.press("ControlOrMeta+a")
    field.press_sequentially(HALF_TYPED)
    expect(view.get_by_text("Still using").first).to_be_visible()
    assert kernel.value(same)
    field.press("Tab")
    kernel.wait("explorer.state.unfinished == ('allow schemas 1',)")
    assert kernel.value(same)
    expect(laptop.tab("2 Browse and filter ⚠")).to_be_visible()

    field.press("End")
    field.press_sequentially(")$")
    expect(view.locator(".dbxe-provisional")).to_have_count(1)
    kernel.wait("explorer.state.draft is not None")
    field.press("Enter")
    kernel.wait(rf"explorer.filters.schemas.allow == (r'{HALF_TYPED})$',)")
    expect(view.locator(".dbxe-provisional")).to_have_count(0)
    expect(view.get_by_label("allow schemas 2", exact=True)).to_be_focused()
    assert laptop.errors == []


def test_pasted_lines_become_patterns(laptop: NotebookExplorer) -> None:
    field = laptop.view.get_by_label("allow catalogs 1", exact=True)
    field.press("ControlOrMeta+a")
    field.evaluate("""(node) => {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", "^a$\\r\\n^b$\\n\\n^c$\\n");
      node.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    }""")
    laptop.kernel.wait("explorer.filters.catalogs.allow == ('^a$', '^b$', '^c$')")
    expect(laptop.view.get_by_label("allow catalogs 3", exact=True)).to_have_value("^c$")


def test_an_object_is_excluded_from_its_row_and_with_the_keyboard(laptop: NotebookExplorer) -> None:
    kernel, rows = laptop.kernel, laptop.tree.get_by_role("treeitem")
    name = rows.nth(0).locator(".dbxe-tree-text").inner_text()
    rows.nth(0).hover()
    rows.nth(0).locator('[data-part="flip"]').click()
    kernel.wait("len(explorer.filters.catalogs.deny) == 1")
    expect(laptop.row(name)).to_have_attribute("data-verdict", "out")
    laptop.tree.focus()
    laptop.keyboard.press("+")
    kernel.wait("explorer.filters == dbx.Filters()")
    expect(laptop.row(name)).not_to_have_attribute("data-verdict", "out")
    laptop.keyboard.press("-")
    kernel.wait("len(explorer.filters.catalogs.deny) == 1")


def test_borders_are_moved_and_stay(laptop: NotebookExplorer) -> None:
    view, kernel = laptop.view, laptop.kernel
    border, rail = view.get_by_role("separator", name="Width of the filters"), view.locator(".dbxe-rail")
    before = rail.bounding_box()
    box = border.bounding_box()
    assert before is not None
    assert box is not None
    mouse = laptop.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + 120, steps=4)
    mouse.up()
    kernel.wait("'rail' in tree.panes")
    after = rail.bounding_box()
    assert after is not None
    assert after["width"] == pytest.approx(before["width"] - 60, abs=2)
    details = view.get_by_role("separator", name="Size of the details")
    size = int(details.get_attribute("aria-valuenow") or 0)
    details.press("ArrowUp")
    expect(details).to_have_attribute("aria-valuenow", str(size + 16))
    kernel.wait(f"tree.panes['details'] == {size + 16}")
    border.dblclick()
    kernel.wait("'rail' not in tree.panes")
    again = rail.bounding_box()
    assert again is not None
    assert again["width"] == pytest.approx(before["width"], abs=2)


def test_the_full_screen(laptop: NotebookExplorer) -> None:
    laptop.button("Full screen").click()
    explorer = laptop.view.locator(".dbxe-explorer:fullscreen")
    expect(explorer).to_have_count(1)
    is_whole(laptop.view.locator(".dbxe-rail"))
    is_whole(laptop.view.locator(".dbxe-details"))
    laptop.button("Full screen").click()
    expect(explorer).to_have_count(0)


def test_the_name_of_an_object_is_copied(laptop: NotebookExplorer) -> None:
    laptop.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    row = laptop.tree.get_by_role("treeitem").nth(0)
    name = row.locator(".dbxe-tree-text").inner_text()
    row.click()
    laptop.show_details("Details")
    laptop.button("Copy name").click()
    expect(laptop.button("Copied")).to_be_visible()
    assert laptop.page.evaluate("() => navigator.clipboard.readText()") == name


def test_the_focus_goes_to_the_next_pattern_unless_the_person_has_gone_elsewhere(laptop: NotebookExplorer) -> None:
    view = laptop.view
    first, second, third = (view.get_by_label(f"allow catalogs {at}", exact=True) for at in (1, 2, 3))
    first.fill("^catalog_1$")
    first.press("Enter")
    expect(second).to_be_focused()
    laptop.keyboard.type("^catalog_2$")
    laptop.keyboard.press("Enter")
    search = view.get_by_role("searchbox", name="Search", exact=True)
    search.click()
    laptop.keyboard.type("gold")
    expect(third).to_be_visible()
    laptop.kernel.wait("explorer.filters.catalogs.allow == ('^catalog_1$', '^catalog_2$')")
    laptop.keyboard.type("_")
    expect(search).to_have_value("gold_")
    expect(search).to_be_focused()
    expect(third).to_have_value("")


def test_a_search_by_expression_becomes_a_pattern_with_the_keyboard(laptop: NotebookExplorer) -> None:
    view, kernel, keyboard = laptop.view, laptop.kernel, laptop.keyboard
    search = view.get_by_role("searchbox", name="Search", exact=True)
    switch = laptop.button("Search by regular expression")
    use = view.get_by_role("group", name="Use the search as a pattern")
    where = laptop.page.evaluate(SCROLLED)
    search.click()
    keyboard.type("(")
    expect(switch).to_have_attribute("aria-pressed", "false")
    keyboard.press("Tab")
    expect(switch).to_be_focused()
    keyboard.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "true")
    expect(search).to_be_focused()
    expect(view.get_by_role("status").filter(has_text="Not a valid regular expression")).to_be_visible()
    expect(use).to_be_hidden()
    keyboard.press("Backspace")
    keyboard.type("^sales_14$")
    expect(use).to_be_visible()
    is_whole(use)
    exclude = use.get_by_role("button", name="Exclude 1 schema", exact=True)
    exclude.focus()
    keyboard.press("Enter")
    kernel.wait(r"explorer.filters == dbx.Filters(schemas=dbx.Patterns(deny=[r'^[^.]+\.sales_14$']))")
    expect(exclude).to_be_focused()
    expect(laptop.row("Sales_14").first).to_have_attribute("data-verdict", "out")
    laptop.button("Undo addition of deny “^[^.]+\\.sales_14$” (schemas)").click()
    kernel.wait("explorer.filters == dbx.Filters()")
    switch.focus()
    keyboard.press("Space")
    expect(switch).to_have_attribute("aria-pressed", "false")
    expect(search).to_have_value("^sales_14$")
    expect(use).to_be_hidden()
    assert laptop.page.evaluate(SCROLLED) == where
    assert laptop.errors == []


def test_more_changes_than_are_listed_are_shown_in_the_tree(laptop: NotebookExplorer) -> None:
    view, kernel = laptop.view, laptop.kernel
    where = laptop.page.evaluate(SCROLLED)
    laptop.search("gold_1")
    kernel.run("explorer.filters = dbx.Filters(tables=dbx.Patterns(deny=[r'.*[13579]$']))")
    laptop.show_details("Changes")
    number = kernel.value("int(explorer.state.changed.flags.sum())")
    expect(view.get_by_text(f"{number - 8:,} more objects")).to_be_visible()
    show = laptop.button("Show all in the tree")
    is_whole(show)
    assert laptop.page.evaluate(SCROLLED) == where
    show.click()
    expect(view.get_by_role("combobox", name="Show")).to_have_value("changed")
    expect(view.get_by_role("searchbox", name="Search", exact=True)).to_have_value("")
    expect(view.locator(".dbxe-tree-found")).to_have_text(re.compile(rf"^{number:,} of "))
    expect(laptop.tree.locator('.dbxe-tree-row[data-verdict="out"]').first).to_be_in_viewport(ratio=0.99)
    assert laptop.page.evaluate(SCROLLED) == where
    assert laptop.errors == []


def test_the_export_page_leads_to_the_first_finding(laptop: NotebookExplorer) -> None:
    kernel = laptop.kernel
    # Not at the top of the filters: its field has to be brought into sight.
    kernel.run("names = catalog.objects['name'][catalog.objects['kind'] == 'catalog']")
    kernel.run("many = dbx.Patterns([f'^{name}$' for name in names])")
    kernel.run("explorer.filters = dbx.Filters(many, tables=dbx.Patterns(deny=['^is_not_there$']))")
    for _ in range(2):  # the page of the filters is not shown meanwhile
        laptop.go_to("5 Export")
        laptop.button("Show the first finding").click()
        laptop.expect_tab("2 Browse and filter")
        field = laptop.view.get_by_label("deny tables 1", exact=True)
        expect(field).to_be_focused()
        expect(field).to_be_in_viewport(ratio=0.99)
    assert laptop.errors == []
