"""An engine that runs in a process of its own, and what was compared with it."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import needs
import pytest
from engines import COMMAND, ENGINES

HERE = Path(__file__).parent
SCRIPTS = {"datahub": "datahub_engine.py", "datahub-old": "datahub_engine.py", "openmetadata": "openmetadata_engine.py"}


@dataclass
class Engine:
    """A running engine, and a count of what was compared with it."""

    name: str
    process: subprocess.Popen[str]
    log: IO[str]
    label: str = ""
    sets: set[str] = field(default_factory=set)
    crawls: int = 0
    differences: int = 0

    def ask(self, action: str, **request: object) -> object:
        """Return the engine's answer to a request."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"action": action, **request}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.log.seek(0)
            pytest.fail(f"{self.name} ended:\n{self.log.read()[-4000:]}")
        return json.loads(answer)

    def compared(self, selection: str, differences: AbstractSet[object]) -> None:
        """Count what was compared, and fail if there is a difference."""
        self.sets.add(selection)
        self.differences += len(differences)
        assert not differences

    @property
    def summary(self) -> str:
        """What was compared, in a line."""
        crawls = f"{self.crawls} crawls, " if self.crawls else ""
        return f"{self.label}: {len(self.sets)} filter sets, {crawls}{self.differences} differences"


@contextmanager
def running(name: str) -> Iterator[Engine]:
    """Start an engine, and stop it afterwards."""
    python = ENGINES[name].python
    if not python.exists():
        needs.absent(f"the engine {name} is not installed", COMMAND)
    environment = {**os.environ, "DATAHUB_TELEMETRY_ENABLED": "false", "PYTHONUTF8": "1"}
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(
            [str(python), str(HERE / SCRIPTS[name])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            text=True,
        ) as process,
    ):
        engine = Engine(name, process, log)
        engine.label = str(engine.ask("version"))
        yield engine
        assert process.stdin is not None
        process.stdin.close()  # which ends it
