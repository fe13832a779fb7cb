"""The engines that the readings are named after, each in an environment of its own.

::

    python tests/conformance/engines.py                # makes what is missing
    python tests/conformance/engines.py datahub-old    # makes one, from scratch

Each needs pip and a few minutes; none of them shares a library with this package. An interpreter that has an engine
already may be named by an environment variable instead, such as ``DBXEXPLORE_DATAHUB_PYTHON``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = "python tests/conformance/engines.py"


@dataclass(frozen=True)
class Engine:
    """An engine: what to install, and where its interpreter is found."""

    name: str
    requirements: tuple[str, ...]

    @property
    def variable(self) -> str:
        return f"DBXEXPLORE_{self.name.upper().replace('-', '_')}_PYTHON"

    @property
    def folder(self) -> Path:
        return ROOT / f".venv-{self.name}"

    @property
    def python(self) -> Path:
        named = os.environ.get(self.variable)
        return Path(named) if named else self.folder / "bin" / "python"

    def install(self) -> None:
        """Make the environment from scratch."""
        shutil.rmtree(self.folder, ignore_errors=True)
        venv.create(self.folder, with_pip=True)
        python = str(self.folder / "bin" / "python")
        # uv resolves these hundred libraries in seconds where pip takes minutes.
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], check=True)
        subprocess.run(
            [python, "-m", "uv", "pip", "install", "--quiet", "--python", python, *self.requirements], check=True
        )


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("datahub", ("acryl-datahub[unity-catalog]>=1.7",)),
        # The last release before view_pattern was applied.
        Engine("datahub-old", ("acryl-datahub[unity-catalog]==1.6.0.8",)),
        # A newer dbt-core, which one of its libraries wants, is built from a download.
        Engine("openmetadata", ("openmetadata-ingestion", "dbt-core<1.12")),
    )
}


def main() -> None:
    """Make the environments that are named, or all that are missing."""
    parser = argparse.ArgumentParser(description="Install the engines of the conformance tests.")
    parser.add_argument("engine", nargs="*", help=", ".join(ENGINES))
    names = parser.parse_args().engine
    if not ENGINES.keys() >= set(names):
        parser.error(f"expected some of {', '.join(ENGINES)}")
    named = [ENGINES[name] for name in names]
    wanted = named or [engine for engine in ENGINES.values() if not engine.python.exists()]
    with ThreadPoolExecutor() as pool:
        for engine, _ in zip(wanted, pool.map(Engine.install, wanted), strict=True):
            sys.stdout.write(f"{engine.name}: {engine.python}\n")


if __name__ == "__main__":
    main()
