"""The engines, each run by its own interpreter, or a skip that says how to install it. In CI they must be there."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from running import Engine, running
from selections import workspace
from simulator import Faults, Simulator

import dbxexplore as dbx

TOKEN_VARIABLE = "DBXEXPLORE_CONFORMANCE_TOKEN"

RUN = pytest.StashKey[list[Engine]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RUN] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    run = config.stash[RUN]
    if run:
        terminalreporter.section("conformance with the engines themselves")
        for engine in run:
            terminalreporter.write_line(engine.summary)


@pytest.fixture(scope="session", params=["datahub", "datahub-old"])
def datahub(request: pytest.FixtureRequest, simulator: Simulator) -> Iterator[Engine]:
    """DataHub, newest and from before it applied view patterns; it has the credential of the simulator."""
    assert os.environ[TOKEN_VARIABLE] == simulator.token
    with running(request.param) as engine:
        request.config.stash[RUN].append(engine)
        yield engine


@pytest.fixture(scope="session")
def openmetadata(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """OpenMetadata's filter functions."""
    with running("openmetadata") as engine:
        request.config.stash[RUN].append(engine)
        yield engine


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """The workspace over HTTP, with short pages, some of them empty with a token for the next."""
    with (
        Simulator(workspace(), Faults(page_length=3, rate_empty=0.3)) as running_simulator,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(TOKEN_VARIABLE, running_simulator.token)
        yield running_simulator


@pytest.fixture(scope="session")
def settings(simulator: Simulator) -> dbx.ConnectionSettings:
    """The connection to the workspace."""
    return dbx.ConnectionSettings(simulator.url, auth=dbx.TokenAuth(TOKEN_VARIABLE))


@pytest.fixture(scope="session")
def catalog(settings: dbx.ConnectionSettings) -> dbx.Catalog:
    """What a discovery of the workspace finds."""
    found = dbx.discover(settings, depth="details")
    assert found.complete
    return found
