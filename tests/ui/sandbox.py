"""A kernel whose widgets are shown in a sandboxed frame, as a Databricks notebook does.

The frame has an origin of its own, may run scripts and nothing else, and has no network: its content security policy
forbids every connection, and all scripts that it runs are in its page. Messages between it and the kernel are plain
JSON of at most `MOST_BYTES`; binary parts are dropped. The widget libraries are those of npm, under
``node_modules``, which ``npm install`` makes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jupyter_client import BlockingKernelClient, KernelManager
from lab import wait_until
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

HERE = Path(__file__).parent
NODE_MODULES = HERE.parent.parent / "node_modules"
MOST_BYTES = 5_000_000
# The widget manager of ipywidgets 7 compiles its schemas, so scripts may; widgets do not, which their tests see to.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' blob:; style-src 'unsafe-inline' blob:; img-src data:; "
    "font-src data:; connect-src 'none'"
)


# The manager of ipywidgets 8 makes addresses from those of its modules, which have none in a frame like this.
MODULES = 'require.config({ baseUrl: "https://frame.invalid/" });'


@dataclass
class Traffic:
    """What went between frame and kernel."""

    largest: int = 0
    messages: int = 0
    dropped: list[str] = field(default_factory=list)
    binary: list[str] = field(default_factory=list)


class Sandbox:
    """A running kernel, and the address of the page that shows its widgets."""

    def __init__(self, manager: KernelManager, folder: Path) -> None:
        self.traffic = Traffic()
        self.url = ""
        self.connection_file = Path(manager.connection_file)
        self.ipywidgets = self._version_of(manager)
        self._folder = folder
        self._client = BlockingKernelClient(connection_file=str(self.connection_file))
        self._client.load_connection_file()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self._sockets: list[_Kernel] = []
        self._waiting: queue.Queue[dict[str, Any]] = queue.Queue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: set[str] = set()
        self._is_over = threading.Event()
        self._ready = threading.Event()

    @staticmethod
    def _version_of(manager: KernelManager) -> str:
        code = "import ipywidgets; print(ipywidgets.__version__)"
        python = manager.kernel_spec.argv[0]
        return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()

    # --- what the frame runs ---

    def frame(self) -> str:
        """Return the page of the frame, with all its scripts in it."""
        manager = "html-manager-7" if self.ipywidgets.startswith("7.") else "html-manager"
        scripts = [
            (NODE_MODULES / "requirejs" / "require.js").read_text(encoding="utf-8"),
            MODULES,
            (NODE_MODULES / "@jupyter-widgets" / manager / "dist" / "embed-amd.js").read_text(encoding="utf-8"),
            self._anywidget(),
            (HERE / "sandbox_frame.js").read_text(encoding="utf-8"),
        ]
        inline = "\n".join("<script>" + text.replace("</script", "<\\/script") + "</script>" for text in scripts)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Output</title>'
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"></head>'
            f'<body><main id="output"></main>{inline}</body></html>'
        )

    def _anywidget(self) -> str:
        import anywidget

        text = (Path(anywidget.__file__).parent / "nbextension" / "index.js").read_text(encoding="utf-8")
        named, number = re.subn(r"^define\(\[", 'define("anywidget", [', text, flags=re.MULTILINE)
        assert number == 1, "anywidget's bundle has another form than was known"
        return f"(() => {{\n{named}\n}})();"

    # --- the two directions ---

    def from_frame(self, text: str) -> None:
        """Pass what the frame sent on to the kernel."""
        message = json.loads(text)
        if message["type"] == "ready":
            self._ready.set()
            return
        if not self._passes(message["type"], text, message.pop("buffers", 0)):
            return
        sent = self._client.session.msg(message["type"], message["content"], metadata=message.get("metadata"))
        sent["header"]["msg_id"] = sent["msg_id"] = message["id"]
        self._client.shell_channel.send(sent)

    def _passes(self, kind: str, text: str, buffers: int) -> bool:
        self.traffic.messages += 1
        self.traffic.largest = max(self.traffic.largest, len(text.encode()))
        if buffers:
            self.traffic.binary.append(text[:200])
        if len(text.encode()) > MOST_BYTES:
            self.traffic.dropped.append(f"{kind}: {text[:200]}")
            return False
        return True

    def listen(self) -> None:
        """Pass what the kernel says on to the frame, until this is over."""
        while not self._is_over.is_set():
            try:
                message = self._client.get_iopub_msg(timeout=0.2)
            except queue.Empty:
                continue
            if message["msg_type"] in {"comm_open", "comm_msg", "comm_close", "status"}:
                kept = {name: message[name] for name in ("msg_type", "content", "metadata")}
                kept["parent_header"] = {"msg_id": message["parent_header"].get("msg_id")}
                kept["buffers"] = []
                text = json.dumps(kept, default=str)
                if self._passes(message["msg_type"], text, len(message.get("buffers") or [])):
                    self.to_frame(text)
                    if message["msg_type"] == "comm_open":
                        self._opened.add(message["content"]["comm_id"])

    def to_frame(self, text: str) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(lambda: [socket.write_message(text) for socket in self._sockets])

    def wait_for_frame(self) -> None:
        """Wait until the frame listens: what the kernel says before that is lost, as in a page that was reloaded."""
        assert self._ready.wait(60), "the frame did not start"

    def show(self, model_id: str) -> None:
        """Show a widget in the frame, once the frame has been told of it."""
        wait_until("the widget is known to the frame", lambda: model_id in self._opened)
        self.to_frame(json.dumps({"msg_type": "show", "model_id": model_id}))

    # --- the server ---

    async def serve(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        over = asyncio.Event()
        self._stop = lambda: self._loop and self._loop.call_soon_threadsafe(over.set)
        routes = [
            ("/", _Text, {"make": lambda: (HERE / "sandbox.html").read_text(encoding="utf-8")}),
            ("/frame", _Text, {"make": self.frame}),
            ("/kernel", _Kernel, {"sandbox": self}),
        ]
        server = HTTPServer(Application(routes, websocket_max_message_size=10 * MOST_BYTES))
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        self.url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/"
        started.set()
        await over.wait()
        server.stop()

    def close(self) -> None:
        self._is_over.set()
        self._stop()


class _Text(RequestHandler):
    def initialize(self, make: Any) -> None:
        self._make = make

    def get(self) -> None:
        self.write(self._make())


class _Kernel(WebSocketHandler):
    def initialize(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def open(self, *_args: str, **_kwargs: str) -> None:
        self._sandbox._sockets.append(self)

    def on_message(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        self._sandbox.from_frame(message)

    def on_close(self) -> None:
        self._sandbox._sockets.remove(self)


@contextlib.contextmanager
def sandbox(python: str, folder: Path, environment: Mapping[str, str]) -> Iterator[Sandbox]:
    """Run a kernel of ``python`` in ``folder`` and a page for its widgets; stop both at the end."""
    manager = KernelManager(kernel_name="python3")
    manager.kernel_spec.argv[0] = python
    manager.start_kernel(cwd=str(folder), env=dict(environment))
    try:
        running = Sandbox(manager, folder)
        started = threading.Event()
        server = threading.Thread(target=lambda: asyncio.run(running.serve(started)), daemon=True)
        server.start()
        assert started.wait(30)
        listener = threading.Thread(target=running.listen, daemon=True)
        listener.start()
        try:
            yield running
        finally:
            running.close()
            listener.join(10)
            server.join(10)
    finally:
        manager.shutdown_kernel(now=True)
