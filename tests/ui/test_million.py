"""A million objects: the main job with mouse and keyboard, and how long the page takes to show what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import needs
import pytest
from explorer_page import (
    ACTIVE_ROW,
    BELOW_ACTIVE_ROW,
    BUSY,
    FIRST_ROWS,
    FOUND,
    HITS,
    RESULT,
    TICK_OF_ACTIVE_ROW,
    TICKED,
    ExplorerPage,
    NotebookExplorer,
    OpenNotebook,
    Stopwatch,
    Times,
    explore,
    text_of,
)
from lab import FrontEnd
from main_job import do_the_main_job
from playwright.sync_api import Locator, expect

import dbxexplore as dbx

MILLION = 1_000_000
CATALOGS = 20
TIMES_EACH = 5

Repetitions = Iterator[tuple[Callable[[], object], str]]


def measure_all(explorer: ExplorerPage, watch: Stopwatch) -> None:
    """Do each thing that a person does several times."""
    keyboard, view = explorer.keyboard, explorer.view

    def keys(*names: str, seen: str) -> Repetitions:
        return ((lambda name=name: keyboard.press(name), seen) for name in names)

    def letters(text: str, seen: str) -> Repetitions:
        return ((lambda letter=letter: keyboard.type(letter), seen) for letter in text)

    explorer.kernel.run("explorer.filters = dbx.Filters()")
    expect(view.get_by_label("deny tables 1", exact=True)).to_be_hidden()
    search = view.get_by_role("searchbox", name="Search", exact=True)
    search.press("Escape")
    expect(view.locator("mark.dbxe-tree-hit")).to_have_count(0)

    def choices(name: str, values: list[str], seen: str) -> Repetitions:
        select = view.get_by_role("combobox", name=name)
        return ((lambda value=value: select.select_option(value), seen) for value in values)

    def ticks(seen: str) -> Repetitions:
        return one_by_one(explorer, " " * 2 * TIMES_EACH, seen, view.locator(".dbxe-tree-ticked"))

    collapse(explorer)
    explorer.tree.focus()
    watch.measure("expand a catalog", "keydown", expand_and_collapse(explorer))
    expand(explorer)
    watch.measure("arrow key", "keydown", keys(*["ArrowDown"] * 10, seen=ACTIVE_ROW))
    watch.measure("page down", "keydown", keys(*["PageDown"] * 10, seen=ACTIVE_ROW))
    watch.measure("jump to the end", "keydown", jumps(explorer))
    watch.measure("tick and untick, the row", "keydown", ticks(TICK_OF_ACTIVE_ROW))
    watch.measure("tick and untick, the count", "keydown", ticks(TICKED))

    watch.measure("sort", "change", choices("Sort", ["name_desc", "name"] * 3, FIRST_ROWS))
    explorer.tree.focus()  # what was ticked before is done with once its patterns are applied
    explorer.keyboard.press("Space")
    explorer.kernel.wait("explorer.state.ticked is not None")
    watch.measure("show filter", "change", choices("Show", ["included", "ticked", "excluded", "ticked"], FOUND))
    view.get_by_role("combobox", name="Show").select_option("all")
    explorer.kernel.wait("tree._model.show == 'all'")

    search.focus()
    watch.measure("search, a key", "keydown", letters("fact_orders_12", HITS))
    keyboard.press("Escape")
    explorer.kernel.wait("tree._model.query == ''")

    view.get_by_title("Add deny tables", exact=True).click()
    pattern = view.get_by_label("deny tables 1", exact=True)
    result = view.locator(".dbxe-counts")
    before = result.inner_text()
    pattern.fill(".*")
    expect(result).not_to_have_text(before)
    pattern.press("End")
    watch.measure("a character of a pattern", "keydown", one_by_one(explorer, "12345", RESULT, result))
    explorer.button("Remove deny tables 1").click()
    explorer.kernel.wait("explorer.filters.tables.deny == ()")


def collapse(explorer: ExplorerPage) -> None:
    """Show the catalogs alone."""
    explorer.button("Collapse all").click()
    expect(explorer.tree.get_by_role("treeitem")).to_have_count(CATALOGS)
    expect(explorer.active_row()).to_have_attribute("aria-posinset", "1")


def expand(explorer: ExplorerPage) -> None:
    """Show all rows and focus the first."""
    explorer.button("Expand all").click()
    expect(explorer.tree.get_by_role("treeitem").nth(CATALOGS)).to_be_attached()
    explorer.tree.focus()
    explorer.keyboard.press("Home")
    expect(explorer.tree.locator('[aria-level="1"]')).to_have_count(1)


def expand_and_collapse(explorer: ExplorerPage) -> Repetitions:
    for _ in range(TIMES_EACH):
        yield lambda: explorer.keyboard.press("ArrowRight"), BELOW_ACTIVE_ROW
        yield lambda: explorer.keyboard.press("ArrowLeft"), BELOW_ACTIVE_ROW


def jumps(explorer: ExplorerPage) -> Repetitions:
    for _ in range(TIMES_EACH):
        # So that the page has forgotten the last rows.
        collapse(explorer)
        expand(explorer)
        yield lambda: explorer.keyboard.press("End"), ACTIVE_ROW


def one_by_one(explorer: ExplorerPage, keys: str, seen: str, answer: Locator) -> Repetitions:
    """Press keys, each after the kernel's ``answer`` to the last, which may be shown later than what is ``seen``."""
    for key in keys:
        before = answer.inner_text()
        yield lambda key=key: explorer.keyboard.press(key), seen
        expect(answer).not_to_have_text(before)


def measure_writing(explorer: ExplorerPage, watch: Stopwatch) -> None:
    """Measure patterns written and saved; something is ticked already."""
    write, discard = explorer.button("Generate patterns"), explorer.button("Discard")

    def writing(seen: str) -> Repetitions:
        for _ in range(3):
            yield write.click, seen
            discard.click()
            expect(discard).to_be_hidden()

    watch.measure("write patterns, until it says so", "pointerdown", writing(text_of("[role=status]", "Generating")))
    watch.measure(
        "write patterns, until they are there", "pointerdown", writing(text_of(".dbxe-ok", "Matches your selection"))
    )


def measure_saving(explorer: ExplorerPage, watch: Stopwatch) -> None:
    """Measure saving under one name after the other."""

    def saving() -> Repetitions:
        for number in range(TIMES_EACH):
            explorer.view.get_by_label("File", exact=True).fill(f"again-{number}.yaml")
            explorer.kernel.wait(f"explorer.export_panel._path.value == 'again-{number}.yaml'")
            expect(explorer.view.get_by_text("Saved to")).to_be_hidden()
            yield explorer.button("Save").click, text_of("[role=status]", "Saved to")

    watch.measure("save", "pointerdown", saving())


@pytest.mark.parametrize("front_end", ["lab", "notebook"])
def test_the_main_job_with_a_million_objects(open_cells: OpenNotebook, times: Times, front_end: FrontEnd) -> None:
    if front_end == "notebook":
        needs.at_least("notebook", "7")
    explorer: NotebookExplorer = open_cells(BUSY + explore(MILLION), front_end=front_end)
    watch = Stopwatch(explorer, times, {"lab": "JupyterLab", "notebook": "Notebook 7"}[front_end])

    do_the_main_job(
        explorer,
        MILLION,
        before_writing=lambda: measure_writing(explorer, watch),
        at_the_end=lambda: measure_saving(explorer, watch),
    )
    saved = dbx.ConnectionConfig.load(explorer.folder / explorer.kernel.value("explorer.export_panel.saved"))
    assert saved.to_yaml() == explorer.kernel.value("explorer.config.to_yaml()")

    explorer.go_to("2 Browse and filter")
    measure_all(explorer, watch)
    assert explorer.errors == []
