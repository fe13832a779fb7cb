"""The command line against the demo workspace."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

import dbxexplore as dbx
from dbxexplore import cli
from dbxexplore.demo import DemoWorkspace, sample

pytestmark = pytest.mark.integration


class Run:
    """Runs the command line in this process, with the credential of the demo workspace."""

    def __init__(self, capsys: pytest.CaptureFixture[str], demo: DemoWorkspace) -> None:
        self._capsys = capsys
        self._credential = ["--url", demo.url, "--token-env-var", demo.token_env_var]

    def __call__(self, command: str, *arguments: object, connect: bool = True) -> Run:
        with pytest.raises(SystemExit) as left:
            cli.main([command, *(self._credential if connect else []), *(str(argument) for argument in arguments)])
        self.code = left.value.code
        self.out, self.err = self._capsys.readouterr()
        return self

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], demo_workspace: DemoWorkspace) -> Run:
    return Run(capsys, demo_workspace)


@pytest.fixture(scope="module")
def snapshot(demo_workspace: DemoWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dbx.discover(demo_workspace.settings).save(tmp_path_factory.mktemp("snapshot") / "demo.parquet")


EXPECTED = {kind: len(names) for kind, names in sample.full_names().items()}


def test_check(run: Run) -> None:
    assert run("check").code == cli.DONE
    assert "minilake-user" in run.out
    assert run("check", "--json").json["ok"] is True
    assert run.json["capabilities"]["catalogs"]["available"] is True


def test_check_of_a_workspace_that_is_not_there(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    run("check", "--url", f"http://127.0.0.1:{port}")
    assert run.code == cli.FAILED
    assert "error: " in run.out
    assert "Traceback" not in run.out + run.err


def test_discover_counts_and_saves(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "deep" / "snapshot.parquet"
    run("discover", "--output", target)
    assert run.code == cli.DONE
    assert run.err == f"Wrote {target}\n"  # no bar where there is no terminal
    table = {cells[0]: cells[1] for line in run.out.splitlines() if len(cells := line.split()) == 2}
    assert table == {"kind": "objects", **{k: str(n) for k, n in EXPECTED.items()}, "all": str(sum(EXPECTED.values()))}
    assert dbx.Catalog.load(target).counts() == EXPECTED


def test_discover_as_json(run: Run) -> None:
    document = run("discover", "--json", "--depth", "columns", "--catalog", "prod", "--no-notebooks").json
    assert run.code == cli.DONE
    assert run.out.isascii()
    assert document["complete"] is True
    assert document["provenance"]["depth"] == "columns"
    found = {row["full_name"]: row for row in document["objects"]}
    assert {row["catalog"] for row in document["objects"]} == {None, "prod"}
    assert set(found) & sample.full_names()["notebook"] == set()
    assert found["prod.gold.revenue_daily"]["object_type"] == "MATERIALIZED_VIEW"
    assert "日次売上" in found["prod.gold.revenue_daily"]["comment"]
    assert found["prod.gold.orders"]["columns"][0]["name"] == "order_id"
    assert found["prod.gold.orders"]["created_at"].startswith("20")


def test_discover_of_a_catalog_that_is_not_there_is_incomplete(run: Run) -> None:
    run("discover", "--catalog", "prod", "--catalog", "no_such", "--no-notebooks", "--json")
    assert run.code == cli.INCOMPLETE
    assert run.json["complete"] is False
    assert "no_such: error: No such catalog" in run.err


def test_discover_shows_how_far_it_is_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    assert run("discover", "--json").json["complete"] is True
    assert "calls" in run.err


def test_a_live_preview_equals_that_of_a_snapshot(run: Run, snapshot: Path) -> None:
    filters = ("--allow-catalogs", "^prod", "--deny-schemas", r"\.(tmp|_tmp)", "--json", "--list", "all")
    live = run("preview", *filters).json
    stored = run("preview", "--snapshot", snapshot, *filters, connect=False).json
    assert live["counts"] == stored["counts"]
    assert live["objects"] == stored["objects"]
    assert live["counts"]["catalog"] == {"included": 2, "excluded": EXPECTED["catalog"] - 2}


def test_the_way_from_options_to_asset_keys(run: Run, snapshot: Path, tmp_path: Path) -> None:
    document = tmp_path / "connection.yaml"
    run(
        "export",
        "--name",
        "lakehouse",
        "--allow-catalogs",
        "^prod$",
        "--allow-notebooks",
        "^/Shared/Q3",
        "--output",
        document,
    )
    assert run.code == cli.DONE
    assert run("discover", "--config", document, "--json", connect=False).json["counts"] == EXPECTED
    keys = run("export", "--config", document, "--snapshot", snapshot, "--format", "asset-keys", connect=False).json
    config = dbx.ConnectionConfig.load(document)
    assert keys == config.asset_keys(config.preview(dbx.Catalog.load(snapshot)))
    assert ["lakehouse", "prod", "gold", "orders"] in keys
    assert ["lakehouse", "prod_mumbai", "gold", "orders"] not in keys
    assert ["lakehouse", "notebooks", "Shared", "Q3 Überblick", "Umsätze – final"] in keys


def test_no_secret_is_shown(run: Run, demo_workspace: DemoWorkspace) -> None:
    shown = [
        run(*arguments) and run.out + run.err for arguments in (["check"], ["discover"], ["export", "--name", "x"])
    ]
    assert demo_workspace.token not in "".join(shown)
