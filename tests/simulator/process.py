"""The simulator in a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import pickle
import subprocess
import sys
import urllib.request
import zlib
from pathlib import Path
from typing import Self

from simulator.faults import Faults, Record
from simulator.privileges import World
from simulator.server import TOKEN, Api, serve
from simulator.workspace import generated


class SimulatorProcess:
    """A generated workspace, or that of a small world, served by another process; a context manager.

    It ends with the context, and also when the process that started it dies.
    """

    def __init__(self, faults: Faults, world: World | None = None, **sizes: int) -> None:
        self.token = TOKEN
        self.url = ""
        self._command = [sys.executable, "-m", "simulator", "--faults", faults.to_json(), "--sizes", json.dumps(sizes)]
        if world is not None:
            self._command += ["--world", base64.b64encode(zlib.compress(pickle.dumps(world))).decode()]

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the simulator did not start"
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def record(self) -> Record:
        """Return what was asked so far."""
        with urllib.request.urlopen(f"{self.url}/_simulator/record", timeout=60) as answer:
            return Record.from_json(answer.read().decode())


def main() -> None:
    """Serve until the standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", default="{}")
    parser.add_argument("--sizes", default="{}")
    parser.add_argument("--world", default="")
    arguments = parser.parse_args()
    faults, token = Faults.from_json(arguments.faults), TOKEN
    if arguments.world:
        world: World = pickle.loads(zlib.decompress(base64.b64decode(arguments.world)))
        api = Api(world.workspace(), faults, token, world)
    else:
        api = Api(generated(**json.loads(arguments.sizes)), faults, token)
        api.warm()
    asyncio.run(_serve(api))


async def _serve(api: Api) -> None:
    server = await serve(api)
    sys.stdout.write(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
