"""What the integration tests share: a table of results that the end of the run shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_TABLE = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.stash[_TABLE]:
        terminalreporter.section("credentials")
        for line in config.stash[_TABLE]:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def in_table(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Add a line to the table at the end of the run."""
    return request.config.stash[_TABLE].append
