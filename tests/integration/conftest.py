"""What the integration tests share: tables of results that the end of the run shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

_TABLE = pytest.StashKey[list[str]]()
_MUTATIONS = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLE] = []
    config.stash[_MUTATIONS] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for title, key in (("credentials", _TABLE), ("wrong answers", _MUTATIONS)):
        if config.stash[key]:
            terminalreporter.section(title)
            for line in config.stash[key]:
                terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def in_table(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Add a line to the table at the end of the run."""
    return request.config.stash[_TABLE].append


@pytest.fixture(scope="session")
def tell_mutations(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Add a line on wrong answers and what came of them to the end of the run."""
    return request.config.stash[_MUTATIONS].append
