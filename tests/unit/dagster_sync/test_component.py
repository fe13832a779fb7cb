"""The component from its state to its definitions, without a workspace."""

from __future__ import annotations

import json
import logging
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import dagster as dg
import pandas as pd
import pytest
from dagster.components.testing import create_defs_folder_sandbox
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.catalog import schema
from dbxexplore.dagster_sync import DatabricksConnectionComponent, DatabricksObject
from dbxexplore.discovery.state import State

MakeConfig = Callable[..., dbx.ConnectionConfig]
MakeCatalog = Callable[..., dbx.Catalog]


def keys_of(defs: dg.Definitions) -> set[tuple[str, ...]]:
    return {tuple(key.path) for key in defs.resolve_asset_graph().get_all_asset_keys()}


def inline(config: dbx.ConnectionConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", exclude_none=True)


def component_of(config: dbx.ConnectionConfig, cls: type = DatabricksConnectionComponent) -> Any:
    return cls(connection=inline(config))


def definitions(component: Any, catalog: dbx.Catalog, folder: Path, **state: Any) -> dg.Definitions:
    State(catalog, **state).save(folder / "state")
    context = dg.ComponentTree.for_test().load_context
    return component.build_defs_from_state(context, folder / "state")


# --- the promise: what the preview shows is what is defined ---

names = st.sampled_from(["prod", "dev", "prod_mumbai", "gold", "tmp", "a.b", "Ünï", "with space", "notebooks"])
rows = st.one_of(
    st.tuples(st.just("catalog"), st.none(), st.none(), names),
    st.tuples(st.just("schema"), names, st.none(), names),
    st.tuples(st.sampled_from(["table", "view"]), names, names, names),
    st.tuples(
        st.just("notebook"),
        st.none(),
        st.none(),
        st.lists(names, min_size=1, max_size=3).map(lambda p: "/" + "/".join(p)),
    ),
)
patterns = st.builds(
    dbx.Patterns,
    allow=st.lists(st.sampled_from([".*", "prod", "^prod$", "gold", ".*o.*", "/"]), max_size=2),
    deny=st.lists(st.sampled_from(["tmp", ".*_mumbai", "^dev", "prod.gold", "/prod"]), max_size=2),
)
filters = st.builds(
    dbx.Filters, catalogs=patterns, schemas=patterns, tables=patterns, views=patterns, notebooks=patterns
)


def frame_of(found: list[tuple[str, str | None, str | None, str]]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            (kind, c, s, n.rpartition("/")[2], n)
            if kind == "notebook"
            else (kind, c, s, n, ".".join(part for part in (c, s, n) if part is not None))
            for kind, c, s, n in found
        ],
        columns=["kind", "catalog", "schema", "name", "full_name"],
    )


@given(
    found=st.lists(rows, max_size=25, unique=True),
    chosen=filters,
    dialect=st.sampled_from(["datahub", "openmetadata", "strict"]),
)
def test_the_keys_are_those_of_the_preview(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], chosen: dbx.Filters, dialect: str
) -> None:
    settings = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com")
    config = dbx.ConnectionConfig(name="conn", settings=settings, filters=chosen, dialect=dbx.Dialect.named()[dialect])
    catalog = dbx.Catalog.from_frame(frame_of(found))
    defs = definitions(component_of(config), catalog, tmp_path_factory.mktemp("state"))
    assert keys_of(defs) == {tuple(key) for key in config.asset_keys(config.preview(catalog))}


def test_an_edited_filter_takes_effect_without_another_discovery(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path
) -> None:
    catalog = make_catalog(("table", "prod", "s", "t"), ("table", "dev", "s", "t"))
    for name in ("prod", "dev"):
        config = make_config(filters=dbx.Filters(catalogs=dbx.Patterns([f"^{name}$"])))
        assert keys_of(definitions(component_of(config), catalog, tmp_path)) == {
            ("databricks_unity_catalog", name, "s", "t")
        }


def test_an_empty_selection_is_no_asset_and_no_error(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    config = make_config(filters=dbx.Filters(catalogs=dbx.Patterns([]), notebooks=dbx.Patterns([])))
    assert keys_of(definitions(component_of(config), small_catalog, tmp_path)) == set()


def test_an_empty_selection_says_what_to_do(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(filters=dbx.Filters(catalogs=dbx.Patterns(["^nothing$"]), notebooks=dbx.Patterns([])))
    definitions(component_of(config), small_catalog, tmp_path)
    assert (
        "The filters of the connection 'databricks_unity_catalog' exclude all 4 tables, views and notebooks"
    ) in caplog.text
    assert "dbxexplore preview" in caplog.text


def test_a_workspace_that_shows_nothing_says_what_to_do(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definitions(component_of(make_config()), make_catalog(), tmp_path)
    assert "contains no tables, views or notebooks" in caplog.text
    assert "USE CATALOG" in caplog.text


@pytest.mark.parametrize("name", ["lake", "databricks_unity_catalog", "my-conn", "a.b", "n" * 100])
def test_a_plain_name_is_in_the_key_of_the_state_as_it_is(make_config: MakeConfig, name: str) -> None:
    key = component_of(make_config(name=name)).defs_state_config.key
    assert key == f"DatabricksConnectionComponent[{name}]"


def test_no_two_connections_share_a_state(make_config: MakeConfig, tmp_path: Path) -> None:
    # As Dagster makes a folder of a key, and as file systems compare names that may hold 255 bytes.
    names = [
        "Süd",
        "Sùd",
        "S-_d",
        "S__d",
        "S d",
        "S-d",
        "表",
        "图",
        "n" * 255,
        "n" * 254,
        "表" * 100,
        "a/b",
        "a:b",
        "[x]",
    ]
    keys = [component_of(make_config(name=name)).defs_state_config.key for name in names]
    folders = [re.sub(r"[^A-Za-z0-9._-]", "__", key) for key in keys]
    assert len(set(folders)) == len(names)
    for folder in folders:
        (tmp_path / folder).mkdir()
    assert keys[0].startswith("DatabricksConnectionComponent[S_d-")
    assert component_of(make_config(name="Süd")).defs_state_config.key == keys[0]


def test_no_state_yet_says_how_to_get_one(make_config: MakeConfig, caplog: pytest.LogCaptureFixture) -> None:
    context = dg.ComponentTree.for_test().load_context
    assert keys_of(component_of(make_config()).build_defs_from_state(context, None)) == set()
    assert "dg utils refresh-defs-state" in caplog.text


def test_an_asset_can_be_made_differently(make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    class Ours(DatabricksConnectionComponent):
        def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec:
            return super().get_asset_spec(row).replace_attributes(group_name=row.schema or "notebooks")

    defs = definitions(component_of(make_config(), Ours), small_catalog, tmp_path)
    groups = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    assert groups == {"gold", "notebooks"}


def test_what_an_override_makes_and_dagster_refuses_is_not_used(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Ours(DatabricksConnectionComponent):
        def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec | None:
            if row.name == "daily":
                return None
            spec = super().get_asset_spec(row)
            assert spec is not None
            wrong = {"orders": {"group_name": "my-schema"}, "customers": {"owners": ["nobody"]}}.get(row.name)
            return spec.replace_attributes(**(wrong or {"group_name": "ours"}))

    defs = definitions(component_of(make_config(), Ours), small_catalog, tmp_path)
    groups = {spec.key.path[-1]: spec.group_name for spec in defs.resolve_all_asset_specs()}
    own = "databricks_unity_catalog"
    assert {name: groups.pop(name) for name in ("orders", "customers")} == {"orders": own, "customers": own}
    assert set(groups.values()) == {"ours"}
    assert "daily" not in groups
    for name in ("orders", "customers"):
        assert f"Dagster does not take what the translation makes of table 'prod.gold.{name}'" in caplog.text


def test_a_translation_that_never_works_is_an_error(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    class Ours(DatabricksConnectionComponent):
        def get_asset_spec(self, row: DatabricksObject) -> dg.AssetSpec:
            return dg.AssetSpec(row.name, group_name="my-group")

    with pytest.raises(dg.DagsterInvalidDefinitionError, match="my-group"):
        definitions(component_of(make_config(), Ours), small_catalog, tmp_path)


def test_a_derived_class_keeps_the_state_of_its_connection(make_config: MakeConfig) -> None:
    class Renamed(DatabricksConnectionComponent): ...

    keys = {
        component_of(make_config(), kind).defs_state_config.key for kind in (DatabricksConnectionComponent, Renamed)
    }
    assert len(keys) == 1


def test_assets_are_translated_as_in_other_components(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    text = """
type: dbxexplore.dagster_sync.DatabricksConnectionComponent
attributes:
  connection_file: connection.yaml
  freshness: false
  translation:
    key_prefix: [warehouse]
    group_name: "{{ row.schema or 'notebooks' }}"
    description: "{{ row.kind }} {{ row.full_name }}, as it was: {{ spec.key.path[-1] }}"
    tags:
      team: "{{ 'sales' if row.schema == 'gold' else 'other' }}"
"""
    with create_defs_folder_sandbox() as sandbox:
        folder = sandbox.defs_folder_path / "lake"
        folder.mkdir(parents=True)
        make_config().save(folder / "connection.yaml")
        (folder / "defs.yaml").write_text(text, encoding="utf-8")
        with sandbox.load_component_and_build_defs(defs_path=folder) as (component, _):
            made = definitions(component, small_catalog, tmp_path)
    specs = {spec.key.path[-1]: spec for spec in made.resolve_all_asset_specs()}
    orders = specs["orders"]
    assert orders.key.path == ["warehouse", "databricks_unity_catalog", "prod", "gold", "orders"]
    assert orders.group_name == "gold"
    assert orders.description == "table prod.gold.orders, as it was: orders"
    assert orders.tags["team"] == "sales"
    assert orders.tags["dbxexplore/catalog"] == "prod", "what is not named stays"


def test_notebooks_that_the_state_lacks_are_told_of(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definitions(component_of(make_config()), small_catalog, tmp_path, notebooks=False)
    assert "include notebooks, but the state was taken without them" in caplog.text


def test_a_group_that_dagster_does_not_take_is_explained(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dbxexplore")
    definitions(component_of(make_config(name="my-conn")), small_catalog, tmp_path)
    assert "'my-conn' is not a valid group name in Dagster, so the group is 'my_conn'" in caplog.text


def test_another_workspace_than_the_states_is_told_of(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(settings=dbx.ConnectionSettings("https://dbc-0000abcd-0000.cloud.databricks.com"))
    definitions(component_of(config), make_catalog(), tmp_path)
    assert "The state is from https://dbc-1234abcd" in caplog.text


# --- a refresh ---


class Fake(DatabricksConnectionComponent):
    """Discovers what it is told to."""

    found: dbx.Catalog

    def discover(self) -> dbx.Catalog:
        return self.found


def other_version(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.json", json.dumps({"format": 0, "tool_version": "0.0"}))
    return path


def fake(config: dbx.ConnectionConfig, found: dbx.Catalog) -> Fake:
    component = Fake(connection=inline(config))
    component.found = found
    return component


def test_a_complete_discovery_replaces_a_state_of_another_version(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    path = other_version(tmp_path / "state")
    fake(make_config(), small_catalog).write_state_to_path(path)
    assert len(State.load(path).catalog) == len(small_catalog)


def test_an_incomplete_one_does_not_because_assets_would_be_lost(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path
) -> None:
    path = other_version(tmp_path / "state")
    before = path.read_bytes()
    with pytest.raises(errors.CatalogError, match=r"with their contents cannot be read.*delete the stored state"):
        fake(make_config(), make_catalog(failures=(("prod", "denied", "no"),))).write_state_to_path(path)
    assert path.read_bytes() == before


def test_nothing_is_kept_of_another_workspace(
    make_config: MakeConfig, make_catalog: MakeCatalog, small_frame: pd.DataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "state"
    elsewhere = dbx.Provenance(workspace_url="https://dbc-0000abcd-0000.cloud.databricks.com")
    State(dbx.Catalog.from_table(schema.table_from_frame(small_frame), [], elsewhere)).save(path)
    fake(make_config(), make_catalog(failures=(("prod", "denied", "no"),))).write_state_to_path(path)
    assert len(State.load(path).catalog) == 0


# --- what runs by itself ---

WAREHOUSE = dbx.ConnectionSettings("https://dbc-1234abcd-56ef.cloud.databricks.com", warehouse_id="abc123")


def names_of(defs: dg.Definitions) -> dict[str, list[str]]:
    repository = defs.get_repository_def()
    return {
        "sensors": [sensor.name for sensor in repository.sensor_defs],
        "schedules": [schedule.name for schedule in repository.schedule_defs],
        "checks": sorted(key.asset_key.path[-1] for key in repository.asset_graph.asset_check_keys),
    }


def test_without_a_warehouse_there_are_no_checks(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    defs = definitions(component_of(make_config()), small_catalog, tmp_path)
    assert names_of(defs) == {"sensors": ["databricks_unity_catalog_freshness"], "schedules": [], "checks": []}


@pytest.mark.parametrize(
    ("attributes", "sensors", "checks"),
    [
        ({}, ["databricks_unity_catalog_freshness"], ["customers", "daily", "orders"]),
        ({"schema_checks": False}, ["databricks_unity_catalog_freshness"], []),
        ({"freshness": False}, [], []),
    ],
)
def test_with_a_warehouse_a_sensor_watches_tables_and_views(  # noqa: PLR0913, PLR0917 - fixtures and cases
    make_config: MakeConfig,
    small_catalog: dbx.Catalog,
    tmp_path: Path,
    attributes: dict[str, Any],
    sensors: list[str],
    checks: list[str],
) -> None:
    component = DatabricksConnectionComponent(connection=inline(make_config(settings=WAREHOUSE)), **attributes)
    found = names_of(definitions(component, small_catalog, tmp_path))
    assert found == {"sensors": sensors, "schedules": [], "checks": checks}


def test_an_empty_selection_has_no_sensor(make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    config = make_config(settings=WAREHOUSE, filters=dbx.Filters(catalogs=dbx.Patterns([])))
    assert names_of(definitions(component_of(config), small_catalog, tmp_path))["sensors"] == []


@pytest.mark.parametrize("warehouse", [WAREHOUSE, None])
def test_the_sensor_is_stopped_and_says_what_it_needs(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, warehouse: dbx.ConnectionSettings | None
) -> None:
    config = make_config(**({"settings": warehouse} if warehouse else {}))
    component = DatabricksConnectionComponent(connection=inline(config), freshness_interval=3600)
    (sensor,) = definitions(component, small_catalog, tmp_path).get_repository_def().sensor_defs
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    assert sensor.minimum_interval_seconds == 15, "it is the look that waits, so that one of many ticks is not slow"
    said = sensor.description or ""
    assert "every 3600 seconds once it is switched on" in said
    assert ("starts the SQL warehouse" in said) == (warehouse is not None)
    assert ("over REST" in said) == (warehouse is None)


def test_a_view_is_virtual_and_a_materialized_view_is_not(
    make_config: MakeConfig, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    kinds = {"v": "VIEW", "m": "MATERIALIZED_VIEW", "t": "MANAGED"}
    rows = [
        {"kind": "table" if of == "MANAGED" else "view", "catalog": "c", "schema": "s", "name": name}
        | {"full_name": f"c.s.{name}", "object_type": of}
        for name, of in kinds.items()
    ]
    component = component_of(make_config())
    defs = definitions(component, dbx.Catalog.from_frame(pd.DataFrame(rows)), tmp_path)
    assert {spec.key.path[-1]: spec.is_virtual for spec in defs.resolve_all_asset_specs()} == {
        "v": True,
        "m": False,
        "t": False,
    }
    assert not [one for one in recwarn if issubclass(one.category, dg.PreviewWarning)], "nobody can act on it"


@pytest.mark.parametrize(
    ("own", "given", "cron", "zone"),
    [
        (dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"), None, "0 6 * * *", "Europe/Berlin"),
        (dbx.Schedule(cron="0 6 * * *", timezone="Europe/Berlin"), "0 7 * * *", "0 7 * * *", "Europe/Berlin"),
        (None, "0 7 * * *", "0 7 * * *", "UTC"),
    ],
)
def test_the_state_is_refreshed_on_a_schedule(  # noqa: PLR0913, PLR0917 - fixtures and cases
    make_config: MakeConfig,
    small_catalog: dbx.Catalog,
    tmp_path: Path,
    own: dbx.Schedule | None,
    given: str | None,
    cron: str,
    zone: str,
) -> None:
    plain = inline(make_config(name="my-conn", schedule=own))
    component = DatabricksConnectionComponent(connection=plain, refresh_schedule=given)
    (schedule,) = definitions(component, small_catalog, tmp_path).get_repository_def().schedule_defs
    assert (schedule.cron_schedule, schedule.execution_timezone) == (cron, zone)
    assert schedule.name.startswith("my_conn_")


def test_two_connections_live_in_one_project(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    schedule = dbx.Schedule(cron="@daily")
    made = []
    for name in ("my-conn", "my_conn", "my conn"):
        config = make_config(name=name, settings=WAREHOUSE, schedule=schedule)
        made.append(definitions(component_of(config), small_catalog, tmp_path))
    assert len(names_of(dg.Definitions.merge(*made))["sensors"]) == 3


def test_names_that_are_no_python_names_have_checks_too(
    make_config: MakeConfig, make_catalog: MakeCatalog, tmp_path: Path
) -> None:
    odd = ["a-b", "a_b", "a.b", "white space", "it's", "Größe", "表", "🦆", "percent%20"]
    catalog = make_catalog(*(("table", "prod", "s", name) for name in odd))
    found = names_of(definitions(component_of(make_config(name="c 1", settings=WAREHOUSE)), catalog, tmp_path))
    assert found["checks"] == sorted(odd)


def test_lineage_that_the_state_lacks_is_told_of(
    make_config: MakeConfig, small_catalog: dbx.Catalog, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    definitions(component_of(make_config(settings=WAREHOUSE)), small_catalog, tmp_path)
    assert "The state contains no lineage. Refresh it" in caplog.text


# --- YAML ---


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "neither connection_file nor connection is given. Expected one of"),
        ({"connection_file": "missing.yaml"}, "missing.yaml' cannot be read: No such file"),
        ({"connection_file": "a", "connection": {"version": 1}}, "both are given"),
        ({"connection": {"version": 2}}, "key 'attributes.connection.version': the version is 2"),
        ({"connection": {"nope": 1}}, "key 'attributes.connection.nope': unknown key. Expected one of version, name"),
        ({"lineage_days": 0}, "key 'attributes.lineage_days': lineage_days is 0. Expected a whole number"),
        ({"freshness_interval": -5}, "key 'attributes.freshness_interval': freshness_interval is -5"),
        ({"refresh_schedule": "at six"}, "key 'attributes.refresh_schedule': 'at six' is not a cron expression"),
        ({"defs_state": {"management_type": "LEGACY_CODE_SERVER_SNAPSHOTS"}}, "keeps no earlier state"),
    ],
)
def test_a_mistake_in_the_yaml_is_told(make_config: MakeConfig, attributes: dict[str, Any], message: str) -> None:
    plain = inline(make_config())
    if set(attributes) & {"defs_state", "lineage_days", "freshness_interval", "refresh_schedule"}:
        attributes = {**attributes, "connection": plain}
    elif set(attributes) == {"connection"}:
        attributes = {"connection": plain | attributes["connection"]}
    with create_defs_folder_sandbox() as sandbox:
        contents = {"type": "dbxexplore.dagster_sync.DatabricksConnectionComponent", "attributes": attributes}
        path = sandbox.scaffold_component(DatabricksConnectionComponent, defs_yaml_contents=contents)
        with (
            pytest.raises(Exception, match="Error while loading") as caught,
            sandbox.load_component_and_build_defs(path),
        ):
            pass
    assert message in str(caught.value.__cause__)


def test_a_secret_in_the_document_is_not_quoted(make_config: MakeConfig, canary: str) -> None:
    document = inline(make_config())
    document["settings"]["auth"]["env_var"] = canary
    component = DatabricksConnectionComponent(connection=document)
    with pytest.raises(errors.ConfigError) as caught:
        _ = component.config
    assert canary not in str(caught.value)


def test_a_pattern_that_looks_like_a_template_is_a_pattern(make_config: MakeConfig) -> None:
    config = make_config(name="🦆 duck", filters=dbx.Filters(tables=dbx.Patterns(["a{{2}", "{% x %}", "{# y #}"])))
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(DatabricksConnectionComponent)
        (path / "defs.yaml").write_text(dbx.export.component_yaml(config))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABRICKS_CONNECTION_TOKEN", "x")
            with sandbox.load_component_and_build_defs(path) as (component, _):
                assert component.config == config


def test_the_document_may_stand_beside_or_in_a_python_file(make_config: MakeConfig, tmp_path: Path) -> None:
    config = make_config()
    path = config.save(tmp_path / "c.yaml")
    assert DatabricksConnectionComponent(connection_file=path).config == config
    assert DatabricksConnectionComponent(connection=inline(config)).config == config


# --- scaffolding ---


def test_scaffolding_writes_a_document_and_the_yaml_that_names_it(make_config: MakeConfig, tmp_path: Path) -> None:
    source = make_config(name="exported").save(tmp_path / "c.yaml")
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            DatabricksConnectionComponent, "lake", scaffold_params={"document": str(source)}
        )
        with sandbox.load_component_and_build_defs(path) as (component, _):
            assert component.config == make_config(name="exported")
        before = (path / "connection.yaml").read_text()
        with pytest.raises(click.ClickException, match="exists already"):
            sandbox.scaffold_component(DatabricksConnectionComponent, "lake")
        assert (path / "connection.yaml").read_text() == before
        with sandbox.load_component_and_build_defs(
            sandbox.scaffold_component(DatabricksConnectionComponent, "new")
        ) as (
            component,
            _,
        ):
            assert component.config.name == "new"


def test_scaffolding_writes_what_it_is_told(make_config: MakeConfig) -> None:
    params = {
        "workspace_url": "https://adb-1.azuredatabricks.net",
        "token_variable": "LAKE_TOKEN",
        "warehouse_id": "a1",
    }
    with create_defs_folder_sandbox() as sandbox:
        path = sandbox.scaffold_component(
            DatabricksConnectionComponent, "lake", scaffold_params={**params, "catalogs": "prod, a.b"}
        )
        with sandbox.load_component_and_build_defs(path) as (component, _):
            assert component.config == make_config(
                name="lake",
                settings=dbx.ConnectionSettings(
                    "https://adb-1.azuredatabricks.net", dbx.TokenAuth("LAKE_TOKEN"), warehouse_id="a1"
                ),
                filters=dbx.Filters(catalogs=dbx.Patterns(["^prod$", r"^a\.b$"])),
            )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"token_variable": "dapi0123456789abcdef0123456789abcdef"}, "what looks like the secret itself"),
        ({"document": "nope.yaml"}, "'nope.yaml' cannot be read: No such file or directory."),
        ({"workspace_url": "nonsense"}, "'nonsense' is not a workspace URL"),
    ],
)
def test_scaffolding_that_cannot_be_done_leaves_no_folder(params: dict[str, str], message: str) -> None:
    with create_defs_folder_sandbox() as sandbox:
        with pytest.raises(click.ClickException) as caught:
            sandbox.scaffold_component(DatabricksConnectionComponent, "lake", scaffold_params=params)
        assert message in caught.value.format_message()
        assert not (sandbox.defs_folder_path / "lake").exists()
        assert sandbox.defs_folder_path.is_dir()


# --- the schema of the attributes ---


def test_the_schema_names_the_keys_that_the_document_has() -> None:
    model = DatabricksConnectionComponent.get_model_cls()
    assert model is not None
    connection = model.model_json_schema()["properties"]["connection"]["anyOf"][0]
    keys = connection["properties"]
    settings, (filters, _) = keys["settings"], keys["filters"]["anyOf"]
    schedule, _ = keys["schedule"]["anyOf"]
    patterns = filters["properties"]["tables"]["anyOf"][0]
    for path, found in (
        (["x"], keys),
        (["settings", "x"], settings["properties"]),
        (["filters", "x"], filters["properties"]),
        (["filters", "tables", "x"], patterns["properties"]),
        (["schedule", "x"], schedule["properties"]),
    ):
        assert set(found) == set(dbx.ConnectionConfig.keys_beside(path)), path
