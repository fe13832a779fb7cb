"""What is left off where there is more metadata than Dagster loads, measured in what Dagster itself sends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from dagster._core.remote_representation.external_data import RepositorySnap
from dagster_shared.serdes import serialize_value

import dbxexplore as dbx
from dbxexplore.dagster_sync import DatabricksConnectionComponent
from dbxexplore.dagster_sync.budget import COLUMN_COUNT, message_budget, within_budget
from dbxexplore.dagster_sync.translate import COLUMN_SCHEMA, LONGEST_TYPE, VIEW_DEFINITION, DatabricksObject, asset_spec
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage
from dbxexplore.discovery.state import State

MakeConfig = Callable[..., dbx.ConnectionConfig]
MakeCatalog = Callable[..., dbx.Catalog]
WAREHOUSE = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com", warehouse_id="abc123")


def columns(count: int, kind: str = "bigint", comment: str | None = None) -> list[dict[str, object]]:
    return [{"name": f"column_{at}", "type": kind, "nullable": True, "comment": comment} for at in range(count)]


def definitions(config: dbx.ConnectionConfig, catalog: dbx.Catalog, folder: Path, **state: Any) -> dg.Definitions:
    State(catalog, **state).save(folder / "state")
    component = DatabricksConnectionComponent(connection=config.model_dump(mode="json", exclude_none=True))
    return component.build_defs_from_state(dg.ComponentTree.for_test().load_context, folder / "state")


def sent(defs: dg.Definitions) -> int:
    """Return the bytes of the message that a code location of these definitions sends."""
    return len(serialize_value(RepositorySnap.from_def(defs.get_repository_def(), defer_snapshots=True)))


def tables(make_catalog: MakeCatalog, count: int, **values: object) -> dbx.Catalog:
    return make_catalog(*(("table", "prod", "gold", f"t{at:04}") for at in range(count)), **values)


@pytest.fixture
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_GRPC_MAX_RX_BYTES", "2000000")


@pytest.mark.usefixtures("_small_limit")
@pytest.mark.parametrize(
    "held",
    [
        columns(60),
        columns(60, "struct<" + "a:bigint," * 600 + ">"),
        columns(60, comment="Größe " * 1000),
        columns(60, comment='"\n' * 250),
    ],
)
def test_what_is_sent_is_within_the_limit_and_no_asset_is_lost(
    make_config: MakeConfig,
    make_catalog: MakeCatalog,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    held: list[dict[str, object]],
) -> None:
    catalog = tables(make_catalog, 200, columns=[held[: 1 + at % 60] for at in range(200)])
    defs = definitions(make_config(), catalog, tmp_path)
    assert sent(defs) <= 1_600_000
    specs = {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}
    assert len(specs) == 200
    whole = {name for name, spec in specs.items() if COLUMN_SCHEMA in spec.metadata}
    assert whole
    assert {name: spec.metadata.get(COLUMN_COUNT) for name, spec in specs.items()} == {
        f"t{at:04}": None if f"t{at:04}" in whole else 1 + at % 60 for at in range(200)
    }
    smallest_without = min(1 + int(name[1:]) % 60 for name in set(specs) - whole)
    assert max(1 + int(name[1:]) % 60 for name in whole) <= smallest_without, "the largest ones go first"
    (told,) = [record.getMessage() for record in caplog.records if "more than Dagster loads" in record.getMessage()]
    assert f"{200 - len(whole)} of them go without their columns" in told
    assert "DAGSTER_GRPC_MAX_RX_BYTES" in told
    again = {
        tuple(s.key.path[-1:])
        for s in definitions(make_config(), catalog, tmp_path).resolve_all_asset_specs()
        if COLUMN_SCHEMA in s.metadata
    }
    assert again == {(name,) for name in whole}


@pytest.mark.parametrize("name", ["orders", "Größe 🦆" * 8])
@pytest.mark.parametrize("settings", [WAREHOUSE, dbx.ConnectionSettings(WAREHOUSE.workspace_url)])
def test_the_estimate_is_what_dagster_sends_or_somewhat_more(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path, name: str, settings: dbx.ConnectionSettings
) -> None:
    rows = [("view", "prod", name, f"{name}{at}") for at in range(40)]
    pairs = [dict(zip(TABLE_LINEAGE.names, (*rows[at][1:], *rows[at + 1][1:]), strict=True)) for at in range(39)]
    traced = [
        {**pair, "source_column": f"column_{at}", "target_column": f"column_{at}"} for pair in pairs for at in range(9)
    ]
    lineage = Lineage(pa.Table.from_pylist(pairs, TABLE_LINEAGE), pa.Table.from_pylist(traced, COLUMN_LINEAGE))
    catalog = make_catalog(
        *rows,
        columns=[columns(9, comment='a "b"')] * 40,
        owner=["data-eng@example.com"] * 40,
        comment=["Loaded nightly\n"] * 40,
        definition=["SELECT 1\nFROM x -- ß\n" * 20] * 40,
    )
    defs = definitions(make_config(settings=settings), catalog, tmp_path, lineage=lineage)
    size = sent(defs)
    specs = list(defs.resolve_all_asset_specs())
    assert within_budget(specs, int(size * 1.25)) == specs, "the estimate is far more than what is sent"
    assert within_budget(specs, int(size * 0.97)) != specs, "the estimate is less than what is sent"


@pytest.mark.usefixtures("_small_limit")
def test_the_sql_of_views_goes_last(make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path) -> None:
    rows = [("view", "prod", "gold", f"v{at}") for at in range(150)]
    catalog = make_catalog(*rows, columns=[columns(3)] * 150, definition=["SELECT 1 -- " + "x" * 50_000] * 150)
    defs = definitions(make_config(), catalog, tmp_path)
    assert sent(defs) <= 1_600_000
    specs = list(defs.resolve_all_asset_specs())
    assert not any(COLUMN_SCHEMA in spec.metadata for spec in specs)
    views = [spec.metadata[VIEW_DEFINITION].value for spec in specs if VIEW_DEFINITION in spec.metadata]
    assert 20 < len(views) < 150
    assert all(20_000 < len(text) < 20_100 for text in views)


@pytest.mark.usefixtures("_small_limit")
def test_more_assets_than_dagster_loads_are_all_there_and_told_of(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    defs = definitions(make_config(), tables(make_catalog, 1000), tmp_path)
    assert len(list(defs.resolve_all_asset_specs())) == 1000
    assert "the code location may not load" in caplog.text


def test_what_fits_is_left_as_it_is(make_config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    found = DatabricksObject("table", "prod", "gold", "t", "prod.gold.t", columns=columns(3))
    specs = [asset_spec(found, make_config())]
    caplog.set_level(logging.INFO)
    assert within_budget(specs, message_budget()) == specs
    assert not caplog.text


def test_the_budget_follows_dagsters_own_limit_and_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    assert message_budget() == 75_000_000
    assert message_budget(2) == 37_500_000
    monkeypatch.setenv("DAGSTER_GRPC_MAX_RX_BYTES", "500000000")
    assert message_budget() == 75_000_000, "the code server sends no more than before"
    monkeypatch.setenv("DAGSTER_GRPC_MAX_SEND_BYTES", "1000000000")
    assert message_budget() == 375_000_000
    monkeypatch.setenv("DAGSTER_GRPC_MAX_RX_BYTES", "-1")
    assert message_budget() == 750_000_000


def test_a_type_that_is_cut_still_differs_from_another(make_config: MakeConfig) -> None:
    long = "struct<" + "a:bigint," * 600

    def type_of(kind: str) -> str:
        found = DatabricksObject("table", "p", "s", "t", "p.s.t", columns=columns(1, kind, "c" * 600))
        (column,) = asset_spec(found, make_config()).metadata[COLUMN_SCHEMA].columns
        assert column.description == "c" * 499 + "…"
        return str(column.type)

    assert type_of(f"{long}b:int>") != type_of(f"{long}c:int>")
    assert type_of(f"{long}b:int>").startswith(long[: LONGEST_TYPE - 1] + "…")
    assert type_of("x" * LONGEST_TYPE) == "x" * LONGEST_TYPE
