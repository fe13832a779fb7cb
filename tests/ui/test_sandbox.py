"""The Explorer as a Databricks notebook shows it: in a sandboxed frame without a network, messages of at most 5 MB."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import needs
import pytest
import sandbox
from explorer_page import ExplorerPage, explore
from lab import Kernel
from main_job import do_the_main_job
from playwright.sync_api import Browser, ConsoleMessage, Request, expect

import dbxexplore as dbx

MILLION = 1_000_000
# Of an environment with the libraries of a Databricks runtime, ipywidgets 7 among them.
OTHER_PYTHON = "DBXEXPLORE_SANDBOX_PYTHON"
TO_MAKE_IT = (
    "python -m venv .venv-runtime && .venv-runtime/bin/pip install -e . -c .ci/databricks-client-5.txt ipykernel"
    f" && {OTHER_PYTHON}=$PWD/.venv-runtime/bin/python pytest"
)


@dataclass
class Framed:
    """An Explorer in the frame, what the frame was not allowed, and what it asked of a network."""

    explorer: ExplorerPage
    sandbox: sandbox.Sandbox
    folder: Path
    errors: list[str]
    requests: list[Request]

    def asked_of_a_network(self) -> list[str]:
        """Return the addresses of all requests that the policy let through."""
        # The manager brings fonts that the policy forbids; they are not this package's.
        asked = [one for one in self.requests if not (one.resource_type == "font" and one.failure == "csp")]
        return [one.url for one in asked if not one.url.startswith(("data:", "blob:"))]


@pytest.fixture(params=["this environment", "ipywidgets 7"])
def python(request: pytest.FixtureRequest) -> str:
    """The interpreter of the kernel."""
    if request.param == "this environment":
        return sys.executable
    if OTHER_PYTHON not in os.environ:
        needs.absent(f"{OTHER_PYTHON} names no Python with ipywidgets 7", TO_MAKE_IT)
    return os.environ[OTHER_PYTHON]


@pytest.fixture
def framed(browser: Browser, node_modules: Path, python: str, tmp_path: Path) -> Iterator[Framed]:
    assert node_modules == sandbox.NODE_MODULES
    package = Path(dbx.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": str(package), "IPYTHONDIR": str(tmp_path / "ipython")}
    folder = tmp_path / "work"
    folder.mkdir()
    with sandbox.sandbox(python, folder, environment) as running:
        page = browser.new_page(viewport={"width": 1400, "height": 1600})
        page.set_default_timeout(60_000)
        errors: list[str] = []
        requests: list[Request] = []

        def on_console(message: ConsoleMessage) -> None:
            # As above: the manager's fonts.
            if message.type == "error" and "font-src" not in message.text:
                errors.append(message.text)

        page.on("console", on_console)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request))  # noqa: PLW0108 - playwright marks its handlers
        page.goto(running.url)
        running.wait_for_frame()
        kernel = Kernel(running.connection_file)
        kernel.run(explore(MILLION))
        kernel.run("explorer._displayed()")  # so that the fallback would be waiting, as in a notebook
        running.show(kernel.value("explorer.model_id"))
        frame = page.locator("iframe").element_handle().content_frame()
        assert frame is not None
        explorer = ExplorerPage(page, kernel, page.frame_locator("iframe"), frame)
        expect(explorer.tree.get_by_role("treeitem").first).to_be_visible()
        yield Framed(explorer, running, folder, errors, requests)
        kernel.close()
        page.close()


def test_the_main_job_in_a_sandboxed_frame(framed: Framed) -> None:
    explorer, traffic = framed.explorer, framed.sandbox.traffic
    do_the_main_job(explorer, MILLION)
    saved = dbx.ConnectionConfig.load(framed.folder / "databricks_unity_catalog.yaml")
    assert saved.to_yaml() == explorer.kernel.value("explorer.config.to_yaml()")

    assert traffic.messages > 100
    assert traffic.dropped == []
    assert traffic.binary == []
    assert explorer.kernel.value("tree.loaded")
    assert explorer.kernel.value("explorer.catalog_pane.browser is None")
    assert framed.asked_of_a_network() == [framed.sandbox.url, f"{framed.sandbox.url}frame"]
    assert framed.errors == []
    # Else the frame was not as closed as this test says.
    refused = "() => fetch('https://example.com').then(() => 'answered', () => 'refused')"
    assert explorer.frame.evaluate(refused) == "refused"
    assert explorer.frame.evaluate("() => window.origin") == "null"
