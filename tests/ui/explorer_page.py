"""The Explorer as a person uses it, wherever a page shows it, and how long the page takes to show what was done."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from lab import ANSWER_SECONDS, FrontEnd, Kernel, Lab, open_notebook, run_all, write_notebook
from playwright.sync_api import ConsoleMessage, Dialog, Error, Frame, FrameLocator, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

IS_CURRENT = re.compile(r"\b(lm|p)-mod-current\b")
BUDGET_MS = 200
# Not a budget: a page that takes this long for one thing does not work, on however busy a machine.
HOPELESS_MS = 30_000

# Counts the time in which the kernel handles messages of widgets.
BUSY = """
import time
handlers, busy = get_ipython().kernel.shell_handlers, []
def timed(*arguments, handle=handlers["comm_msg"]):
    began = time.perf_counter()
    try:
        return handle(*arguments)
    finally:
        busy.append(time.perf_counter() - began)
handlers["comm_msg"] = timed
"""


def explore(size: int) -> str:
    """Return a cell that shows an Explorer with a catalog of so many objects."""
    return f"""
import sys
from pathlib import Path
import dbxexplore as dbx
sys.path.append(str(Path(dbx.__file__).parents[1] / "tests" / "bench"))
import bench_filters
catalog = dbx.Catalog.from_frame(bench_filters.universe({size}))
settings = dbx.ConnectionSettings("https://adb-1.azuredatabricks.net", dbx.TokenAuth("ANY_TOKEN"))
explorer = dbx.explore(catalog, settings)
tree = explorer.catalog_pane.tree
explorer
"""


_NOTEBOOKS_OWN = "/static/notebook/"


class Errors(list[str]):
    """What went wrong in a page."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        page.on("console", self._on_console)
        page.on("pageerror", self._on_error)
        page.on("dialog", self._on_dialog)

    def _on_error(self, error: Error) -> None:
        # Notebook 7 raises one for the settings of an extension that it does not have, whatever is in the notebook,
        # and now and then may not load a font of its own.
        raised_in = next((line for line in (error.stack or "").splitlines() if line.lstrip().startswith("at ")), "")
        if _NOTEBOOKS_OWN not in raised_in:
            self.append(f"{error} {raised_in.strip()}")

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error" and _NOTEBOOKS_OWN not in message.location["url"]:
            self.append(f"{message.text} ({message.location['url']})")

    def _on_dialog(self, dialog: Dialog) -> None:
        # Also that of leaving a page with a notebook that is not saved, which no test does.
        self.append(f"a dialog: {dialog.message}")
        dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss()


class ExplorerPage:
    """An Explorer in a page: in the page itself, or in a frame of it."""

    def __init__(self, page: Page, kernel: Kernel, view: Page | FrameLocator, frame: Frame) -> None:
        self.page, self.kernel, self.view, self.frame = page, kernel, view, frame
        self.keyboard = page.keyboard
        self.tree = view.get_by_role("tree", name="Catalog")

    # --- what is shown ---

    def tab(self, title: str) -> Locator:
        # By its class, because the tabs of ipywidgets 7 have no role.
        return self.view.locator(".dbxe").locator(".lm-TabBar-tab, .p-TabBar-tab").filter(has_text=title)

    def button(self, name: str) -> Locator:
        # A button's icon is a character of its name too.
        return self.view.get_by_role("button", name=re.compile(rf"^\W*{re.escape(name)}$"))

    def row(self, name: str) -> Locator:
        """Return the row of the tree with exactly this name."""
        named = self.view.locator(".dbxe-tree-text").filter(has_text=name).get_by_text(name, exact=True)
        return self.view.locator(".dbxe-tree-row").filter(has=named)

    def active_row(self) -> Locator:
        return self.view.locator(f"#{self.tree.get_attribute('aria-activedescendant')}")

    # --- what is done ---

    def part(self, name: str, part: str) -> Locator:
        """Return what is clicked in a row: its ``twisty`` or its ``tick``."""
        return self.row(name).locator(f'[data-part="{part}"]')

    def go_to(self, title: str) -> None:
        self.tab(title).click()
        self.expect_tab(title)

    def show_details(self, title: str) -> None:
        """Show a tab about the clicked object, the selection or the last edit."""
        self.tab(title).click()
        expect(self.tab(title)).to_have_class(IS_CURRENT)

    def expect_included(self, kind: str, number: int) -> None:
        expect(self.view.locator(f".dbxe-counts [data-kind={kind}] strong")).to_have_text(f"{number:,}")

    def expect_tab(self, title: str) -> None:
        expect(self.tab(title)).to_have_class(IS_CURRENT)

    def search(self, text: str) -> None:
        """Type a search, key by key, and wait until the tree shows what it finds."""
        field = self.view.get_by_role("searchbox", name="Search", exact=True)
        field.click()
        field.press("ControlOrMeta+a")
        field.press_sequentially(text)
        self.kernel.wait(f"tree._model.query == {text!r}")
        expect(self.view.locator("mark.dbxe-tree-hit").first).to_have_text(text, ignore_case=True)

    def write_patterns(self) -> None:
        """Have patterns written from the ticks, and apply them."""
        self.show_details("Selection")
        self.button("Generate patterns").click()
        self.button("Apply").click(timeout=ANSWER_SECONDS * 1000)
        expect(self.view.get_by_text("✓ Applied")).to_be_visible()

    def save(self) -> None:
        self.button("Save").click()
        expect(self.view.get_by_text("Saved to")).to_be_visible()

    # --- how long it takes ---

    def milliseconds(self, event: str, act: Callable[[], object], seen: str) -> float:
        """Return the time from the first ``event`` after this on until another value of ``seen`` is painted.

        The page itself measures: from the time stamp of the event, which is when the browser got the key or the button
        of the mouse, to the first moment after the frame in which it was there. ``seen`` is the source of a function of
        no arguments; null is no value yet. Nothing that was done before may still change the value.
        """
        self.frame.evaluate(_MEASURE % {"seen": seen}, [event, HOPELESS_MS])
        act()
        took = self.frame.evaluate("() => window.dbxeTook")
        assert isinstance(took, int | float), f"{event}: nothing else was painted within {HOPELESS_MS} ms: {seen}"
        return took


_MEASURE = """([type, most]) => {
  const seen = %(seen)s;
  let before = null;
  window.dbxeTook = new Promise((resolve) => {
    let began = null;
    const armed = performance.now();
    const begin = (event) => {
      began = event.timeStamp;
      before = seen();
    };
    window.addEventListener(type, begin, { capture: true, once: true });
    const look = () => {
      const now = seen();
      if (performance.now() - armed > most) {
        resolve(`still ${now}`);
      } else if (began === null || now === null || now === before) {
        requestAnimationFrame(look);
      } else {
        // A message posted from a frame's callback arrives when that frame is painted.
        const channel = new MessageChannel();
        channel.port1.onmessage = () => resolve(performance.now() - began);
        channel.port2.postMessage(null);
      }
    };
    requestAnimationFrame(look);
  });
}"""

# --- what an interaction changes in the page ---

ACTIVE_ROW = """() => {
  const tree = document.querySelector(".dbxe-tree [role=tree]");
  const row = document.getElementById(tree.getAttribute("aria-activedescendant"));
  return row && row.getAttribute("aria-label") !== "Loading" ? row.getAttribute("aria-label") : null;
}"""
BELOW_ACTIVE_ROW = """() => {
  const tree = document.querySelector(".dbxe-tree [role=tree]");
  const row = document.getElementById(tree.getAttribute("aria-activedescendant"))?.nextElementSibling;
  return row && row.getAttribute("aria-label") !== "Loading" ? row.getAttribute("aria-label") : null;
}"""
FIRST_ROWS = """() => {
  const rows = [...document.querySelectorAll(".dbxe-tree-row")].slice(0, 8).map((row) => row.getAttribute("aria-label"));
  return rows.length > 0 && !rows.includes("Loading") ? rows.join() : null;
}"""
TICK_OF_ACTIVE_ROW = """() => {
  const tree = document.querySelector(".dbxe-tree [role=tree]");
  return document.getElementById(tree.getAttribute("aria-activedescendant"))?.getAttribute("aria-checked") ?? null;
}"""
HITS = """() => {
  const hits = document.querySelectorAll("mark.dbxe-tree-hit");
  return hits.length > 0 ? hits[0].textContent.toLowerCase() : null;
}"""


def text_of(selector: str, having: str = "") -> str:
    """Return the source of a function for the text of the first element that has a text in it."""
    return (
        f"() => [...document.querySelectorAll({selector!r})].map((found) => found.textContent)"
        f".find((text) => text.includes({having!r})) ?? null"
    )


TICKED = text_of(".dbxe-tree-ticked")
FOUND = text_of(".dbxe-tree-found", "of")
RESULT = text_of(".dbxe-counts", "of")


@dataclass
class Times:
    """How long interactions took, for a report; nothing depends on them."""

    lines: list[str] = field(default_factory=list)

    def add(self, where: str, what: str, in_page: list[float], in_kernel: list[float]) -> None:
        """Report the median of some repetitions."""
        median, kernel = statistics.median(in_page), statistics.median(in_kernel)
        part = ""
        if median > BUDGET_MS:
            part = f"; of it {kernel:.0f} ms in the kernel's thread, {median - kernel:.0f} ms elsewhere"
        worst = f"{min(in_page):.0f} to {max(in_page):.0f}"
        number = len(in_page)
        self.lines.append(
            f"{where}: {what}: median {median:.0f} ms (budget {BUDGET_MS}; {number} times, {worst}){part}"
        )
        assert median < HOPELESS_MS, self.lines[-1]


class Stopwatch:
    """Measures repetitions of interactions with one Explorer, whose kernel ran `BUSY`."""

    def __init__(self, explorer: ExplorerPage, times: Times, where: str) -> None:
        self._explorer, self._times, self._where = explorer, times, where

    def measure(self, what: str, event: str, repetitions: Iterator[tuple[Callable[[], object], str]]) -> None:
        """Measure the same thing done several times; each is what to do and what it changes in the page."""
        in_page, in_kernel = [], []
        kernel = self._explorer.kernel
        for act, seen in repetitions:
            kernel.run("busy.clear()")
            in_page.append(self._explorer.milliseconds(event, act, seen))
            in_kernel.append(1000 * kernel.value("sum(busy)"))
        self._times.add(self._where, what, in_page, in_kernel)


class NotebookExplorer(ExplorerPage):
    """An Explorer in a notebook of its own."""

    def __init__(self, page: Page, lab: Lab, name: str, *cells: str, front_end: FrontEnd = "lab") -> None:
        self.errors = Errors(page)
        self.lab, self.name = lab, name
        self.folder = (lab.folder / name).parent
        self.folder.mkdir(exist_ok=True)
        write_notebook(lab.folder / name, *cells)
        self._open(page, front_end)
        super().__init__(page, lab.kernel(name), page, page.main_frame)

    def _open(self, page: Page, front_end: FrontEnd) -> None:
        """Open the notebook, run it, and wait until the page shows an Explorer."""
        open_notebook(page, self.lab, self.name, front_end)
        run_all(page)
        failed = page.locator(".jp-OutputArea-output", has_text="Traceback (most recent call last)")
        try:
            page.locator(SHOWN).or_(failed).first.wait_for(timeout=SHOWN_SECONDS * 1000)
        except PlaywrightTimeoutError:
            msg = f"The page shows no Explorer after {SHOWN_SECONDS} seconds.\n{described(page, self.errors, self.lab)}"
            raise AssertionError(msg) from None
        assert failed.count() == 0, described(page, self.errors, self.lab)

    def close(self) -> None:
        self.kernel.close()
        self.page.close()
        self.lab.shut_down(self.name)


def described(page: Page, errors: list[str], lab: Lab) -> str:
    """Return in words what a page shows, for whoever has to find out why a test failed."""
    shown = {
        "dialogs": page.get_by_role("dialog").all_inner_texts(),
        "kernel": [found.get_attribute("data-status") for found in page.locator(_STATUS).all()],
        "tabs": page.locator(".dbxe .lm-TabBar-tab.lm-mod-current").all_inner_texts(),
        "errors": list(errors),
        "server": [line for line in lab.log().splitlines() if _COMPLAINT.match(line)],
        "outputs": page.locator(".jp-OutputArea-output").all_inner_texts(),
    }
    return "\n".join(f"{what}: {str(texts)[-_MOST_SHOWN:]}" for what, texts in shown.items())


SHOWN_SECONDS = 120
SHOWN = ".dbxe button:visible"
"""What is there as soon as an Explorer is shown."""
_STATUS = ".jp-Notebook-ExecutionIndicator"
_COMPLAINT = re.compile(r"\[[WEC] ")
_MOST_SHOWN = 4_000


OpenNotebook = Callable[..., NotebookExplorer]
"""Runs the cells that it is given in a notebook of the test's own."""
