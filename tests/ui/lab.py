"""A real JupyterLab or Notebook in a real browser, and the kernel behind it, for tests and for screenshots."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal

import nbformat
from jupyter_client import BlockingKernelClient
from playwright.sync_api import Browser, Page, sync_playwright

START_SECONDS = 90
ANSWER_SECONDS = 60

FrontEnd = Literal["lab", "notebook"]
"""JupyterLab or Notebook 7: one server has the pages of both."""


def find_chromium() -> str | None:
    """Return the path of a Chromium of the system, or None."""
    named = os.environ.get("CHROMIUM")
    candidates = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    return next((path for name in candidates if name and (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium without a screen."""
    path = find_chromium()
    assert path, "no Chromium"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
    quiet += ["--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        try:
            yield browser
        finally:
            browser.close()


def wait_until(what: str, condition: Callable[[], Any], seconds: float = ANSWER_SECONDS) -> Any:
    """Ask until ``condition`` returns something true, and return that."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, f"{what}: not within {seconds} s"
        time.sleep(0.05)
    return found


@dataclass
class Lab:
    """A server of JupyterLab, and of Notebook where that is installed, that serves ``folder``."""

    url: str
    token: str
    folder: Path
    runtime: Path

    def address(self, notebook: str, front_end: FrontEnd = "lab") -> str:
        if front_end == "notebook":
            return f"{self.url}/notebooks/{notebook}?token={self.token}"
        # A workspace of its own, or JupyterLab would open the notebooks of earlier pages too.
        name = notebook.removesuffix(".ipynb").replace("/", "-")
        return f"{self.url}/lab/workspaces/{name}/tree/{notebook}?token={self.token}"

    def kernel(self, notebook: str) -> Kernel:
        """Connect to the kernel that a notebook runs on."""
        return Kernel(self.runtime / f"kernel-{self.wait_for_session(notebook)}.json")

    def wait_for_session(self, notebook: str) -> str:
        """Wait until a notebook has a kernel, and return its id."""
        sessions = wait_until("a session of the notebook", lambda: self._sessions(notebook))
        kernel_id: str = sessions[0]["kernel"]["id"]
        return kernel_id

    def log(self) -> str:
        """Return what the server has logged."""
        return (self.runtime.parent / "jupyterlab.log").read_text(encoding="utf-8", errors="replace")

    def set_theme(self, theme: str) -> None:
        """Choose the theme of the pages that are opened from now on."""
        settings = self.runtime.parent / "settings" / "@jupyterlab" / "apputils-extension"
        (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}), encoding="utf-8")

    def kill_kernel(self, notebook: str) -> None:
        """Let the kernel of a notebook die, as one does that runs out of memory; its server is the one to notice."""
        kernel = self.kernel(notebook)
        try:
            pid = kernel.value("__import__('os').getpid()")
        finally:
            kernel.close()
        os.kill(pid, signal.SIGKILL)

    def shut_down(self, notebook: str) -> None:
        """Stop the kernel of a notebook."""
        for session in self._sessions(notebook):
            url = f"{self.url}/api/sessions/{session['id']}"
            request = urllib.request.Request(url, method="DELETE", headers={"Authorization": f"token {self.token}"})
            urllib.request.urlopen(request, timeout=30).close()

    def _sessions(self, notebook: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(f"{self.url}/api/sessions", headers={"Authorization": f"token {self.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            sessions: list[dict[str, Any]] = json.load(answer)
        return [s for s in sessions if s["path"] == notebook and s["kernel"]]


class Kernel:
    """Reads values in a running kernel: what a test asserts is the kernel's, not the page's."""

    def __init__(self, connection_file: Path) -> None:
        self._client = BlockingKernelClient(connection_file=str(connection_file))
        self._client.load_connection_file()
        self._client.start_channels()
        wait_until("the kernel is ready", self._is_ready)

    def _is_ready(self) -> bool:
        try:
            self._client.wait_for_ready(timeout=ANSWER_SECONDS)
        except RuntimeError:  # a kernel that is still starting has no heartbeat yet
            return False
        return True

    def value(self, expression: str) -> Any:
        """Return the value of an expression, which must be fit for JSON."""
        wrapped = {"value": f"__import__('json').dumps({expression})"}
        # Not silent, because a silent request may overtake the messages of the page that are before it.
        message = self._client.execute("", user_expressions=wrapped, store_history=False)
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            reply = self._client.get_shell_msg(timeout=ANSWER_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                result = reply["content"]["user_expressions"]["value"]
                assert result["status"] == "ok", result
                return json.loads(eval(result["data"]["text/plain"]))  # the repr of a JSON text
        msg = "the kernel did not answer"
        raise AssertionError(msg)

    def run(self, code: str) -> None:
        """Run statements, and raise what they raise."""
        message = self._client.execute(code, store_history=False)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            reply = self._client.get_shell_msg(timeout=START_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                assert reply["content"]["status"] == "ok", "\n".join(reply["content"].get("traceback", []))
                return
        msg = "the kernel did not finish"
        raise AssertionError(msg)

    def wait(self, expression: str, seconds: float = ANSWER_SECONDS) -> Any:
        """Ask until the value of an expression is true."""
        return wait_until(expression, lambda: self.value(expression), seconds)

    def close_comms(self) -> None:
        """Close all models, as a page does with those that it is told of before it can handle any."""
        session, shell = self._client.session, self._client.shell_channel
        message = self._client.comm_info(target_name="jupyter.widget")
        until = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < until:
            reply = self._client.get_shell_msg(timeout=ANSWER_SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                assert reply["content"]["comms"], "there is no model to close"
                for model in reply["content"]["comms"]:
                    shell.send(session.msg("comm_close", {"comm_id": model, "data": {}}))
                return
        msg = "the kernel did not say which models there are"
        raise AssertionError(msg)

    def close(self) -> None:
        self._client.stop_channels()


@contextlib.contextmanager
def jupyterlab(folder: Path, environment: Mapping[str, str], *, theme: str = "JupyterLab Light") -> Iterator[Lab]:
    """Start JupyterLab on a free port, serving ``folder``; stop it and its kernels at the end."""
    token = secrets.token_hex(16)
    home = folder.parent / f"{folder.name}-home"
    settings = home / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True, exist_ok=True)
    (settings / "themes.jupyterlab-settings").write_text(json.dumps({"theme": theme}), encoding="utf-8")
    (settings / "notification.jupyterlab-settings").write_text(
        json.dumps({"fetchNews": "false", "checkForUpdates": False}), encoding="utf-8"
    )
    widgets = home / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    widgets.mkdir(parents=True, exist_ok=True)
    (widgets / "plugin.jupyterlab-settings").write_text(json.dumps({"saveState": True}), encoding="utf-8")
    port = _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"]
    command += ["--ServerApp.log_level=DEBUG"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    log = home / "jupyterlab.log"
    with _running(command, {**_at_home(home), **environment}, log) as server:
        lab = Lab(f"http://127.0.0.1:{port}", token, folder, home / "runtime")
        wait_until(
            "JupyterLab answers", lambda: _answers(f"{lab.url}/api/status?token={token}", server, log), START_SECONDS
        )
        yield lab


@dataclass
class Voila:
    """A server of Voila, which runs one notebook for each page that is opened, and shows its outputs alone."""

    url: str
    kernels: Path

    def kernel(self) -> Kernel:
        """Connect to the kernel of the only page."""
        (connection_file,) = wait_until("a kernel of Voila", lambda: list(self.kernels.rglob("kernel-*.json")))
        return Kernel(connection_file)


@contextlib.contextmanager
def voila(notebook: Path) -> Iterator[Voila]:
    """Start Voila on a free port, serving a notebook; stop it and its kernels at the end."""
    home = notebook.parent.parent / f"{notebook.parent.name}-home"
    kernels = home / "kernels"
    kernels.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    command = [sys.executable, "-m", "voila", str(notebook), "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    command += [f"--Voila.connection_dir_root={kernels}"]
    log = home / "voila.log"
    with _running(command, _at_home(home), log) as server:
        running = Voila(f"http://127.0.0.1:{port}", kernels)
        # Not the page itself: each time it is asked for, the notebook runs.
        wait_until("Voila answers", lambda: _answers(f"{running.url}/voila/api/contents", server, log), START_SECONDS)
        yield running


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _at_home(home: Path) -> dict[str, str]:
    """Return an environment in which Jupyter keeps everything in one folder."""
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONUNBUFFERED": "1",
    }


@contextlib.contextmanager
def _running(command: list[str], variables: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        server = subprocess.Popen(command, env=variables, stdout=out, stderr=out, start_new_session=True)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(20)


def _answers(address: str, server: subprocess.Popen[bytes], log: Path) -> bool:
    assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < HTTPStatus.INTERNAL_SERVER_ERROR  # there is a server, which knows no such page
    except (urllib.error.URLError, OSError):
        return False


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    notebook.metadata["language_info"] = {"name": "python"}
    path.write_text(nbformat.writes(notebook), encoding="utf-8")


def open_notebook(page: Page, lab: Lab, notebook: str, front_end: FrontEnd = "lab") -> None:
    """Open a notebook and wait until its kernel is ready."""
    page.goto(lab.address(notebook, front_end))
    page.locator(".jp-Notebook").wait_for(timeout=START_SECONDS * 1000)
    # Until the page has its session, running a cell makes it ask which kernel to use.
    lab.kernel(notebook).close()
    # In a narrow window the indicator is among the buttons that do not fit, and so is not visible.
    idle = page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first
    idle.wait_for(state="attached", timeout=START_SECONDS * 1000)


def run_all(page: Page) -> None:
    """Run all cells from the menu, as a person would."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def save(page: Page, path: Path, contains: str) -> None:
    """Save the notebook, with the state of its widgets, and wait until the file holds a text and is all there is."""
    page.get_by_role("button", name="Save and create checkpoint").click()
    wait_until(f"{path.name} holds {contains!r}", lambda: contains in path.read_text(encoding="utf-8"))
    # While the server writes a notebook, the one before lies beside it.
    before = path.with_name(f".~{path.name}")
    wait_until(f"{before.name} is gone", lambda: not before.exists())
