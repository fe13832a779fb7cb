"""Run a server that stops when the process that started it ends, for whatever reason.

The parent keeps the other end of standard input open. When it closes, because the parent finished, was killed
or lost its terminal, the server gets a SIGTERM. Run as ``python -m dbxexplore.demo._child``, with
``emulator FOLDER`` or ``jupyterlab ARGUMENT…``.
"""

from __future__ import annotations

import os
import runpy
import shutil
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from types import FrameType

_GRACE = 8.0  # seconds for a clean shutdown before the process is ended
PORT_FILE = "port"
DATA_FOLDER = "data"


def main() -> None:
    """Run the server named on the command line until it or the parent ends."""
    what, *arguments = sys.argv[1:]
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    if what == "emulator":
        _emulator(Path(arguments[0]))
    elif what == "jupyterlab":
        sys.argv = ["jupyterlab", *arguments]
        runpy.run_module("jupyterlab", run_name="__main__", alter_sys=True)


def _stop_with_parent() -> None:
    # Read the descriptor: a thread blocked in sys.stdin would hold its lock while the interpreter shuts down.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE)
    os._exit(1)


def _emulator(folder: Path) -> None:
    signal.signal(signal.SIGTERM, _leave)
    try:
        import uvicorn
        from minilake import create_app
        from minilake.config import settings

        # Bind before the port is published, so that no other process can take it in between.
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        settings.port = listener.getsockname()[1]
        partial = folder / f"{PORT_FILE}.partial"
        partial.write_text(str(settings.port))
        partial.replace(folder / PORT_FILE)
        config = uvicorn.Config(
            create_app(), http="h11", log_level="warning", access_log=False, timeout_graceful_shutdown=2
        )
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        # The parent does this too, unless it was killed.
        shutil.rmtree(folder / DATA_FOLDER, ignore_errors=True)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    main()
