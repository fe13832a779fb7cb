"""The main job, wherever the Explorer is shown: browse, search, tick, have patterns written, apply them, save."""

from __future__ import annotations

from collections.abc import Callable

from explorer_page import ExplorerPage
from playwright.sync_api import expect

TABLES = "catalog.objects['kind'].isin(['table', 'view']).to_numpy()"


def do_the_main_job(
    explorer: ExplorerPage,
    size: int,
    *,
    before_writing: Callable[[], None] = lambda: None,
    at_the_end: Callable[[], None] = lambda: None,
) -> None:
    """Do it with mouse and keyboard, and assert in the kernel what came of each step."""
    page, kernel, view = explorer.page, explorer.kernel, explorer.view
    explorer.expect_tab("2 Browse and filter")
    assert kernel.value("len(catalog)") == size

    explorer.button("Expand all").click()
    kernel.wait(f"tree._model.total == {size}")
    # What is above the tree in a narrow page grows until it is worked out, and would move the tree from under the mouse.
    expect(view.get_by_text("Other rules: …")).to_have_count(0)
    explorer.tree.hover(position={"x": 200, "y": 100})
    page.mouse.wheel(0, 30 * size)
    last = kernel.value(f"tree._model.window({size} - 1, 1)[0]['name']")
    # Another way to know the last name: that of the last schema of the last catalog, each in the order of its name,
    # whatever its case.
    assert last == kernel.value(_LAST)
    expect(explorer.row(last)).to_be_in_viewport()

    schema = kernel.value("str(catalog.objects.loc[catalog.objects['kind'] == 'schema', 'name'].iloc[500])")
    explorer.search(schema)
    explorer.part(schema, "tick").click()
    inside = f"(catalog.objects['schema'] == {schema!r}).to_numpy()"
    kernel.wait("explorer.state.ticked is not None")
    assert kernel.value(f"bool(((explorer.state.ticked.flags == {inside}) | ~{TABLES}).all())")

    explorer.part(schema, "twisty").click()
    table = kernel.value(
        f"sorted(catalog.objects.loc[{inside} & {TABLES} & (catalog.objects['kind'] == 'table').to_numpy(), 'name'], "
        "key=lambda name: (name.lower(), name))[2]"
    )
    explorer.part(table, "tick").click()
    expect(explorer.row(table)).to_have_attribute("aria-checked", "false")
    expect(explorer.row(schema)).to_have_attribute("aria-checked", "mixed")
    named = f"((catalog.objects['name'] == {table!r}) & {inside}).to_numpy()"
    kernel.wait(f"not explorer.state.ticked.flags[{named}].any()")
    assert kernel.value(f"int((explorer.state.ticked.flags & {TABLES}).sum())") == kernel.value(
        f"int({inside}.sum()) - 1"
    )

    explorer.show_details("Selection")
    before_writing()
    kernel.run("chosen = explorer.state.ticked.flags")
    explorer.write_patterns()
    kernel.wait("explorer.preview.filters == explorer.filters != dbx.Filters()")
    assert kernel.value(f"bool(((explorer.preview.included.to_numpy() == chosen) | ~{TABLES}).all())")
    explorer.expect_included("table", kernel.value("int(explorer.preview.counts().loc['table', 'included'])"))

    explorer.go_to("5 Export")
    expect(view.get_by_text("No asset").or_(view.locator(".dbxe-keys li")).first).to_be_visible()
    explorer.save()
    saved = kernel.value("explorer.export_panel.saved")
    assert saved == "databricks_unity_catalog.yaml"
    assert kernel.value(f"dbx.ConnectionConfig.load({saved!r}) == explorer.config")
    assert kernel.value("explorer.config.filters == explorer.filters")
    at_the_end()


_LAST = (
    "(lambda held: max(zip(*(held[name].astype(str) for name in ('catalog', 'schema', 'name'))), "
    "key=lambda names: [(name.lower(), name) for name in names])[2])"
    f"(catalog.objects[{TABLES}])"
)
