"""Discovery through a SQL warehouse finds what discovery over REST finds, and falls back to it where it cannot."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from databricks.sdk import WorkspaceClient
from simulator import Catalog, Faults, Schema, Simulator, Table, Workspace, described, generated
from simulator import truth_of as truth_of_catalog
from simulator.server import TOKEN, Answer

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.connection import WorkspaceApi
from dbxexplore.discovery import retry, sql, statements, warehouse
from dbxexplore.discovery.statements import quoted

if TYPE_CHECKING:
    from dbxexplore.demo import DemoWorkspace

pytestmark = pytest.mark.integration

VARIABLE = "SIMULATOR_TOKEN"
TABLES = "/api/2.1/unity-catalog/tables"
SUMMARIES = "/api/2.1/unity-catalog/table-summaries"
STATEMENTS = "/api/2.0/sql/statements"


@pytest.fixture(autouse=True)
def _setting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(VARIABLE, TOKEN)
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_least_wait", lambda _error: 0.0)
    monkeypatch.setattr(statements, "_POLLS", (0.01,))
    monkeypatch.setattr(warehouse, "_POLL", 0.01)


def simulated(workspace: Workspace | None = None, **faults: Any) -> Simulator:
    return Simulator(workspace or described(), Faults(**faults))


def discover(simulator: Simulator, warehouse: str | None = "running01", **options: Any) -> dbx.Catalog:
    settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE), warehouse_id=warehouse)
    return dbx.discover(settings, **options)


def failures(catalog: dbx.Catalog) -> set[tuple[str, str]]:
    return set(catalog.failures[["scope", "reason"]].astype(object).itertuples(index=False, name=None))


def warehouses(workspace: Workspace) -> Workspace:
    workspace.warehouses = {"running01": "RUNNING", "stopped01": "STOPPED"}
    return workspace


# --- the same objects ---


@pytest.mark.parametrize("depth", ["summary", "details", "columns"])
@pytest.mark.parametrize("chunk_length", [1000, 7])
def test_the_same_objects_as_over_rest(depth: str, chunk_length: int) -> None:
    with simulated(chunk_length=chunk_length, statement_polls=1) as simulator:
        rest = discover(simulator, strategy="rest", depth=depth)
        before = simulator.record.paths.copy()
        sql = discover(simulator, depth=depth)
        calls = simulator.record.paths - before
    assert sql.complete
    assert sql.provenance.strategy == "sql"
    assert rest.provenance.strategy == "rest"
    assert truth_of_catalog(sql) == simulator.workspace.truth(browse_tables=False)
    same = rest.objects["full_name"].isin(sql.objects["full_name"])
    assert set(rest.objects[~same]["full_name"]) == (set() if depth == "summary" else {"main.browse.hidden"})
    pd.testing.assert_frame_equal(
        sql.objects.drop(columns="browse_only"),
        rest.objects[same].drop(columns="browse_only").reset_index(drop=True),
    )
    tables = sql.objects[(sql.objects["kind"] == "table") & (sql.objects["catalog"] != "only browsed")]
    assert tables["browse_only"].isna().all()
    assert calls[TABLES] == 1  # of the schema that can only be browsed
    assert calls[SUMMARIES] == (depth == "summary")  # of the catalog that is empty
    assert calls[STATEMENTS] == (3 if depth == "columns" else 2)
    assert "does not report tables that are closed to it or can only be browsed" in sql.provenance.notes[0]
    assert "The catalog only browsed was listed over REST: some of it may only be browsed." in sql.provenance.notes
    assert "The catalog empty was listed over REST: information_schema does not list it." in sql.provenance.notes


@pytest.mark.parametrize("depth", ["summary", "details", "columns"])
def test_results_that_are_too_large_come_through_links_without_the_credential(
    depth: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with simulated(inline_rows=3, chunk_length=7, statement_polls=1) as simulator:
        rest = discover(simulator, strategy="rest", depth=depth)
        sql = discover(simulator, depth=depth)
        downloads = [path for path in simulator.record.paths if path.startswith("/storage/")]
        assert simulator.record.wrong_credentials == 0
    assert sql.complete
    assert sql.provenance.strategy == "sql"
    assert len(downloads) > 2
    assert truth_of_catalog(sql) == simulator.workspace.truth(browse_tables=False)
    if depth == "columns":
        same = rest.objects["full_name"].isin(sql.objects["full_name"])
        assert sql.objects["columns"].equals(rest.objects[same]["columns"].reset_index(drop=True))
    assert "GET /api/2.1/unity-catalog/catalogs" in caplog.text  # calls were logged, but not the signed links
    assert "signature" not in caplog.text + repr(vars(sql.provenance))


def test_where_the_storage_is_closed_the_rest_is_listed_over_rest(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with simulated(inline_rows=3, storage_status=403) as simulator:
        catalog = discover(simulator, depth="details")
        assert truth_of_catalog(catalog) == simulator.workspace.truth()
    assert catalog.complete
    notes = " ".join(catalog.provenance.notes)
    assert "answered 403" in notes
    assert "signature" not in notes + caplog.text


@pytest.mark.parametrize(
    "url", ["http://192.0.2.1/x?signature=secret", "file:///etc/passwd", "ftp://x/y", "", "https://[secret"]
)
def test_a_link_to_elsewhere_is_followed_over_https_alone(url: str) -> None:
    with simulated() as simulator:
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE))
        calls = WorkspaceApi(settings, timeout=5, connections=1)
        with pytest.raises(errors.WorkspaceError, match="which is not followed") as caught:
            calls.download(url)
    assert "secret" not in str(caught.value)


def test_a_link_that_is_not_an_address_is_not_reached() -> None:
    with simulated() as simulator:
        settings = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE))
        calls = WorkspaceApi(settings, timeout=5, connections=1)
        with pytest.raises(errors.UnreachableError) as caught:
            calls.download(f"https://{'secret' * 50_000}")
    assert "secret" not in str(caught.value)


def test_named_catalogs_are_asked_one_by_one() -> None:
    names = ["it's", "back`tick", "main"]
    with simulated() as simulator:
        sql = discover(simulator, catalogs=[*names, "nowhere"], notebooks=False)
        rest = discover(simulator, catalogs=[*names, "nowhere"], notebooks=False, strategy="rest")
        sent = simulator.api.warehouses.statements
    assert truth_of_catalog(sql) == truth_of_catalog(rest)
    assert failures(sql) == failures(rest) == {("nowhere", "error")}
    assert any("FROM `back``tick`.information_schema.tables" in text for text in sent)
    assert not any("`system`" in text for text in sent)


def test_many_named_catalogs_are_asked_for_at_once() -> None:
    with simulated(warehouses(generated(catalogs=12, schemas=2, tables=2))) as simulator:
        catalog = discover(simulator, catalogs=[f"catalog_{n:03d}" for n in range(10)], notebooks=False)
        assert len(simulator.api.warehouses.statements) == 2
    assert catalog.counts() == {"catalog": 10, "schema": 20, "table": 40, "view": 0, "notebook": 0}


@pytest.mark.parametrize(
    "name", ["plain", "back`tick", "``", "a.b", "it's", 'double"quoted', "; DROP TABLE x --", "表"]
)
def test_a_name_stays_one_identifier(name: str) -> None:
    text = quoted(name)
    assert text[0] == text[-1] == "`"
    assert text[1:-1].replace("``", "") == name.replace("`", "")
    assert text[1:-1].replace("``", "`") == name


def test_a_workspace_client_as_the_source() -> None:
    with simulated() as simulator:
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        catalog = dbx.discover(client, warehouse_id="running01")
        assert dbx.discover(client).provenance.strategy == "rest"
    assert catalog.provenance.strategy == "sql"


def test_what_is_not_in_information_schema_is_listed_over_rest() -> None:
    workspace = warehouses(generated(catalogs=3, schemas=3, tables=4))
    with simulated(workspace, sql_unlisted={"catalog_001"}) as simulator:
        catalog = discover(simulator, depth="details")
        assert simulator.record.paths[TABLES] == 3
    assert catalog.complete
    assert truth_of_catalog(catalog) == workspace.truth()
    assert any("catalog_001 was listed over REST" in note for note in catalog.provenance.notes)


def test_a_catalog_that_is_closed_is_a_failure() -> None:
    workspace = warehouses(generated(catalogs=3, schemas=3, tables=4))
    with simulated(workspace, denied={"catalog_001"}) as simulator:
        catalog = discover(simulator)
    assert failures(catalog) == {("catalog_001", "denied")}
    assert truth_of_catalog(catalog) == workspace.truth(without=["catalog_001"])


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_day(seed: int) -> None:
    day = {"rate_429": 0.1, "rate_503": 0.1, "rate_500": 0.05, "rate_reset": 0.1, "rate_truncated": 0.1}
    workspace = warehouses(generated(catalogs=4, schemas=10, tables=30))
    with simulated(workspace, seed=seed, chunk_length=50, **day) as simulator:
        catalog = discover(simulator, depth="columns")
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.complete
    assert catalog.provenance.strategy == "sql"
    columns = catalog.objects.loc[catalog.objects["kind"] == "table", "columns"]
    assert {len(held) for held in columns} == {8}
    assert [column["name"] for column in columns.iloc[0]] == [f"column_{n}" for n in range(8)]


# --- the warehouse ---


def test_a_stopped_warehouse_is_started_with_a_notice() -> None:
    seen: list[dbx.Progress] = []
    with simulated(warehouse_polls=30) as simulator:
        catalog = discover(simulator, "stopped01", progress=seen.append)
    assert catalog.complete
    assert catalog.provenance.strategy == "sql"
    assert any(
        "The SQL warehouse stopped01 was not running and was started" in note for note in catalog.provenance.notes
    )
    assert any("the SQL warehouse is st" in str(progress) for progress in seen)
    assert "warehouse" not in str(seen[-1])


@pytest.mark.parametrize(
    ("warehouse", "faults", "said"),
    [
        ("nowhere", {}, "No warehouse nowhere"),
        ("stopped01", {"denied": {"/api/2.0/sql/warehouses/stopped01/start"}}, "does not allow this"),
        ("running01", {"denied": {"/api/2.0/sql/statements"}}, "does not allow this"),
        ("running01", {"broken": {"/api/2.0/sql/statements": 400}}, "cannot be reached"),
        ("running01", {"broken": {"/api/2.0/sql/statements": 500}}, "cannot be reached"),
        ("running01", {"broken": {"/api/2.0/sql/warehouses/running01": 404}}, "cannot be reached"),
    ],
)
def test_rest_is_the_fallback(warehouse: str, faults: Any, said: str) -> None:
    with simulated(**faults) as simulator:
        catalog = discover(simulator, warehouse, depth="details")
    assert truth_of_catalog(catalog) == simulator.workspace.truth()
    assert catalog.complete
    assert catalog.provenance.strategy == "rest"
    (note,) = [note for note in catalog.provenance.notes if "Listed over REST" in note]
    assert said in note


def test_a_warehouse_that_never_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "PATIENCE", 0.1)
    with simulated(warehouse_polls=10_000) as simulator:
        catalog = discover(simulator, "stopped01")
    assert catalog.complete
    assert any("still starting" in note for note in catalog.provenance.notes)


def test_a_deleted_warehouse() -> None:
    workspace = described()
    workspace.warehouses = {"old": "DELETED"}
    with simulated(workspace) as simulator:
        catalog = discover(simulator, "old")
    assert catalog.complete
    assert any("the warehouse is deleted" in note for note in catalog.provenance.notes)


# --- statements that fail ---


def test_a_statement_that_fails_is_split_by_catalog() -> None:
    workspace = warehouses(generated(catalogs=3, schemas=3, tables=4))
    with simulated(workspace, statement_fails={"system": "result is larger than 25 MiB"}) as simulator:
        catalog = discover(simulator, depth="details")
        assert simulator.record.paths[TABLES] == 0
        assert len(simulator.api.warehouses.statements) == 2 + 3 * 2
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.complete


def test_a_catalog_whose_statement_fails_is_listed_over_rest() -> None:
    workspace = warehouses(generated(catalogs=3, schemas=3, tables=4))
    fails = {"system": "too large", "catalog_002": "result is larger than 25 MiB"}
    with simulated(workspace, statement_fails=fails) as simulator:
        catalog = discover(simulator, depth="details")
        assert simulator.record.paths[TABLES] == 3
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.provenance.strategy == "sql"
    assert any("catalog_002 was listed over REST: result is larger than 25 MiB" in n for n in catalog.provenance.notes)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"statement_truncated": True}, "cut short"),
        ({"repeat_chunk": True, "chunk_length": 3}, "repeats a chunk"),
        ({"rows_lost": 1}, "was to have"),
    ],
)
def test_a_result_that_is_not_whole_is_not_used(fault: Any, said: str) -> None:
    workspace = warehouses(generated(catalogs=2, schemas=3, tables=4))
    with simulated(workspace, **fault) as simulator:
        catalog = discover(simulator, depth="details")
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.complete
    assert catalog.provenance.strategy == "rest"
    assert any(said in note for note in catalog.provenance.notes)


@pytest.mark.parametrize("total", [True, False])
def test_a_result_that_never_ends_is_not_used(monkeypatch: pytest.MonkeyPatch, total: bool) -> None:
    monkeypatch.setattr(statements, "_MOST_CHUNKS", 20)

    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        if not target.startswith(STATEMENTS):
            return answer
        document = json.loads(answer.body)
        chunk = document.get("result", document)
        chunk["next_chunk_index"] = chunk.get("chunk_index", 0) + 1
        if not total and "manifest" in document:
            del document["manifest"]["total_row_count"]
        return replace(answer, body=json.dumps(document).encode())

    workspace = warehouses(generated(catalogs=2, schemas=3, tables=4))
    with simulated(workspace) as simulator:
        simulator.api.alter = alter
        catalog = discover(simulator, depth="details")
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.complete
    assert catalog.provenance.strategy == "rest"
    assert any("does not end" in note for note in catalog.provenance.notes)


def test_a_schema_that_only_rest_lists_is_listed_over_rest() -> None:
    workspace = warehouses(generated(catalogs=2, schemas=3, tables=4))
    with simulated(workspace, denied={"catalog_001.schema_0001"}) as simulator:
        closed = discover(simulator, depth="details")
    assert failures(closed) == {("catalog_001.schema_0001", "denied")}
    assert truth_of_catalog(closed) == workspace.truth(without=["catalog_001.schema_0001"])
    assert closed.provenance.strategy == "sql"
    assert "1 of the schemas of catalog_001 were listed over REST" in " ".join(closed.provenance.notes)


def test_text_of_a_stored_result_that_is_not_utf_8_is_replaced_and_a_note_says_so() -> None:
    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        is_stored = target.startswith("/storage/")
        return replace(answer, body=answer.body.replace(b"A VIEW", b"A\xed\xa0\xbdVI")) if is_stored else answer

    with simulated(inline_rows=3) as simulator:
        simulator.api.alter = alter
        catalog = discover(simulator, depth="details")
        assert truth_of_catalog(catalog) == simulator.workspace.truth(browse_tables=False)
    assert catalog.provenance.strategy == "sql"
    assert catalog.objects.set_index("full_name")["comment"]["main.types.t_view"].startswith("A\ufffd")
    assert any(note.startswith("Text in a result was not valid Unicode") for note in catalog.provenance.notes)


@pytest.mark.parametrize("state", ["null", "7", '["RUNNING"]', '"WONDERING"', "{}"])
def test_a_warehouse_in_no_known_state_is_not_waited_for(state: str) -> None:
    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        is_look = target.startswith("/api/2.0/sql/warehouses/")
        return replace(answer, body=answer.body.replace(b'"RUNNING"', state.encode())) if is_look else answer

    with simulated() as simulator:
        simulator.api.alter = alter
        catalog = discover(simulator, depth="details")
        assert truth_of_catalog(catalog) == simulator.workspace.truth()
    assert catalog.complete
    assert any("in no state that is known" in note for note in catalog.provenance.notes)


def test_too_many_catalogs_to_split() -> None:
    workspace = warehouses(generated(catalogs=70, schemas=1, tables=1))
    with simulated(workspace, statement_fails={"system": "too large"}) as simulator:
        catalog = discover(simulator)
        assert len(simulator.api.warehouses.statements) == 2
    assert truth_of_catalog(catalog) == workspace.truth()


def test_catalogs_that_cannot_be_listed() -> None:
    with simulated(denied={"/api/2.1/unity-catalog/catalogs"}) as simulator:
        everything = discover(simulator)
        named = discover(simulator, catalogs=["main"], notebooks=False)
    assert failures(everything) == {("metastore", "denied")}
    assert failures(named) == {("metastore", "denied")}
    assert "main.types.t_managed" in set(named.objects["full_name"])


def test_names_and_comments_of_a_workspace_are_data() -> None:
    evil = "`; DROP CATALOG main; --"
    tables = [Table(evil, comment="<script>", columns=((evil, "struct<a:int>"), ("", "x")))]
    workspace = warehouses(Workspace([Catalog(evil, [Schema(evil, tables)])]))
    with simulated(workspace) as simulator:
        catalog = discover(simulator, depth="columns", catalogs=[evil])
        assert len(simulator.api.warehouses.statements) == 3
    assert truth_of_catalog(catalog) == workspace.truth()
    assert catalog.provenance.strategy == "sql"
    assert [column["name"] for column in catalog.objects["columns"].dropna().iloc[0]] == [evil, ""]


def test_cancel_while_a_statement_runs() -> None:
    cancel = threading.Event()
    with simulated(statement_polls=100_000) as simulator:

        def stop() -> None:
            simulator.wait_until(lambda record: record.total > 60)
            cancel.set()

        thread = threading.Thread(target=stop)
        thread.start()
        catalog = discover(simulator, cancel=cancel)
        thread.join()
    assert not catalog.complete
    assert failures(catalog) == {("metastore", "cancelled")}


def test_an_expired_token_ends_it() -> None:
    with simulated(expired_after=0) as simulator, pytest.raises(errors.UnauthorizedError):
        discover(simulator)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strategy": "jdbc"}, "rest, sql"),
        ({"strategy": "sql", "warehouse": None}, "warehouse_id"),
        ({"warehouse_id": "no/../id"}, "is not a warehouse ID"),
        ({"progress": 3}, "progress is 3"),
    ],
)
def test_wrong_arguments(options: Any, said: str) -> None:
    with simulated() as simulator:
        with pytest.raises(errors.SettingsError, match=said):
            discover(simulator, **{"warehouse": "running01", **options})
        assert simulator.record.total == 0


# --- minilake ---

# Its information_schema is DuckDB's: every relation is a BASE TABLE, external Delta tables are not in it, each
# database has a schema `main`, and there are neither owners nor times.
DUCKDB_SCHEMAS = {"main", "information_schema", "pg_catalog"}


@pytest.fixture(scope="module")
def demo_settings(demo_workspace: DemoWorkspace) -> dbx.ConnectionSettings:
    settings = dbx.ConnectionSettings(demo_workspace.url, dbx.TokenAuth(demo_workspace.token_env_var))
    calls = WorkspaceApi(settings, timeout=30, connections=1)
    made = calls.post("/api/2.0/sql/warehouses", {"name": "for the SQL strategy", "cluster_size": "Small"})
    calls.close()
    return dbx.ConnectionSettings(settings.workspace_url, settings.auth, warehouse_id=str(made["id"]))


@pytest.mark.parametrize(
    ("depth", "catalogs"), [("summary", None), ("details", ["prod", "Legacy_CRM"]), ("columns", ["dev"])]
)
def test_minilake_gives_the_same_objects_either_way(
    demo_settings: dbx.ConnectionSettings, depth: Any, catalogs: Any
) -> None:
    rest = dbx.discover(demo_settings, strategy="rest", depth=depth, catalogs=catalogs)
    sql = dbx.discover(demo_settings, strategy="sql", depth=depth, catalogs=catalogs)
    pd.testing.assert_frame_equal(sql.objects, rest.objects)
    assert sql.complete
    assert any("could not be used" in note for note in sql.provenance.notes)


def test_minilakes_information_schema_read_as_it_is(
    demo_settings: dbx.ConnectionSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_STANDARD_TYPE", "no such type")
    rest = dbx.discover(demo_settings, strategy="rest", depth="details")
    over_sql = dbx.discover(demo_settings)
    assert over_sql.provenance.strategy == "sql"
    assert over_sql.complete
    external = rest.objects["object_type"] == "EXTERNAL"
    assert names(over_sql.objects) == names(rest.objects[~external])


def names(objects: pd.DataFrame) -> set[tuple[str, ...]]:
    """Catalog, schema and name of what is in Unity Catalog, with tables and views as one."""
    of_duckdb = (objects["kind"] == "schema") & objects["name"].isin(DUCKDB_SCHEMAS)
    held = objects[(objects["kind"] != "notebook") & ~of_duckdb]
    kinds = held["kind"].astype(str).replace("view", "table")
    return set(zip(kinds, held["catalog"].astype(str), held["schema"].astype(str), held["name"], strict=True))
