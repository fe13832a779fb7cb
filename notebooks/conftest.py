"""Runs the tutorials against a demo workspace: nbval compares what they print with what is saved in them."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

_running = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Name the file of what differs from run to run; from a command line, nbval finds it in one folder only."""
    os.environ["DBXEXPLORE_NO_AUTOSAVE"] = "1"  # the last session is the user's
    config.option.nbval_sanitize_with = str(Path(__file__).with_name("nbval.cfg"))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tutorials first and their cells in order, whatever order is asked for."""
    cells = sorted((item for item in items if item.path.suffix == ".ipynb"), key=lambda cell: (cell.path, cell.cell_num))
    items[:] = cells + [item for item in items if item.path.suffix != ".ipynb"]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start the workspace before the first tutorial starts its kernel, which inherits the variables."""
    if item.path.suffix == ".ipynb" and "DBXEXPLORE_DEMO_URL" not in os.environ:
        from dbxexplore import demo

        os.environ["DBXEXPLORE_DEMO_URL"] = _running.enter_context(demo.workspace(timeout=300)).url
        _running.callback(os.environ.pop, "DBXEXPLORE_DEMO_URL")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """Stop the workspace after the last tutorial, so that no other test finds its variables."""
    if nextitem is None or nextitem.path.suffix != ".ipynb":
        _running.close()


def pytest_sessionfinish() -> None:
    """Stop the workspace of a run that was interrupted."""
    _running.close()
