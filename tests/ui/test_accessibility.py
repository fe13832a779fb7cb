"""Everyone can use the Explorer: no serious finding of axe in any state, and the main job with the keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from explorer_page import NotebookExplorer, OpenNotebook, explore
from lab import Lab
from playwright.sync_api import expect

import dbxexplore as dbx

SIZE = 5_000
GRAVE = {"serious", "critical"}
MOST_TABS = 120  # from one end of the Explorer to the other

AUDIT = """async () => {
  const result = await axe.run({ include: [[".dbxe"]] });
  const violations = result.violations.flatMap(({ id, impact, nodes }) =>
    nodes.map((node) => ({ rule: id, impact, html: node.html.slice(0, 300), why: node.failureSummary })));
  return { violations, contrasts: result.passes.find(({ id }) => id === "color-contrast")?.nodes.length ?? 0 };
}"""


class Audit:
    """Looks at one Explorer with axe, state by state."""

    def __init__(self, explorer: NotebookExplorer, axe: str) -> None:
        self._explorer = explorer
        explorer.page.evaluate(axe)
        self.found: dict[str, list[dict[str, Any]]] = {}

    def look(self, state: str) -> None:
        result = self._explorer.page.evaluate(AUDIT)
        assert result["contrasts"] > 5, state  # else it looked at nothing that can be seen
        grave = [one for one in result["violations"] if one["impact"] in GRAVE]
        if grave:
            self.found[state] = grave


def has_focus(explorer: NotebookExplorer, name: str) -> bool:
    """Whether what has the focus is a control of this name."""
    focused = explorer.page.locator(":focus")
    if focused.count() == 0:
        return False
    shown: list[str] = focused.evaluate(
        "(node) => [node.getAttribute('aria-label'), node.textContent, ...[...(node.labels ?? [])].map((l) => l.textContent)]"
    )
    return any(text is not None and text.strip().removeprefix("\uf0c7").strip() == name for text in shown)


def tab_to(explorer: NotebookExplorer, name: str, key: str = "Tab") -> None:
    """Press Tab until a control of this name has the focus."""
    for _ in range(MOST_TABS):
        if has_focus(explorer, name):
            return
        explorer.keyboard.press(key)
    pytest.fail(f"{name!r} has not got the focus after {MOST_TABS} tabs")


def go_down_to(explorer: NotebookExplorer, name: str) -> None:
    """Press the arrow key until the row of this name is the active one."""
    for _ in range(20):
        if explorer.active_row().locator(".dbxe-tree-text").text_content() == name:
            return
        before = explorer.tree.get_attribute("aria-activedescendant") or ""
        explorer.keyboard.press("ArrowDown")
        expect(explorer.tree).not_to_have_attribute("aria-activedescendant", before)
    pytest.fail(f"there is no row {name!r} below")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_axe_finds_nothing_serious_in_any_state(
    open_cells: OpenNotebook, lab: Lab, node_modules: Path, theme: str
) -> None:
    lab.set_theme(theme)
    explorer = open_cells(explore(SIZE))
    page, kernel = explorer.page, explorer.kernel
    is_light = str(theme == "JupyterLab Light").lower()
    expect(page.locator(f'body[data-jp-theme-light="{is_light}"]')).to_have_count(1)
    audit = Audit(explorer, (node_modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))

    explorer.go_to("1 Connect")
    audit.look("connect")
    page.get_by_label("Token environment variable", exact=True).fill("dapi" + "facade" * 6)
    expect(page.get_by_text("looks like a token")).to_be_visible()
    audit.look("connect, an error")
    page.get_by_label("Token environment variable", exact=True).fill("ANY_TOKEN")
    kernel.wait("explorer.settings is not None")

    explorer.go_to("2 Browse and filter")
    audit.look("browse")
    explorer.button("Expand all").click()
    kernel.wait(f"tree._model.total == {SIZE}")
    explorer.tree.focus()
    explorer.keyboard.press("ArrowDown")
    explorer.keyboard.press("Space")
    explorer.keyboard.press("ArrowDown")
    explorer.keyboard.press("ArrowDown")
    explorer.keyboard.press("Enter")
    expect(page.locator(".dbxe-why").first).to_contain_text("is included")
    explorer.show_details("Details")
    audit.look("browse, details")
    explorer.show_details("Selection")
    explorer.button("Generate patterns").click()
    expect(explorer.button("Apply")).to_be_visible()
    audit.look("browse, an object selected and a suggestion")
    explorer.button("Apply").click()
    page.get_by_title("Add deny schemas", exact=True).click()
    page.get_by_label("deny schemas 1", exact=True).fill("(gold|")
    expect(page.get_by_text("Ignored until it is a valid regular expression")).to_be_visible()
    explorer.show_details("Changes")
    expect(page.get_by_text("removed").first).to_be_visible()
    audit.look("browse, changes and a bad pattern")
    explorer.search("gold_1")
    audit.look("browse, a search")
    explorer.button("Search by regular expression").click()
    expect(page.get_by_role("group", name="Use the search as a pattern")).to_be_visible()
    audit.look("browse, a search by expression")
    explorer.button("Show all in the tree").click()
    expect(page.get_by_role("searchbox", name="Search", exact=True)).to_have_value("")
    audit.look("browse, all changes in the tree")
    explorer.button("Remove deny schemas 1").click()  # else it is not saved at the first click
    kernel.wait("explorer.state.unfinished == ()")

    look_at_the_rest(explorer, audit)
    assert audit.found == {}


def look_at_the_rest(explorer: NotebookExplorer, audit: Audit) -> None:
    """Look at the tabs after the second."""
    page, kernel = explorer.page, explorer.kernel
    explorer.go_to("3 Coverage")
    page.get_by_role("button", name="schemas").first.click()
    expect(page.get_by_role("button", name="▾").first).to_be_visible()
    audit.look("coverage")

    explorer.go_to("4 Access")
    audit.look("access")
    explorer.button("Check access").click()
    expect(explorer.view.get_by_role("alert").first).to_be_visible()
    audit.look("access, an error")

    explorer.go_to("5 Export")
    audit.look("export")
    explorer.save()
    page.get_by_label("Description", exact=True).fill("Another")
    expect(page.locator(".dbxe-diff")).to_be_visible()
    explorer.button("Save").click()
    expect(page.get_by_role("button", name="Overwrite")).to_be_visible()
    audit.look("export, a file that differs")
    page.get_by_label("Cron schedule", exact=True).fill("never")
    kernel.wait("explorer.config is None")
    audit.look("export, an error")


def test_the_main_job_with_the_keyboard_alone(open_cells: OpenNotebook) -> None:
    explorer = open_cells(explore(SIZE))
    kernel, keyboard = explorer.kernel, explorer.keyboard
    explorer.tab("2 Browse and filter").focus()  # once: from here on there are only keys

    keyboard.press("ArrowLeft")
    keyboard.press("Enter")
    explorer.expect_tab("1 Connect")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    explorer.expect_tab("2 Browse and filter")

    schema = kernel.value("str(catalog.objects.loc[catalog.objects['kind'] == 'schema', 'name'].iloc[500])")
    tab_to(explorer, "Search")
    keyboard.type(schema)
    kernel.wait(f"tree._model.query == {schema!r}")
    expect(explorer.row(schema)).to_be_visible()
    keyboard.press("ArrowDown")
    expect(explorer.tree).to_be_focused()

    go_down_to(explorer, schema)
    keyboard.press("Space")
    kernel.wait("explorer.state.ticked is not None")
    keyboard.press("ArrowRight")
    expect(explorer.row(schema)).to_have_attribute("aria-expanded", "true")
    inside = f"(catalog.objects['schema'] == {schema!r})"
    table = kernel.value(f"sorted(catalog.objects.loc[{inside}, 'name'])[1]")
    expect(explorer.row(table)).to_be_visible()
    go_down_to(explorer, table)
    keyboard.press("Space")
    kernel.wait(
        f"not explorer.state.ticked.flags[({inside} & (catalog.objects['name'] == {table!r})).to_numpy()].any()"
    )

    tab_to(explorer, "Why")
    keyboard.press("ArrowRight")
    keyboard.press("ArrowRight")
    keyboard.press("Enter")
    expect(explorer.button("Generate patterns")).to_be_visible()
    kernel.run("chosen = explorer.state.ticked.flags")
    tab_to(explorer, "Generate patterns")
    keyboard.press("Enter")
    kernel.wait("explorer.suggest_panel.suggestion is not None")
    expect(explorer.button("Apply")).to_be_visible()
    tab_to(explorer, "Apply")
    keyboard.press("Space")
    kernel.wait("explorer.preview.filters == explorer.filters != dbx.Filters()")
    relations = "catalog.objects['kind'].isin(['table', 'view']).to_numpy()"
    assert kernel.value(f"int(chosen[{relations}].sum())") == kernel.value(f"int({inside}.sum()) - 1")
    assert kernel.value(f"bool((explorer.preview.included.to_numpy() == chosen)[{relations}].all())")

    save_by_keyboard(explorer)
    assert explorer.errors == []


def save_by_keyboard(explorer: NotebookExplorer) -> None:
    """Go to the export, name the connection and save it."""
    kernel, keyboard = explorer.kernel, explorer.keyboard
    tab_to(explorer, "2 Browse and filter", "Shift+Tab")
    for _ in range(3):
        keyboard.press("ArrowRight")
    keyboard.press("Enter")
    explorer.expect_tab("5 Export")
    expect(explorer.view.get_by_label("Connection name")).to_be_visible()  # the page is built when it is first shown
    tab_to(explorer, "Connection name")
    keyboard.press("ControlOrMeta+a")
    keyboard.type("by_keyboard")
    kernel.wait("explorer.config.name == 'by_keyboard'")
    tab_to(explorer, "Save")
    keyboard.press("Enter")
    kernel.wait("explorer.export_panel.saved == 'by_keyboard.yaml'")
    saved = dbx.ConnectionConfig.load(explorer.folder / "by_keyboard.yaml")
    assert saved.to_yaml() == kernel.value("explorer.config.to_yaml()")
    assert kernel.value("explorer.config.filters == explorer.filters")
    expect(explorer.page.get_by_text("Saved to")).to_be_visible()


@pytest.mark.parametrize("name", ["Sort", "Show"])
def test_the_arrow_keys_choose_in_the_selects_of_the_tree(open_cells: OpenNotebook, name: str) -> None:
    """The notebook moves from cell to cell by the same keys."""
    explorer = open_cells(explore(SIZE))
    select = explorer.view.get_by_role("combobox", name=name)
    select.focus()
    explorer.keyboard.press("ArrowDown")
    expect(select).to_be_focused()
    explorer.kernel.wait({"Sort": "tree._model.sort == 'name_desc'", "Show": "tree._model.show == 'included'"}[name])
