"""From an object to its asset spec: made valid, nothing lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet, UriMetadataSet
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore.dagster_sync.translate import (
    DatabricksObject,
    Stale,
    asset_spec,
    group_name,
    included_objects,
    label,
    without_collisions,
)

URL = "https://dbc-1234abcd-56ef.cloud.databricks.com"
WHEN = datetime(2024, 5, 6, 7, 8, tzinfo=UTC)


def table(**fields: Any) -> DatabricksObject:
    plain = {"kind": "table", "catalog": "prod", "schema": "gold", "name": "orders", "full_name": "prod.gold.orders"}
    return DatabricksObject(**(plain | fields))


def notebook(path: str, **fields: Any) -> DatabricksObject:
    return DatabricksObject("notebook", None, None, path.rpartition("/")[2], path, **fields)


def test_a_table(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    columns = [
        {"name": "id", "type": "bigint", "nullable": False, "comment": "key"},
        {"name": "na me", "type": None, "nullable": None, "comment": None},
    ]
    found = table(
        object_type="MANAGED",
        format="DELTA",
        owner="ann@example.com",
        comment="All orders",
        created_at=WHEN,
        columns=columns,
    )
    spec = asset_spec(found, make_config())
    assert spec.key == dg.AssetKey(["databricks_unity_catalog", "prod", "gold", "orders"])
    assert spec.group_name == "databricks_unity_catalog"
    assert spec.description == "All orders"
    assert spec.owners == ["ann@example.com"]
    assert spec.kinds == {"databricks", "table", "delta"}
    metadata = TableMetadataSet.extract(spec.metadata)
    assert metadata.table_name == "prod.gold.orders"
    assert spec.metadata["dagster/storage_kind"] == "databricks"
    assert metadata.column_schema == dg.TableSchema(
        [
            dg.TableColumn("id", "bigint", "key", dg.TableColumnConstraints(nullable=False)),
            dg.TableColumn("na me", "unknown"),
        ]
    )
    assert spec.metadata["dbxexplore/created_at"] == dg.MetadataValue.timestamp(WHEN)
    assert "dbxexplore/updated_at" not in spec.metadata


def test_a_view_with_its_definition(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    spec = asset_spec(table(kind="view", object_type="MATERIALIZED_VIEW", definition="SELECT 1"), make_config())
    assert spec.kinds == {"databricks", "view", "materialized_view"}
    assert spec.metadata["dbxexplore/view_definition"] == dg.MetadataValue.md("```sql\nSELECT 1\n```")
    assert asset_spec(table(kind="view", object_type="VIEW"), make_config()).kinds == {"databricks", "view"}


@pytest.mark.parametrize("sql", ["SELECT '```'", "```", "a\n````\n# not a heading", "`"])
def test_the_sql_of_a_view_stays_inside_its_block(make_config: Callable[..., dbx.ConnectionConfig], sql: str) -> None:
    text = asset_spec(table(kind="view", definition=sql), make_config()).metadata["dbxexplore/view_definition"].value
    fence, _, rest = text.partition("sql\n")
    assert set(fence) == {"`"}
    assert rest == f"{sql}\n{fence}"
    assert fence not in sql


def test_a_notebook(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    spec = asset_spec(notebook("/Shared/Q3 Überblick/a#b", object_type="PYTHON"), make_config())
    assert spec.key.path == ["databricks_unity_catalog", "notebooks", "Shared", "Q3 Überblick", "a#b"]
    assert spec.kinds == {"databricks", "notebook", "python"}
    assert "dagster/table_name" not in spec.metadata


def test_a_row_carries_its_link(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    rows = [
        {"kind": "table", "catalog": "prod", "schema": "gold", "name": "orders", "full_name": "prod.gold.orders"},
        {"kind": "notebook", "name": "a#b", "full_name": "/Shared/Q3 Überblick/a#b"},
    ]
    preview = make_config().preview(dbx.Catalog.from_frame(pd.DataFrame(rows)))
    found = {
        row.kind: UriMetadataSet.extract(asset_spec(row, make_config()).metadata).uri
        for row in included_objects(preview, workspace_url=URL)
    }
    assert found == {
        "table": f"{URL}/explore/data/prod/gold/orders",
        "notebook": f"{URL}/#workspace/Shared/Q3%20%C3%9Cberblick/a%23b",
    }
    assert not any("dagster/uri" in asset_spec(row, make_config()).metadata for row in included_objects(preview))


@pytest.mark.parametrize(
    ("owner", "owners", "tag"),
    [
        ("ann@example.com", ["ann@example.com"], None),
        ("data-eng", ["team:data-eng"], None),
        ("account users", ["team:account users"], None),
        ("team:x", ["team:x"], None),
        ("01234567-89ab-cdef-0123-456789abcdef", [], "01234567-89ab-cdef-0123-456789abcdef"),
        ("örjan@exämple.se", [], "_rjan_ex_mple.se"),
        (" ", [], None),
        ("", [], None),
        (None, [], None),
    ],
)
def test_owners(
    make_config: Callable[..., dbx.ConnectionConfig], owner: str | None, owners: list[str], tag: str | None
) -> None:
    spec = asset_spec(table(owner=owner), make_config())
    assert spec.owners == owners
    assert spec.tags.get("dbxexplore/owner") == tag
    assert spec.metadata.get("dbxexplore/owner") == owner


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("databricks_unity_catalog", "databricks_unity_catalog"),
        ("my-conn", "my_conn"),
        ("Größe 1", "Gr__e_1"),
        ("表", "databricks"),
    ],
)
def test_a_group_is_made_valid_and_the_key_keeps_the_name(
    make_config: Callable[..., dbx.ConnectionConfig], name: str, group: str
) -> None:
    spec = asset_spec(table(), make_config(name=name))
    assert spec.group_name == group_name(name) == group
    assert spec.key.path[0] == name
    assert spec.metadata["dbxexplore/connection"] == name


def test_a_label() -> None:
    assert label("PII: très secret") == "PII_tr_s_secret"
    assert len(label("n" * 255)) == 63


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)


@given(name=texts, owner=texts, kind=texts, schema=texts)
def test_dagster_takes_whatever_databricks_has(name: str, owner: str, kind: str, schema: str) -> None:
    settings = dbx.ConnectionSettings(URL)
    config = dbx.ConnectionConfig(name="c", settings=settings)
    found = table(
        name=name, schema=schema, full_name=f"prod.{schema}.{name}", owner=owner, object_type=kind, format=kind
    )
    spec = asset_spec(found, config)
    assert spec.key.path == ["c", "prod", schema, name]
    assert spec.metadata["dbxexplore/owner"] == owner
    assert len(spec.kinds) <= 3
    assert dg.Definitions(assets=[spec]).get_repository_def().asset_graph.get_all_asset_keys() == {spec.key}


def test_what_is_stale_says_so(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    spec = asset_spec(table(stale=Stale("prod", "denied", "No USE CATALOG.", WHEN)), make_config())
    assert spec.tags["dbxexplore/stale"] == "denied"
    assert spec.metadata["dbxexplore/stale"] == (
        "prod could not be listed (denied): No USE CATALOG. This is as it was before. Last seen 2024-05-06 07:08 UTC."
    )


def test_ten_thousand_columns(make_config: Callable[..., dbx.ConnectionConfig]) -> None:
    columns = [{"name": f"c{i}", "type": "int", "nullable": True, "comment": None} for i in range(10_000)]
    spec = asset_spec(table(columns=columns), make_config())
    held = TableMetadataSet.extract(spec.metadata).column_schema
    assert held is not None
    assert [column.name for column in held.columns] == [f"c{i}" for i in range(10_000)]


def test_objects_that_share_a_key_share_an_asset_that_names_them_all(
    make_config: Callable[..., dbx.ConnectionConfig],
    make_catalog: Callable[..., dbx.Catalog],
    caplog: pytest.LogCaptureFixture,
) -> None:
    config = make_config()
    catalog = make_catalog(("table", "notebooks", "a", "b"), ("notebook", None, None, "/a/b"), ("table", "p", "q", "r"))
    found = included_objects(config.preview(catalog))
    specs = without_collisions((one, asset_spec(one, config)) for one in found)
    assert [spec.key.path[1:] for spec in specs] == [["notebooks", "a", "b"], ["p", "q", "r"]]
    assert specs[0].metadata["dbxexplore/shared_with"].data == ["notebook '/a/b'"]
    assert specs[0].kinds == {"databricks", "table"}
    assert "table 'notebooks.a.b' and notebook '/a/b' both have the asset key" in caplog.text
    assert "Rename one of them" in caplog.text
    assert len(dg.Definitions(assets=specs).get_repository_def().asset_graph.get_all_asset_keys()) == 2
