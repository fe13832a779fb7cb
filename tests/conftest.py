"""Fixtures for all tests, which find the same environment on any machine."""

from __future__ import annotations

import os
import re
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import needs
import pytest
from needs import pytest_sessionfinish, pytest_terminal_summary  # noqa: F401 - hooks, which pytest finds here

if TYPE_CHECKING:
    from dbxexplore.demo import DemoWorkspace

# What a machine sets for its own work: credentials, profiles, a home of Dagster's, a proxy, colours, a width.
_OF_THE_MACHINE = re.compile(
    r"(DATABRICKS|ARM|DAGSTER)_\w+|\w+_proxy|FORCE_COLOR|NO_COLOR|COLUMNS|LINES", re.IGNORECASE
)


def pytest_configure(config: pytest.Config) -> None:
    for name in list(filter(_OF_THE_MACHINE.fullmatch, os.environ)):
        del os.environ[name]
    # There is no such file; without the variable, the SDK would read that of the user.
    os.environ["DATABRICKS_CONFIG_FILE"] = str(Path(__file__).with_name("none.databrickscfg"))
    os.environ["DBXEXPLORE_NO_AUTOSAVE"] = "1"  # the last session is the user's
    # Jupyter, Dagster and Chromium write there, and some of them hang if they cannot.
    if not os.access(os.path.expanduser("~"), os.W_OK):  # noqa: PTH111 - gives back a home that is not known
        home = tempfile.TemporaryDirectory(prefix="home-")
        config.add_cleanup(home.cleanup)
        os.environ["HOME"] = home.name
    # A shell that is not interactive starts background jobs with SIGINT ignored, and every process that a test
    # starts would inherit that; what tests say about interrupts is about processes that receive them.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo_workspace() -> Iterator[DemoWorkspace]:
    """The demo workspace, started once. Its token is in a variable of its own, so that no test depends on it."""
    pytest.importorskip("minilake", reason=needs.package("minilake"))
    from dbxexplore.demo import workspace

    with workspace(token_env_var="DBXEXPLORE_TEST_DEMO_TOKEN", timeout=300) as demo:
        yield demo
