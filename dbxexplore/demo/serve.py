"""``dbxexplore demo``: the demo workspace and JupyterLab with the tutorials, until Ctrl-C stops both."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import socket
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import dbxexplore
from dbxexplore import errors
from dbxexplore.demo._process import Child, child
from dbxexplore.demo.emulator import DemoWorkspace, workspace

URL_VARIABLE = "DBXEXPLORE_DEMO_URL"
QUICKSTART = "01_quickstart.ipynb"
_LOOPBACK = "127.0.0.1"
_START_TIMEOUT = 90.0  # seconds for JupyterLab to answer; its first start on a slow disk takes long
# The announcements extension fetches news and checks for updates: both are outside calls.
_PAGE_CONFIG = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
_TICK = 0.2  # seconds between two polls of JupyterLab
_HIGHEST_PORT = 65535


@dataclass(frozen=True)
class Running:
    """A running demo; ``kept`` are existing notebooks with changes by the user, which were not overwritten."""

    workspace: DemoWorkspace
    jupyter_url: str
    folder: Path
    kept: tuple[Path, ...]


def serve(
    folder: Path, *, port: int | None = None, open_browser: bool = True, announce: Callable[[Running], None]
) -> None:
    """Start a demo workspace and JupyterLab, and wait for a signal or the end of JupyterLab.

    SIGINT, SIGTERM and SIGHUP stop both, and this returns. The token's variable is set for JupyterLab alone.

    Args:
        folder: where the tutorials are copied to; created if missing. Existing notebooks are not overwritten.
        port: JupyterLab's port; None for a free one.
        open_browser: whether JupyterLab opens a browser.
        announce: called once both are up.

    Raises:
        DemoError: a package is missing, a server does not start, or the port is in use.
    """
    for module in ("minilake", "jupyterlab"):
        if importlib.util.find_spec(module) is None:
            msg = f"The demo needs the package {module}, which is not installed"
            raise errors.DemoError(msg, remedy='Run: pip install "dbxexplore[demo]"')
    _check_port(port)
    kept = write_tutorials(folder, tutorials())
    try:
        with _signals_as_interrupt(), workspace(set_variable=False) as demo:
            with _jupyterlab(demo, folder, port, open_browser=open_browser) as (lab, url):
                announce(Running(demo, url, folder, kept))
                while lab.is_running:
                    time.sleep(_TICK)
            if lab.process.returncode:
                raise lab.failure(f"JupyterLab ended with status {lab.process.returncode}")
    except KeyboardInterrupt:
        return


# --- tutorials ---


def tutorials() -> list[Path]:
    """Return the tutorials of this package, sorted by name, from a wheel or a checkout."""
    package = Path(dbxexplore.__file__).parent
    places = (package / "demo" / "notebooks", package.parent / "notebooks")
    return next((paths for place in places if (paths := sorted(place.glob("*.ipynb")))), [])


def write_tutorials(folder: Path, sources: list[Path]) -> tuple[Path, ...]:
    """Copy those of ``sources`` that do not exist in ``folder`` yet.

    Returns the existing notebooks that differ: the user's work, which is not overwritten.

    Raises:
        DemoError: the folder cannot be written to.
    """
    kept = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in sources:
            target = folder / source.name
            if target.exists() or target.is_symlink():
                if not target.is_file() or target.read_bytes() != source.read_bytes():
                    kept.append(target)
                continue
            shutil.copyfile(source, target)
        _copy_pictures(folder, sources)
    except OSError as error:
        msg = f"The tutorials cannot be written to {str(folder)!r}: {error.strerror}"
        raise errors.DemoError(msg, remedy="Choose another folder with --dir") from None
    return tuple(kept)


def _copy_pictures(folder: Path, sources: list[Path]) -> None:
    """Copy the pictures that the tutorials show."""
    for images in sorted({source.parent / "images" for source in sources}):
        for picture in sorted(images.glob("*.png")):
            (folder / "images").mkdir(exist_ok=True)
            if not (folder / "images" / picture.name).exists():
                shutil.copyfile(picture, folder / "images" / picture.name)


def _check_port(port: int | None) -> None:
    if port is None:
        return
    if not 1 <= port <= _HIGHEST_PORT:
        msg = f"{port} is not a valid port"
        raise errors.DemoError(msg, expected=f"1 to {_HIGHEST_PORT}")
    try:
        socket.create_server((_LOOPBACK, port)).close()
    except OSError as error:
        msg = f"JupyterLab cannot listen on port {port}: {error.strerror}"
        raise errors.DemoError(msg, remedy="Choose another port, or omit it to use a free one") from None


# --- JupyterLab ---


@contextmanager
def _jupyterlab(
    demo: DemoWorkspace, folder: Path, port: int | None, *, open_browser: bool
) -> Iterator[tuple[Child, str]]:
    private = Path(tempfile.mkdtemp(prefix="dbxexplore-lab-"))
    try:
        for name in ("runtime", "config/labconfig"):
            (private / name).mkdir(mode=0o700, parents=True)
        (private / "config" / "labconfig" / "page_config.json").write_text(json.dumps(_PAGE_CONFIG))
        arguments = ("jupyterlab", *_arguments(folder, private, port, open_browser=open_browser))
        environment = _environment(demo, private)
        log = private / "jupyterlab.log"
        with child("JupyterLab", arguments=arguments, folder=folder, log=log, environment=environment) as lab:
            url = lab.wait_for(lambda: _answering(private / "runtime", _first_page(folder)), _START_TIMEOUT)
            yield lab, url
    finally:
        shutil.rmtree(private, ignore_errors=True)


def _arguments(folder: Path, private: Path, port: int | None, *, open_browser: bool) -> list[str]:
    return [
        f"--ServerApp.ip={_LOOPBACK}",
        f"--ServerApp.port={port or _free_port()}",
        # A requested port is used or refused; a free one may have been taken by another process meanwhile.
        f"--ServerApp.port_retries={0 if port else 50}",
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--ServerApp.open_browser={open_browser}",
        f"--LabApp.default_url=/{_first_page(folder)}",
        # Open the tutorial alone, without tabs of an earlier session.
        f"--LabApp.workspaces_dir={private / 'workspaces'}",
        "--LabApp.extension_manager=readonly",  # the default one calls PyPI
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]


def _environment(demo: DemoWorkspace, private: Path) -> Mapping[str, str]:
    more = os.environ.get("JUPYTER_CONFIG_PATH")
    return {
        **os.environ,
        **demo.environment(),
        URL_VARIABLE: demo.url,
        # The server writes its port and token here; a separate folder has no other server's.
        "JUPYTER_RUNTIME_DIR": str(private / "runtime"),
        # Added to the user's own configuration, which is not changed.
        "JUPYTER_CONFIG_PATH": os.pathsep.join([str(private / "config"), *([more] if more else [])]),
        # Prefer the kernel of this environment to one of the same name in the home folder.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }


def _free_port() -> int:
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _first_page(folder: Path) -> str:
    return f"lab/tree/{QUICKSTART}" if (folder / QUICKSTART).exists() else "lab"


def _answering(runtime: Path, page: str) -> str | None:
    """Return the address of ``page`` with the token, once the server answers."""
    for file in runtime.glob("jpserver-*.json"):
        try:
            about = json.loads(file.read_text(encoding="utf-8"))
            token = about["token"]
            status = urllib.request.Request(f"{about['url']}api/status", headers={"Authorization": f"token {token}"})  # noqa: S310 - a loopback address
            with _DIRECTLY.open(status, timeout=5):
                pass
        except urllib.error.HTTPError:
            pass  # the user set a password: the server is up and asks for it
        except (OSError, ValueError):
            continue  # file incomplete, or server not listening yet
        return f"{about['url']}{page}" + (f"?token={token}" if token else "")
    return None


_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def _signals_as_interrupt() -> Iterator[None]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a KeyboardInterrupt; later ones cannot break the clean-up."""
    names = [signal.SIGINT, signal.SIGTERM]
    # Under nohup, SIGHUP stays ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        names.append(signal.SIGHUP)

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        for name in names:
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
