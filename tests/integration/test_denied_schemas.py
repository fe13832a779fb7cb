"""Three schemas are denied: the catalog, the command line, the preview and the export each say so."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from simulator import Faults, Simulator, generated, truth_of

import dbxexplore as dbx
from dbxexplore.cli import DONE, INCOMPLETE, main

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
DENIED = ["catalog_000.schema_0000", "catalog_001.schema_0003", "catalog_002.schema_0001"]


class Run(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def call(*arguments: object) -> Run:
        with pytest.raises(SystemExit) as exited:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Run(int(exited.value.code or 0), said.out, said.err)

    return call


@pytest.fixture
def simulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    workspace = generated(catalogs=3, schemas=4, tables=5)
    with Simulator(workspace, Faults(denied=frozenset(DENIED))) as running:
        monkeypatch.setenv(VARIABLE, running.token)
        yield running


@pytest.fixture
def catalog(simulator: Simulator) -> dbx.Catalog:
    return dbx.discover(dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE)), depth="details")


def check_told(err: str) -> None:
    assert "Incomplete: 3 catalogs/schemas couldn't be listed; contents unknown." in err
    for scope in DENIED:
        assert f"  {scope}: denied: " in err


def test_the_catalog_says_so(simulator: Simulator, catalog: dbx.Catalog) -> None:
    assert not catalog.complete
    assert catalog.failures["scope"].tolist() == DENIED
    assert set(catalog.failures["reason"]) == {"denied"}
    assert truth_of(catalog) == simulator.workspace.truth(without=DENIED)
    assert "incomplete: 3 catalogs/schemas couldn't be listed" in repr(catalog)
    assert "3 catalogs/schemas couldn't be listed" in catalog._repr_html_()


def test_the_preview_says_so(catalog: dbx.Catalog) -> None:
    preview = dbx.Filters().preview(catalog)
    assert "incomplete" in repr(preview).lower()
    html = preview._repr_html_()
    assert "3 catalogs/schemas couldn't be listed" in html


def test_the_command_line_says_so(simulator: Simulator, run: Callable[..., Run], tmp_path: Path) -> None:
    connection = ["--url", simulator.url, "--token-env-var", VARIABLE]
    snapshot = tmp_path / "snapshot.parquet"
    found = run("discover", *connection, "--depth", "details", "--output", snapshot)
    assert found.code == INCOMPLETE == 3
    check_told(found.err)
    document = run("discover", *connection, "--depth", "details", "--json")
    assert document.code == INCOMPLETE
    told = json.loads(document.out)
    assert told["complete"] is False
    assert [failure["scope"] for failure in told["failures"]] == DENIED

    previewed = run("preview", "--snapshot", snapshot)
    assert previewed.code == INCOMPLETE
    check_told(previewed.err)
    told = json.loads(run("preview", "--snapshot", snapshot, "--json").out)
    assert told["complete"] is False
    assert len(told["failures"]) == 3

    for form in ("yaml", "asset-keys"):
        exported = run("export", *connection, "--name", "c", "--snapshot", snapshot, "--format", form)
        assert exported.code == INCOMPLETE
        check_told(exported.err)
    exported = run("export", *connection, "--name", "c", "--snapshot", snapshot, "--json")
    assert exported.code == INCOMPLETE
    assert json.loads(exported.out)["complete"] is False


def test_once_they_are_open_nothing_is_said(simulator: Simulator, run: Callable[..., Run]) -> None:
    simulator.faults.denied = frozenset()
    found = run("discover", "--url", simulator.url, "--token-env-var", VARIABLE, "--depth", "details")
    assert found.code == DONE
    assert "Incomplete" not in found.err
