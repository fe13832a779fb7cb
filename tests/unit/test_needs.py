"""What is missing on a machine is told at the end of a run, and fails it in CI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import needs
import pytest

TESTS = """
import needs
import pytest

@pytest.fixture(scope="session")
def browser():
    needs.absent("there is no browser", "apt-get install browser")

def test_one(browser): ...
def test_two(browser): ...
def test_three(): ...
def test_four():
    needs.at_least("pytest", "1000")
@pytest.mark.skip(reason="of another kind")
def test_five(): ...
"""
MODULE = """
import needs
import pytest

pytest.importorskip("surely_not_there", reason=needs.package("surely_not_there"))
"""
LISTED = """\
pytest is older than 1000 (1 skipped)
    pip install 'pytest>=1000'
surely_not_there is not installed (1 skipped)
    pip install -e '.[dev]'
there is no browser (2 skipped)
    apt-get install browser
"""


def run(folder: Path, *tests: str, ci: str) -> tuple[int, str]:
    """Return the status and the output of pytest with the hooks of `needs` alone."""
    for number, test in enumerate(tests):
        (folder / f"test_{number}.py").write_text(test)
    (folder / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTHONPATH": str(Path(needs.__file__).parent), "CI": ci}
    command = [sys.executable, "-m", "pytest", "-p", "needs", "-p", "no:cacheprovider", "-p", "no:nbval"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(("ci", "status"), [("", 0), ("true", 1)])
def test_each_thing_that_is_missing_is_listed_once_with_its_command(tmp_path: Path, ci: str, status: int) -> None:
    returned, output = run(tmp_path, TESTS, MODULE, ci=ci)
    assert "1 passed, 5 skipped" in output
    assert LISTED in output
    assert returned == status, output


@pytest.mark.parametrize("ci", ["", "true"])
def test_nothing_is_listed_where_nothing_is_missing(tmp_path: Path, ci: str) -> None:
    returned, output = run(tmp_path, "def test_one(): ...", ci=ci)
    assert "missing" not in output
    assert returned == 0, output
