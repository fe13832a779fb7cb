"""A kernel that dies, one that is started anew, and a cell that is run again."""

from __future__ import annotations

from explorer_page import OpenNotebook, explore
from lab import run_all
from playwright.sync_api import expect

SIZE = 5_000


def test_a_dead_kernel_is_told_of_and_a_new_one_goes_on(open_cells: OpenNotebook) -> None:
    explorer = open_cells(explore(SIZE))
    page = explorer.page
    expect(explorer.row("dev")).to_be_visible()
    process = explorer.kernel.value("__import__('os').getpid()")
    # The server starts another kernel, and the notebook may say so, in the way of whatever is clicked.
    message = page.get_by_role("dialog", name="Kernel Restarting")
    page.add_locator_handler(message, lambda: message.get_by_role("button", name="Ok").click())
    explorer.lab.kill_kernel(explorer.name)
    explorer.part("dev", "twisty").click()
    banner = page.locator(".dbxe-tree-banner")
    expect(banner).to_contain_text("The kernel is not responding", timeout=30_000)

    # The new kernel knows nothing of the widgets.
    page.wait_for_function("() => document.querySelector('.jp-Notebook-ExecutionIndicator[data-status=idle]')")
    explorer.kernel.close()
    explorer.kernel = explorer.lab.kernel(explorer.name)
    assert explorer.kernel.value("__import__('os').getpid()") != process
    assert explorer.kernel.value("'explorer' in globals()") is False

    run_all(page)
    explorer.kernel.wait("'explorer' in globals()")
    expect(banner).to_be_empty()
    expect(explorer.tree).to_have_count(1)
    explorer.part("dev", "twisty").click()
    explorer.kernel.wait("tree._model.total > 20")
    expect(explorer.row("dev")).to_have_attribute("aria-expanded", "true")


def test_a_cell_run_again_shows_the_same_explorer_as_it_was_left(open_cells: OpenNotebook) -> None:
    # The catalog is made in a cell of its own that is not run again, as one would.
    made, shown = explore(SIZE).split("explorer = ")
    explorer = open_cells(made, "explorer = " + shown)
    page, kernel = explorer.page, explorer.kernel
    expect(explorer.row("dev")).to_be_visible()
    explorer.part("dev", "twisty").click()
    expect(explorer.row("gold_117")).to_be_visible()
    explorer.part("gold_117", "tick").click()
    kernel.wait("explorer.state.ticked_text")
    page.get_by_title("Add deny catalogs", exact=True).click()
    page.get_by_label("deny catalogs 1", exact=True).fill("dev")
    kernel.wait("explorer.filters.catalogs.deny == ('dev',)")
    explorer.go_to("5 Export")
    page.get_by_label("Connection name", exact=True).fill("kept")
    kernel.wait("explorer.config.name == 'kept'")
    kernel.run("first = explorer")

    page.locator(".jp-InputArea-editor .cm-content").nth(1).click()  # its output is in the middle of the cell
    page.keyboard.press("ControlOrMeta+Enter")
    kernel.wait("explorer is first and len(Out) > 1")
    assert kernel.value("list(explorer.filters.catalogs.deny)") == ["dev"]
    explorer.expect_tab("5 Export")
    expect(page.get_by_label("Connection name", exact=True)).to_have_value("kept")
    explorer.go_to("2 Browse and filter")
    expect(page.get_by_label("deny catalogs 1", exact=True)).to_have_value("dev")
    expect(explorer.row("gold_117")).to_have_attribute("aria-checked", "true")
    expect(explorer.row("dev")).to_have_attribute("aria-expanded", "true")
    # It still is one that answers.
    explorer.part("gold_117", "tick").click()
    kernel.wait("not explorer.state.ticked_text")
    assert explorer.errors == []
