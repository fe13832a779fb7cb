"""Fixtures for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dbxexplore.demo import DemoWorkspace


@pytest.fixture(scope="session")
def demo_workspace() -> Iterator[DemoWorkspace]:
    """The demo workspace, started once. Its token is in a variable of its own, so that no test depends on it."""
    pytest.importorskip("minilake", reason="the demo workspace needs minilake")
    from dbxexplore.demo import workspace

    with workspace(token_env_var="DBXEXPLORE_TEST_DEMO_TOKEN") as demo:
        yield demo
