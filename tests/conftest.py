"""Fixtures for all tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING

import needs
import pytest

if TYPE_CHECKING:
    from dbxexplore.demo import DemoWorkspace


def pytest_configure() -> None:
    # A shell that is not interactive starts background jobs with SIGINT ignored, and so would every process be that a
    # test starts; what tests say of interrupts is said of processes that hear them.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def demo_workspace() -> Iterator[DemoWorkspace]:
    """The demo workspace, started once. Its token is in a variable of its own, so that no test depends on it."""
    pytest.importorskip("minilake", reason=needs.PACKAGES)
    from dbxexplore.demo import workspace

    with workspace(token_env_var="DBXEXPLORE_TEST_DEMO_TOKEN") as demo:
        yield demo
