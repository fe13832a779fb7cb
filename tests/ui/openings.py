"""Open an Explorer in a fresh page on a fresh kernel, again and again, in the ways that could leave it away.

Run it as a command: `python tests/ui/openings.py --times 200 --busy`. Each failure is printed with what the page showed.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from explorer_page import SHOWN, Errors, described
from lab import START_SECONDS, Kernel, Lab, chromium, jupyterlab, run_all, save, write_notebook
from playwright.sync_api import BrowserContext, Error, Locator, WebSocketRoute, expect

CELL = """
with open("runs", "a") as runs:
    runs.write("begun\\n")
import dbxexplore as dbx, pandas as pd
names = [f"t{n}" for n in range(300)]
frame = pd.DataFrame({"kind": "table", "catalog": "main", "schema": "raw", "name": names,
                      "full_name": [f"main.raw.{name}" for name in names]})
catalog = globals().get("catalog") or dbx.Catalog.from_frame(frame)
explorer = dbx.explore(catalog, dbx.ConnectionSettings("https://adb-1.azuredatabricks.net", dbx.TokenAuth("ANY_TOKEN")))
explorer
"""

expect.set_options(timeout=60_000)
_KEPT_MODELS = 100  # of more than 200
VIEWPORT: Any = {"viewport": {"width": 1400, "height": 1600}}


class Opening:
    """One notebook in one page."""

    def __init__(self, context: BrowserContext, lab: Lab, name: str) -> None:
        self.lab, self.name = lab, name
        self.folder = (lab.folder / name).parent
        self.folder.mkdir()
        write_notebook(lab.folder / name, CELL)
        self.page = context.new_page()
        self.page.set_default_timeout(START_SECONDS * 1000)
        self.errors = Errors(self.page)
        self.sockets: list[WebSocketRoute] = []
        self._kernel: Kernel | None = None

    # --- what a person does ---

    def open(self) -> None:
        """Open the notebook and wait until the page has a session, without which it cannot run a cell."""
        self.page.goto(self.lab.address(self.name))
        self.page.locator(".jp-Notebook").wait_for()
        self.lab.wait_for_session(self.name)

    def wait_until_idle(self) -> None:
        self.page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for()

    def run(self) -> None:
        run_all(self.page)

    def reload(self) -> None:
        self.page.reload()
        self.page.locator(".jp-Notebook").wait_for()

    def restart_and_run_all(self) -> None:
        self.page.get_by_role("menuitem", name="Kernel", exact=True).click()
        self.page.get_by_role("menuitem", name="Restart Kernel and Run All Cells…").click()
        self.forget_kernel()
        self.page.get_by_role("dialog").locator(".jp-mod-accept").click()

    # --- what happens to a page ---

    def let_connection_be_cut(self) -> None:
        """Have the connection to the kernel pass through the test, from the next page on."""

        def route(socket: WebSocketRoute) -> None:
            self.sockets.append(socket)
            socket.connect_to_server()

        self.page.route_web_socket(lambda url: "/channels" in url, route)

    def cut_connection(self) -> None:
        connections = len(self.sockets)
        for socket in self.sockets:
            with contextlib.suppress(Error):  # one that was replaced
                socket.close(code=1011, reason="the connection is lost")
        self._wait("the page connects again", lambda: len(self.sockets) > connections)

    def lose_messages(self) -> None:
        """Lose what a kernel loses that sends faster than its socket passes on: the rest of the models of a first run.

        Its result arrives, and names a model that the page does not have.
        """
        opened, has_result = 0, False

        def route(socket: WebSocketRoute) -> None:
            server = socket.connect_to_server()

            def on_message(message: str | bytes) -> None:
                nonlocal opened, has_result
                text = message if isinstance(message, str) else message.decode("utf-8", "replace")
                if not has_result and '"comm_open"' in text:
                    opened += 1
                    if opened > _KEPT_MODELS:
                        return
                has_result = has_result or '"execute_result"' in text
                socket.send(message)

            server.on_message(on_message)

        self.page.route_web_socket(lambda url: "/channels" in url, route)

    def close_all_models(self) -> None:
        self.kernel().close_comms()

    # --- what is seen ---

    def kernel(self) -> Kernel:
        if self._kernel is None:
            self._kernel = self.lab.kernel(self.name)
        return self._kernel

    def forget_kernel(self) -> None:
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None

    def wait_until_begun(self, times: int) -> None:
        """Wait until the cell runs, or has run, so many times."""
        runs = self.folder / "runs"
        self._wait(f"run {times} begins", lambda: runs.exists() and runs.read_text().count("begun") >= times)

    def _wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait as the page goes on: its connection passes through this process."""
        until = time.monotonic() + START_SECONDS
        while not condition():
            assert time.monotonic() < until, f"{what}: not within {START_SECONDS} s"
            self.page.wait_for_timeout(50)

    def wait_until_run(self) -> None:
        """Wait until the cell has run in the kernel."""
        self.kernel().wait("'explorer' in globals()", START_SECONDS)

    def expect_live(self, number: int) -> None:
        """Expect that the page shows the Explorer, and that what is done there or in the kernel arrives there or here."""
        self.page.locator(SHOWN).first.wait_for()
        explorer = self.page.locator(".dbxe").first
        field = explorer.get_by_label("Workspace URL")
        explorer.locator(".lm-TabBar-tab").filter(has_text="Connect").click()
        # The page shows what the kernel says.
        before = f"https://adb-3{number}.azuredatabricks.net"
        self.kernel().run(f"explorer.settings = dbx.ConnectionSettings({before!r}, dbx.TokenAuth('ANY_TOKEN'))")
        expect(field).to_have_value(before)
        typed = f"https://adb-1{number}.azuredatabricks.net"
        _type(field, typed)
        self.kernel().wait(f"explorer.settings is not None and explorer.settings.workspace_url == {typed!r}")
        answered = f"https://adb-2{number}.azuredatabricks.net"
        self.kernel().run(f"explorer.settings = dbx.ConnectionSettings({answered!r}, dbx.TokenAuth('ANY_TOKEN'))")
        expect(field).to_have_value(answered)
        explorer.locator(".lm-TabBar-tab").filter(has_text="Browse").click()
        expect(explorer.locator(".dbxe-tree-text").filter(has_text="main").first).to_be_visible()

    def close(self) -> None:
        self.forget_kernel()
        self.page.close()
        self.lab.shut_down(self.name)


def _type(field: Locator, text: str) -> None:
    field.fill(text)
    field.press("Tab")


# --- the ways to open it ---


def at_once(opening: Opening) -> None:
    """Run all cells as soon as the page can."""
    opening.open()
    opening.run()
    opening.expect_live(1)


def again(opening: Opening) -> None:
    """Run the cell twice."""
    at_once(opening)
    opening.run()
    opening.expect_live(2)


def reloaded_while_running(opening: Opening) -> None:
    """Reload the page while the cell runs, and run it again."""
    opening.open()
    opening.run()
    opening.wait_until_begun(1)
    opening.reload()
    opening.wait_until_run()
    opening.run()
    opening.expect_live(1)


def reloaded_after(opening: Opening) -> None:
    """Save and reload the page, which restores the Explorer; then run the cell again."""
    at_once(opening)
    save(opening.page, opening.lab.folder / opening.name, "widget-view+json")
    opening.reload()
    opening.expect_live(2)
    opening.run()
    opening.expect_live(3)


def closed_by_page(opening: Opening) -> None:
    """Close all models as a page does, after which they go on working; then run the cell again."""
    at_once(opening)
    opening.close_all_models()
    opening.expect_live(2)
    opening.run()
    opening.expect_live(3)


def connection_lost(opening: Opening) -> None:
    """Lose the connection while the cell runs and after it; then run the cell again.

    What is clicked in the moment in which a page connects again may be undone by it, so nothing is until the cell has
    run again.
    """
    opening.let_connection_be_cut()
    opening.open()
    opening.run()
    opening.wait_until_begun(1)
    opening.cut_connection()
    opening.expect_live(1)
    opening.cut_connection()
    opening.run()
    opening.wait_until_begun(2)
    opening.expect_live(2)


def messages_lost(opening: Opening) -> None:
    """Lose messages of the kernel, which leaves the page without an Explorer; then run the cell again."""
    opening.lose_messages()
    opening.open()
    opening.wait_until_idle()  # or the page would ask for the models that there are after the cell has run
    opening.run()
    opening.page.get_by_text("model not found").wait_for()
    opening.run()
    opening.expect_live(1)


def restarted(opening: Opening) -> None:
    """Restart the kernel and run all cells."""
    at_once(opening)
    opening.restart_and_run_all()
    opening.wait_until_begun(2)
    opening.wait_until_run()
    opening.expect_live(2)


WAYS: tuple[Callable[[Opening], None], ...] = (
    at_once,
    again,
    reloaded_while_running,
    reloaded_after,
    closed_by_page,
    connection_lost,
    messages_lost,
    restarted,
)


def way(number: int) -> Callable[[Opening], None]:
    """Return the way in which the Explorer is opened for the given time."""
    return WAYS[number % len(WAYS)]


def failure(context: BrowserContext, lab: Lab, number: int) -> str | None:
    """Open an Explorer in one of the ways; return what the page showed if it failed, None if it did not."""
    opening = Opening(context, lab, f"opening{number}/explorer.ipynb")
    try:
        way(number)(opening)
    except (AssertionError, Error) as error:
        shown = described(opening.page, opening.errors, lab)
        return f"opening {number}, {way(number).__name__}: {str(error)[:1000]}\n{shown}"
    finally:
        opening.close()
    return None


@contextlib.contextmanager
def busy_process() -> Iterator[None]:
    """Keep a core busy."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--busy", action="store_true", help="beside a process that keeps a core busy")
    options = parser.parse_args()
    # What was started is stopped, also when this is.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    failures = 0
    with contextlib.ExitStack() as stack:
        if options.busy:
            stack.enter_context(busy_process())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "work"
        folder.mkdir()
        # One context, so that the pages load the scripts of JupyterLab from the cache.
        context = stack.enter_context(chromium()).new_context(**VIEWPORT)
        lab = stack.enter_context(jupyterlab(folder, {}))
        for number in range(options.times):
            began = time.monotonic()
            found = failure(context, lab, number)
            failures += found is not None
            took = f"{number + 1} of {options.times}, {way(number).__name__}: {time.monotonic() - began:.1f} s"
            sys.stderr.write(f"{took}\n")
            sys.stdout.write(f"FAILED {found}\n" if found else "")
            sys.stdout.flush()
    sys.stdout.write(f"{options.times} openings, {failures} failures\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
