"""Take the pictures of the Explorer that README and tutorials show: ``python tests/ui/screenshots.py [NAME…]``."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import Lab, chromium, jupyterlab, open_notebook, run_all, wait_until, write_notebook
from playwright.sync_api import Browser, Locator, expect

sys.path.insert(0, str(Path(__file__).parent.parent))

import itertools

from simulator.faults import Faults
from simulator.process import SimulatorProcess

from dbxexplore import demo

IMAGES = Path(__file__).parent.parent.parent / "notebooks" / "images"
TIMEOUT = 60_000  # milliseconds
WIDE, NARROW = 1440, 1000  # of the page: an Explorer in it is some 180 less wide
HEIGHT, TALL = 860, 1900  # of the page: on the second page the Explorer is as high as it
# Stands for the system's font, which on most desktops is as narrow.
FONT = ':root, body { --jp-ui-font-family: "Helvetica Neue", Arial, "DejaVu Sans Condensed", sans-serif !important; }'
READ_ROWS = """rows => rows
  .map((row) => ({ top: row.getBoundingClientRect().top, id: row.id, name: row.querySelector(".dbxe-tree-text") }))
  .sort((a, b) => a.top - b.top)
  .map(({ id, name }) => [id, name.textContent])"""
VARIABLE = "DATABRICKS_CONNECTION_TOKEN"
OTHER_URL, OTHER_VARIABLE, EXPIRED_VARIABLE = "OTHER_URL", "OTHER_TOKEN", "EXPIRED_TOKEN"

# A large workspace whose discovery is never done: the last catalogs do not answer, so no clock decides what is shown.
LARGE = {"catalogs": 20, "schemas": 40, "tables": 100}
FAULTS = Faults(hung={f"catalog_{number:03d}" for number in range(17, 20)})
LISTED = "68,700 objects"  # that do answer

CONNECT = """\
import os
import dbxexplore as dbx

dbx.explore(settings=dbx.ConnectionSettings(os.environ["DBXEXPLORE_DEMO_URL"]))"""
OTHER = f"""\
import os
import dbxexplore as dbx

os.environ["{VARIABLE}"] = os.environ["%s"]
dbx.explore(settings=dbx.ConnectionSettings(os.environ["{OTHER_URL}"]))"""
BROWSE = r"""
import os
import dbxexplore as dbx

settings = dbx.ConnectionSettings(os.environ["DBXEXPLORE_DEMO_URL"])
catalog = dbx.discover(settings)
filters = dbx.Filters(
    catalogs=dbx.Patterns(allow=["^prod$"]),
    schemas=dbx.Patterns(deny=[r".*\.(_?tmp|tmp_.*)$"]),
    notebooks=dbx.Patterns(allow=["^/Production/.*"]),
)
config = dbx.ConnectionConfig(
    name="lakehouse", settings=settings, filters=filters, schedule=dbx.Schedule(cron="0 6 * * *", timezone="UTC")
)
config.save("lakehouse.yaml")
catalog.save("monday.parquet")
"""
LEFTOVERS = r".*_(bak_\d+|old|test)$"
EDIT = f"{BROWSE}dbx.explore(catalog, config=config)"
READ_ONLY = f'{BROWSE}dbx.explore("monday.parquet", config="lakehouse.yaml", read_only=True)'


def connect(explorer: Locator) -> Locator:
    """A connection that was tested."""
    explorer.get_by_role("button", name="Test connection").click()
    expect(explorer.get_by_text("Ready to discover")).to_be_visible()
    return explorer


def error(explorer: Locator) -> Locator:
    """A token that the workspace refuses."""
    explorer.get_by_role("button", name="Test connection").click()
    expect(explorer.get_by_text("Can't connect")).to_be_visible()
    return explorer


def discovering(explorer: Locator) -> Locator:
    """A large workspace, of which most is found."""
    explorer.get_by_role("button", name="Discover").click()
    expect(explorer.get_by_text(LISTED)).to_be_visible()
    return explorer


def filtering(explorer: Locator) -> Locator:
    """Patterns, what they include, ticks, and why one table is out."""
    add_pattern(explorer, "deny", "tables", LEFTOVERS)
    search(explorer, "orders_", found="24 of 313 objects")
    row(explorer, "dev").locator('[data-part="twisty"]').click()
    settled_below(explorer, "dev", "prod")
    row(explorer, "prod.gold").locator('[data-part="tick"]').click()
    row(explorer, "prod.silver.orders_v2").locator('[data-part="tick"]').click()
    row(explorer, "prod.silver.orders_bak_20240101").click()
    expect(explorer.get_by_role("button", name="more")).to_have_count(1)  # the number of others is worked out last
    settled(explorer)
    return explorer


def pattern_error(explorer: Locator) -> Locator:
    """A pattern that is half typed, while the one from before stays in force."""
    add_pattern(explorer, "deny", "tables", r".*_bak_\d+$")
    explorer.get_by_label("deny tables 1", exact=True).fill(r".*_(bak_\d+|old")
    expect(explorer.get_by_role("alert").filter(has_text="Still using")).to_be_visible()
    settled(explorer)
    return explorer.locator(".dbxe-editor")


def details(explorer: Locator) -> Locator:
    """Columns, owner and asset key of a table."""
    search(explorer, "gold.orders", found="4 of 313 objects")
    row(explorer, "prod.gold.orders").click()
    tab(explorer, "Details")
    expect(
        explorer.get_by_text("Columns", exact=False).or_(explorer.get_by_role("columnheader", name="Column")).first
    ).to_be_visible()
    settled(explorer)
    return explorer


def selection(explorer: Locator) -> Locator:
    """Patterns that are suggested for what is ticked."""
    search(explorer, "orders_", found="24 of 313 objects")
    row(explorer, "prod.gold").locator('[data-part="tick"]').click()
    tab(explorer, "Selection")
    explorer.get_by_role("button", name="Generate patterns").click()
    expect(explorer.get_by_role("button", name="Apply")).to_be_visible()
    settled(explorer)
    return explorer


def coverage(explorer: Locator) -> Locator:
    """How much of each schema passes, as a treemap and as a list."""
    add_pattern(explorer, "deny", "tables", LEFTOVERS)
    explorer.get_by_role("tab", name="3 Coverage").click()
    explorer.get_by_role("button", name="Show the treemap").click()
    expect(explorer.locator(".js-plotly-plot .slice text").filter(has_text="silver").first).to_be_visible()
    return explorer


def access(explorer: Locator) -> Locator:
    """What the credential lacks, and the script that grants it."""
    add_pattern(explorer, "deny", "tables", LEFTOVERS)
    explorer.get_by_role("tab", name="4 Access").click()
    explorer.get_by_role("button", name="Check access").click()
    expect(explorer.get_by_role("heading", name="Script")).to_be_visible()
    return explorer


def export(explorer: Locator) -> Locator:
    """What would change in the file that is there, and the keys of the assets."""
    add_pattern(explorer, "deny", "tables", LEFTOVERS)
    explorer.get_by_role("tab", name="5 Export").click()
    explorer.get_by_label("File", exact=True).fill("lakehouse.yaml")
    expect(explorer.get_by_text("already exists. Saving will change it")).to_be_visible()
    explorer.get_by_label("Find a key", exact=True).fill("gold/v_")
    expect(explorer.locator(".dbxe-keys li")).to_have_count(7)
    return explorer


def read_only(explorer: Locator) -> Locator:
    """A saved catalog and an exported connection, to be looked at."""
    search(explorer, "prod.gold.v_orders", found="4 of 313 objects")
    row(explorer, "prod.gold.v_orders_late").click()
    settled(explorer)
    return explorer


@dataclass(frozen=True)
class Picture:
    """A picture: the cell that is run, and what is done until there is something to see."""

    cell: str
    make: Callable[[Locator], Locator]
    width: int = WIDE
    height: int = TALL
    dark: bool = False


PICTURES: Mapping[str, Picture] = {
    "connect": Picture(CONNECT, connect, NARROW),
    "error": Picture(OTHER % EXPIRED_VARIABLE, error, NARROW),
    "discovering": Picture(OTHER % OTHER_VARIABLE, discovering, WIDE, HEIGHT),
    "explorer": Picture(EDIT, filtering, height=HEIGHT),
    "explorer-dark": Picture(EDIT, filtering, height=HEIGHT, dark=True),
    "details": Picture(EDIT, details, height=HEIGHT),
    "selection": Picture(EDIT, selection, height=HEIGHT),
    "pattern-error": Picture(EDIT, pattern_error, height=HEIGHT),
    "coverage": Picture(EDIT, coverage, NARROW),
    "access": Picture(EDIT, access, NARROW),
    "export": Picture(EDIT, export, NARROW),
    "read-only": Picture(READ_ONLY, read_only, height=HEIGHT),
}


# --- what a person does ---


def add_pattern(explorer: Locator, name: str, level: str, pattern: str, *, finish: bool = True) -> None:
    explorer.get_by_role("button", name=f"+ {name}").and_(explorer.get_by_title(f"Add {name} {level}")).click()
    field = explorer.get_by_label(f"{name} {level} 1", exact=True)
    field.fill(pattern)
    if finish:
        field.press("Enter")
        expect(explorer.locator(".dbxe-provisional")).to_have_count(0)
        # The next row, which the focus goes to.
        expect(explorer.get_by_label(f"{name} {level} 2", exact=True)).to_be_focused()


def search(explorer: Locator, text: str, *, found: str) -> None:
    explorer.get_by_role("searchbox").fill(text)
    expect(explorer.get_by_text(found, exact=True)).to_be_visible()
    expect(explorer.get_by_role("tree").locator("mark").first).to_be_visible()


def row(explorer: Locator, full_name: str) -> Locator:
    """Return the row of a catalog, or of what is in it, which must be in sight; rows are in any order in the page."""
    tree = explorer.get_by_role("tree")
    ids, names = zip(*tree.get_by_role("treeitem").evaluate_all(READ_ROWS), strict=True)
    at = -1
    for name in full_name.split("."):
        at = names.index(name, at + 1)
    return tree.locator(f"[id='{ids[at]}']")


def settled_below(explorer: Locator, above: str, below: str) -> None:
    """Wait until one row is right below another: rows are drawn again when others come and go."""
    tree = explorer.get_by_role("tree")
    wait_until(
        f"{below} below {above}",
        lambda: _is_below([n for _, n in tree.get_by_role("treeitem").evaluate_all(READ_ROWS)], above, below),
    )


def _is_below(names: list[str], above: str, below: str) -> bool:
    return any(pair == (above, below) for pair in itertools.pairwise(names))


def tab(explorer: Locator, title: str) -> None:
    explorer.locator(".dbxe-details .lm-TabBar-tab").filter(has_text=title).click()


def settled(explorer: Locator) -> None:
    """Wait for what is worked out in the background."""
    expect(explorer.get_by_text("Other rules: …")).to_have_count(0)
    expect(explorer.locator(".dbxe-stale, .dbxe-outdated")).to_have_count(0)


# --- how it is taken ---


def take(browser: Browser, lab: Lab, name: str) -> None:
    page = browser.new_page(viewport={"width": PICTURES[name].width, "height": PICTURES[name].height})
    page.set_default_timeout(TIMEOUT)
    notebook = f"{name}.ipynb"
    write_notebook(lab.folder / notebook, PICTURES[name].cell)
    open_notebook(page, lab, notebook)
    page.get_by_role("tab", name="File Browser").first.click()  # closes the side bar
    page.add_style_tag(content=FONT)
    run_all(page)
    shown = page.locator(".dbxe").first
    shown.wait_for()
    pictured = PICTURES[name].make(shown)
    page.mouse.move(5, 5)
    page.evaluate("document.activeElement?.blur()")
    pictured.evaluate("(node) => node.scrollIntoView({ block: 'end' })")
    box = pictured.bounding_box()
    assert box is not None
    margin = 0 if pictured is shown else 12  # below the heading of a part there is no room for one
    box["x"], box["width"] = box["x"] - margin, box["width"] + 2 * margin
    page.screenshot(path=IMAGES / f"{name}.png", clip=box, animations="disabled", caret="hide")
    page.close()
    lab.shut_down(notebook)


@contextmanager
def opened(browser: Browser, environment: Mapping[str, str], *, dark: bool) -> Iterator[Callable[[str], None]]:
    """Start a JupyterLab in one of its themes."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        with jupyterlab(folder, environment, theme=f"JupyterLab {'Dark' if dark else 'Light'}") as lab:
            yield lambda name: take(browser, lab, name)


def main(wanted: list[str]) -> None:
    """Take the pictures that are named, or all of them."""
    names = wanted or list(PICTURES)
    expect.set_options(timeout=TIMEOUT)
    IMAGES.mkdir(exist_ok=True)
    with demo.workspace() as workspace, SimulatorProcess(FAULTS, **LARGE) as other, chromium() as browser:
        environment = {
            "DBXEXPLORE_DEMO_URL": workspace.url,
            VARIABLE: workspace.token,
            OTHER_URL: other.url,
            OTHER_VARIABLE: other.token,
            EXPIRED_VARIABLE: f"{other.token}0",
            "DBXEXPLORE_NO_AUTOSAVE": "1",
        }
        for dark in (False, True):
            chosen = [name for name in names if PICTURES[name].dark == dark]
            if chosen:
                with opened(browser, environment, dark=dark) as take_one:
                    for name in chosen:
                        take_one(name)
                        print(name)  # noqa: T201 - a script


if __name__ == "__main__":
    main(sys.argv[1:])
