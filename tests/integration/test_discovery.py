"""Discovery through the real SDK over real HTTP: everything that is there, and every scope that could not be seen."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Never

import pandas as pd
import pytest
from databricks.sdk import WorkspaceClient
from simulator import (
    Catalog,
    Faults,
    Notebook,
    Schema,
    Simulator,
    Table,
    Workspace,
    described,
    folder_tree,
    generated,
    truth_of,
)
from simulator.server import CATALOGS, Answer, error

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery import enrich, notebooks, retry

pytestmark = pytest.mark.integration

DEPTHS = ("summary", "details", "columns")
VARIABLE = "SIMULATOR_TOKEN"


@pytest.fixture(autouse=True)
def _no_other_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABRICKS_HOST", "DATABRICKS_TOKEN", "DATABRICKS_CONFIG_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def discover(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dbx.Catalog]:
    def run(simulator: Simulator, **options: Any) -> dbx.Catalog:
        monkeypatch.setenv(VARIABLE, simulator.token)
        return dbx.discover(dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE)), **options)

    return run


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retries follow at once, so that a bad day passes quickly."""
    monkeypatch.setattr(retry, "_FIRST_WAIT", 0.01)
    monkeypatch.setattr(retry, "_least_wait", lambda _error: 0.0)


def simulated(workspace: Workspace = None, **faults: Any) -> Simulator:
    return Simulator(workspace or described(), Faults(**faults))


def failures(catalog: dbx.Catalog) -> set[tuple[str, str]]:
    return {
        (scope, reason) for scope, reason in zip(catalog.failures["scope"], catalog.failures["reason"], strict=True)
    }


# --- what is there ---


@pytest.mark.parametrize("depth", DEPTHS)
def test_everything_is_found_once(discover: Callable[..., dbx.Catalog], depth: str) -> None:
    with simulated() as simulator:
        catalog = discover(simulator, depth=depth)
    assert truth_of(catalog) == simulator.workspace.truth(browse_tables=depth != "summary")
    assert catalog.complete
    assert simulator.record.wrong_credentials == 0
    assert simulator.record.max_concurrency <= 16


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_frame_is_sorted_and_typed(discover: Callable[..., dbx.Catalog], depth: str) -> None:
    with simulated() as simulator:
        objects = discover(simulator, depth=depth).objects
    assert list(objects.index) == list(range(len(objects)))
    for _, names in objects.groupby("kind", observed=True)["full_name"]:
        assert list(names) == sorted(names)
    assert ("columns" in objects.columns) == (depth == "columns")
    tables = objects[objects["kind"] == "table"]
    for column in ("owner", "format", "created_at", "updated_at"):
        assert tables[column].isna().all() if depth == "summary" else tables[column].notna().all()
    assert str(objects["created_at"].dtype) == "datetime64[ns, UTC]"
    if depth != "summary":
        assert tables["created_at"].iloc[0] == pd.Timestamp(1_700_000_000_000, unit="ms", tz="UTC")


def test_columns(discover: Callable[..., dbx.Catalog]) -> None:
    columns = (("id", "bigint"), ("na me", "struct<a:int>"))
    workspace = Workspace([Catalog("c", [Schema("s", [Table("t", columns=columns)])])])
    with simulated(workspace) as simulator:
        objects = discover(simulator, depth="columns").objects
    assert list(objects.set_index("full_name").loc["c.s.t", "columns"]) == [
        {"name": "id", "type": "bigint", "nullable": False, "comment": None},
        {"name": "na me", "type": "struct<a:int>", "nullable": True, "comment": None},
    ]


def test_an_unknown_type_keeps_its_text(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        objects = discover(simulator).objects.set_index("full_name")
    assert objects.loc["main.types.t_quantum_table", "object_type"] == "QUANTUM_TABLE"
    assert objects.loc["main.types.t_quantum_table", "kind"] == "table"
    assert objects.loc["main.types.t_metric_view", "kind"] == "table"
    assert objects.loc["main.types.t_materialized_view", "kind"] == "view"


def test_browse_only(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        summary = discover(simulator).objects.set_index("full_name")["browse_only"]
        details = discover(simulator, depth="details").objects.set_index("full_name")["browse_only"]
    assert details["main.browse.hidden"]
    assert details["only browsed"]
    assert details["only browsed.s"]
    assert not details["main.browse.readable"]
    assert "main.browse.hidden" not in summary.index
    assert pd.isna(summary["main.browse.readable"])  # a summary does not tell
    assert summary["only browsed"]
    assert summary["only browsed.s.t"]


BROWSED = [
    Catalog("closed", [Schema("s", [Table("t")])], browse_only=True),
    Catalog("half", [Schema("open", [Table("t"), Table("v", "VIEW", browse_only=True)]), Schema("shut", [Table("t")], browse_only=True)]),
    Catalog("dots", [Schema("a.b", [Table("c.d"), Table("hidden", browse_only=True)], browse_only=True)]),
    Catalog("open", [Schema("s", [Table("t"), Table("v", "VIEW")])]),
]  # fmt: skip


@pytest.mark.parametrize("options", [{}, {"depth": "details"}, {"warehouse_id": "running01"}])
@pytest.mark.parametrize("faults", [{}, {"page_length": 1, "summaries_page_length": 1}, {"summaries": 404}])
def test_what_may_only_be_browsed_is_found_at_every_depth(
    discover: Callable[..., dbx.Catalog], options: Any, faults: Any
) -> None:
    workspace = Workspace(BROWSED, warehouses={"running01": "RUNNING"})
    with simulated(workspace, **faults) as simulator:
        catalog = discover(simulator, **options)
    assert truth_of(catalog) == workspace.truth()
    assert catalog.complete
    flags = catalog.objects.set_index("full_name")["browse_only"]
    for name in ("closed", "closed.s", "closed.s.t", "half.shut", "half.shut.t", "half.open.v", "dots.a.b.hidden"):
        assert flags[name], name
    assert not flags["half.open.t"]
    shown = [note for note in catalog.provenance.notes if "listed schema by schema" in note]
    assert shown if "depth" not in options and "summaries" not in faults else not (shown and "depth" in options)
    assert all(note.endswith(": closed, dots, half.") for note in shown)


def test_a_catalog_that_is_open_keeps_its_summary(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(Workspace(BROWSED)) as simulator:
        discover(simulator)
        assert simulator.record.scopes["open.s"] == 0
        assert simulator.record.scopes["open"] == 2  # schemas and summaries
        assert simulator.record.scopes["closed"] == 1  # schemas


def test_a_browse_flag_that_cannot_be_read_is_taken_for_a_sign(discover: Callable[..., dbx.Catalog]) -> None:
    def alter(_target: str, _body: bytes, answer: Answer) -> Answer:
        return replace(answer, body=answer.body.replace(b'"browse_only":true', b'"browse_only":"yes"'))

    with simulated(Workspace(BROWSED)) as simulator:
        simulator.api.alter = alter
        catalog = discover(simulator)
        assert truth_of(catalog) == simulator.workspace.truth()
    assert catalog.complete
    assert pd.isna(catalog.objects.set_index("full_name")["browse_only"]["closed.s.t"])


def test_only_what_is_needed_is_asked_for(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        discover(simulator, depth="details", notebooks=False)
        queries = simulator.record.queries
    tables = "/api/2.1/unity-catalog/tables"
    assert queries[f"{tables} omit_columns"] == queries[f"{tables} max_results"] == simulator.record.paths[tables]
    assert queries[f"{tables} include_browse"] == simulator.record.paths[tables]
    assert not simulator.record.paths["/api/2.0/workspace/list"]


def test_a_summary_takes_few_calls(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(generated(catalogs=4, schemas=50, tables=20)) as simulator:
        catalog = discover(simulator, notebooks=False)
    assert catalog.counts()["table"] + catalog.counts()["view"] == 4000
    assert simulator.record.total == 1 + 4 + 4 + 2  # catalogs, schemas, summaries, and whom and what it is of


def test_provenance(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        catalog = discover(simulator)
        assert catalog.provenance.workspace_url == simulator.url
    assert catalog.provenance.identity == "ada@example.com"
    assert catalog.provenance.metastore == "main-metastore"
    assert catalog.provenance.depth == "summary"
    assert catalog.provenance.strategy == "rest"
    assert any("browse" in note for note in catalog.provenance.notes)


def test_an_empty_workspace(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(Workspace()) as simulator:
        catalog = discover(simulator)
    assert len(catalog) == 0
    assert catalog.complete


def test_two_crawls_compare(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        pd.testing.assert_frame_equal(discover(simulator).objects, discover(simulator).objects)


# --- catalogs= and notebooks ---


def test_some_catalogs(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        catalog = discover(simulator, catalogs=["it's", "empty"], notebooks=False)
    everything = simulator.workspace.truth(browse_tables=False)
    assert truth_of(catalog) == {
        one
        for one in everything
        if one.catalog in {"it's", "empty"} or (one.kind == "catalog" and one.name in {"it's", "empty"})
    }
    assert catalog.complete
    assert simulator.record.scopes["main"] == 0


def test_a_missing_catalog_is_named(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated() as simulator:
        catalog = discover(simulator, catalogs=["main", "nowhere"], notebooks=False)
    assert failures(catalog) == {("nowhere", "error")}
    assert "No such catalog" in catalog.failures["message"][0]
    assert not catalog.complete


def test_named_catalogs_where_none_can_be_listed(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(denied={"/api/2.1/unity-catalog/catalogs"}) as simulator:
        catalog = discover(simulator, catalogs=["main"], notebooks=False)
    assert failures(catalog) == {("metastore", "denied")}
    assert "main.types.t_managed" in set(catalog.objects["full_name"])


def test_no_catalog_can_be_listed(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(denied={"/api/2.1/unity-catalog/catalogs"}) as simulator:
        catalog = discover(simulator)
    assert failures(catalog) == {("metastore", "denied")}
    assert catalog.counts()["notebook"] == 4


def test_roots_and_excluded_folders(discover: Callable[..., dbx.Catalog]) -> None:
    folders = {
        "/": ["/Users", "/Repos", "/Shared"],
        "/Users": ["/Users/ada", "/Users/bob"],
        "/Users/ada": [Notebook("/Users/ada/n"), "/Users/ada/Trash"],
        "/Users/ada/Trash": [Notebook("/Users/ada/Trash/n")],
        "/Users/bob": [Notebook("/Users/bob/n")],
        "/Repos": [Notebook("/Repos/n")],
        "/Shared": [Notebook("/Shared/n")],
    }
    with simulated(Workspace(folders=folders)) as simulator:
        some = discover(simulator, exclude_folders=["/Repos", "/Users/*/Trash"])
        below = discover(simulator, roots=["/Users/", "/Users/ada", "/nowhere"])
    assert set(some.objects["full_name"]) == {"/Users/ada/n", "/Users/bob/n", "/Shared/n"}
    assert some.complete
    assert set(below.objects["full_name"]) == {"/Users/ada/n", "/Users/ada/Trash/n", "/Users/bob/n"}
    assert failures(below) == {("/nowhere", "error")}


def test_cycles_and_vanished_folders(discover: Callable[..., dbx.Catalog]) -> None:
    folders = {
        "/": ["/a", "/gone", "/denied"],
        "/a": ["/", "/a", "/a/b", Notebook("/a/n")],
        "/a/b": ["/a"],
        "/denied": [Notebook("/denied/n")],
    }
    with simulated(Workspace(folders=folders), denied={"/denied"}) as simulator:
        catalog = discover(simulator)
    assert list(catalog.objects["full_name"]) == ["/a/n"]
    assert failures(catalog) == {("/gone", "error"), ("/denied", "denied")}
    assert simulator.record.paths["/api/2.0/workspace/list"] == 5


def test_a_folder_that_holds_itself_under_ever_new_paths(discover: Callable[..., dbx.Catalog]) -> None:
    class Endless(dict):
        def get(self, path: str, _default: object = None) -> list[str]:
            return [f"{path.rstrip('/')}/again"]

    with simulated(Workspace(folders=Endless())) as simulator:
        catalog = discover(simulator)
    assert len(catalog.failures) == 1
    assert "holds itself" in catalog.failures["message"][0]


def test_a_tree_of_folders_that_never_ends_is_left(
    discover: Callable[..., dbx.Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(dict):
        def get(self, path: str, _default: object = None) -> list[str]:
            return [f"{path.rstrip('/')}/{number}" for number in range(3)]

    monkeypatch.setattr(notebooks, "_MOST_FOLDERS", 30)
    with simulated(Workspace([Catalog("c")], folders=Endless())) as simulator:
        catalog = discover(simulator)
        assert simulator.record.paths["/api/2.0/workspace/list"] <= 33
    assert not catalog.complete
    assert catalog.failures["message"].str.contains("count as endless").any()
    assert "c" in set(catalog.objects["full_name"])


# --- what is not as documented ---


def altered(old: str, new: str, *, at: str = "") -> Callable[[str, bytes, Answer], Answer]:
    """Return what sends something else in the answers of targets that hold ``at``."""

    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        return replace(answer, body=answer.body.replace(old.encode(), new.encode())) if at in target else answer

    return alter


@pytest.mark.parametrize(
    ("old", "new", "scope"),
    [
        ('"name":"t_view"', '"name":7', "main.types"),
        ('"name":"t_view"', '"x":7', "main.types"),
        ('"table_type":"VIEW"', '"table_type":["VIEW"]', "main.types"),
        ('"name":"types"', '"name":null', "main"),
        ('"path":"/Shared/a.b"', '"path":{}', "/Shared"),
        ('"path":"/Shared/a.b"', '"x":1', "/Shared"),
        ('"path":"/Shared"', '"path":["/Shared"]', "/"),
        ('"object_type":"DIRECTORY"', '"object_type":2', "/"),
        ('"name":"empty","catalog_type"', '"name":false,"catalog_type"', "metastore"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_failure_and_costs_no_other(
    discover: Callable[..., dbx.Catalog], old: str, new: str, scope: str
) -> None:
    with simulated() as simulator:
        simulator.api.alter = altered(old, new)
        catalog = discover(simulator, depth="details")
    assert (scope, "error") in failures(catalog)
    assert "not as documented" in " ".join(catalog.failures["message"])
    assert {"main", "main.types.t_managed", "main.browse.hidden", "it's.s.t"} <= set(
        catalog.objects["full_name"]
    ) or scope == "main"
    assert len(catalog) > 60


@pytest.mark.parametrize(
    "new", ['"full_name":7', '"full_name":null', '"full_name":"main"', '"full_name":"x.y.z"', '"x":1']
)
def test_a_summary_that_cannot_be_read_costs_no_other(discover: Callable[..., dbx.Catalog], new: str) -> None:
    with simulated() as simulator:
        simulator.api.alter = altered('"full_name":"main.types.t_view"', new)
        catalog = discover(simulator)
        expected = simulator.workspace.truth(browse_tables=False)
    assert failures(catalog) == {("main", "error")}
    assert {one.full_name for one in expected - truth_of(catalog)} == {"main.types.t_view"}


def test_half_a_surrogate_pair_is_replaced_and_a_note_says_so(
    discover: Callable[..., dbx.Catalog], tmp_path: Path
) -> None:
    with simulated() as simulator:
        simulator.api.alter = altered("A VIEW", "A duck \\ud83e")
        catalog = discover(simulator, depth="columns", checkpoint=tmp_path / "checkpoint")
        assert truth_of(catalog) == simulator.workspace.truth()
    assert catalog.complete
    assert any(note.startswith("Text in 1 answer was not valid Unicode") for note in catalog.provenance.notes)
    again = dbx.Catalog.load(catalog.save(tmp_path / "c.parquet")).objects.set_index("full_name")
    assert again["comment"]["main.types.t_view"] == "A duck \ufffd"


# --- servers without table summaries ---


@pytest.mark.parametrize("missing", [404, 501, 4040])
def test_without_table_summaries(discover: Callable[..., dbx.Catalog], missing: Any) -> None:
    with simulated(summaries=missing) as simulator:
        catalog = discover(simulator)
    assert truth_of(catalog) == simulator.workspace.truth()
    assert catalog.complete
    assert not catalog.provenance.notes


# --- pages ---


@pytest.mark.parametrize("depth", ["summary", "details"])
@pytest.mark.parametrize("faults", [{}, {"rate_empty": 0.5}, {"rate_empty": 1.0}, {"duplicate_rows": True}])
def test_pages(discover: Callable[..., dbx.Catalog], depth: str, faults: Any) -> None:
    with simulated(page_length=3, summaries_page_length=3, **faults) as simulator:
        catalog = discover(simulator, depth=depth)
    assert truth_of(catalog) == simulator.workspace.truth(browse_tables=depth != "summary")
    assert catalog.complete


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("repeat_token", "sends the same page again"),
        ("ignore_token", "sends the same page again"),
        ("endless_empty", "empty pages in a row"),
    ],
)
def test_a_server_that_pages_for_ever(discover: Callable[..., dbx.Catalog], fault: Any, said: str) -> None:
    workspace = generated(catalogs=2, schemas=2, tables=10)
    scope = "catalog_001.schema_0001"
    with simulated(workspace, page_length=4, **{fault: {scope}}) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
    assert failures(catalog) == {(scope, "error")}
    assert said in catalog.failures["message"][0]
    assert workspace.truth(without=[scope]) <= truth_of(catalog) <= workspace.truth()


def test_ten_thousand_tables_in_a_schema(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=1, schemas=1, tables=10_000)
    with simulated(workspace, page_length=500) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
    assert truth_of(catalog) == workspace.truth()


# --- failures ---


@pytest.mark.parametrize("depth", ["details", "columns"])
def test_denied_schemas_are_exactly_the_failures(discover: Callable[..., dbx.Catalog], depth: str) -> None:
    workspace = generated(catalogs=3, schemas=4, tables=5)
    denied = {"catalog_000.schema_0000", "catalog_001.schema_0003", "catalog_002.schema_0001"}
    with simulated(workspace, denied=denied) as simulator:
        catalog = discover(simulator, depth=depth)
    assert failures(catalog) == {(scope, "denied") for scope in denied}
    assert truth_of(catalog) == workspace.truth(without=denied)
    assert not catalog.complete
    assert "incomplete: 3 catalogs/schemas couldn't be listed" in repr(catalog)


@pytest.mark.parametrize("depth", ["summary", "details"])
@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        ({"denied": {"catalog_001"}}, "denied"),
        ({"broken": {"catalog_001": 400}}, "error"),
        ({"gone": {"catalog_001": 0}}, "error"),
    ],
)
def test_a_catalog_that_cannot_be_listed_costs_its_own_rows_and_one_failure(
    discover: Callable[..., dbx.Catalog], depth: str, faults: Any, reason: Any
) -> None:
    workspace = generated(catalogs=3, schemas=4, tables=5)
    with simulated(workspace, **faults) as simulator:
        catalog = discover(simulator, depth=depth)
    assert failures(catalog) == {("catalog_001", reason)}
    assert truth_of(catalog) == workspace.truth(without=["catalog_001"])


def test_a_catalog_deleted_in_the_middle_costs_one_failure(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=30, tables=2)
    gone = {"catalog_001": 20} | {f"catalog_001.schema_{n:04d}": 20 for n in range(30)}
    with simulated(workspace, gone=gone) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False, max_concurrency=2)
    assert failures(catalog) == {("catalog_001", "error")}
    assert workspace.truth(without=["catalog_001"]) <= truth_of(catalog)


def test_a_schema_deleted_in_the_middle_costs_one_failure(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=5, tables=2)
    with simulated(workspace, gone={"catalog_001.schema_0002": 0}) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
    assert failures(catalog) == {("catalog_001.schema_0002", "error")}
    assert truth_of(catalog) == workspace.truth(without=["catalog_001.schema_0002"])


def test_a_table_dropped_in_the_middle_is_no_failure(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=1, schemas=1, tables=10)
    dropped = "catalog_000.schema_0000.orders_by_region_000009"
    with simulated(workspace, page_length=3, dropped={dropped: 3}) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
    assert catalog.complete
    assert {one.full_name for one in workspace.truth() - truth_of(catalog)} == {dropped}


# --- a bad day ---

BAD_DAY = {
    "rate_429": 0.05,
    "rate_503": 0.05,
    "rate_500": 0.02,
    "rate_502": 0.01,
    "rate_reset": 0.02,
    "rate_truncated": 0.01,
    "rate_html": 0.01,
    "rate_empty": 0.3,
    "ceiling": 20,
}


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("depth", ["summary", "details"])
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_day_loses_nothing(discover: Callable[..., dbx.Catalog], depth: str, seed: int) -> None:
    workspace = generated(catalogs=4, schemas=15, tables=30, folders=20)
    with simulated(workspace, seed=seed, page_length=20, summaries_page_length=100, **BAD_DAY) as simulator:
        catalog = discover(simulator, depth=depth)
    assert truth_of(catalog) == workspace.truth()
    assert catalog.complete
    assert simulator.record.longest_run_of_429 <= 20
    assert sum(simulator.record.statuses.values()) > simulator.record.statuses["200"]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("fault", ["429", "503", "500", "502", "reset", "truncated", "html"])
def test_every_request_fails_twice(discover: Callable[..., dbx.Catalog], fault: Any) -> None:
    workspace = generated(catalogs=2, schemas=2, tables=3, folders=2)
    with simulated(workspace, at_most_in_a_row=2, **{f"rate_{fault}": 1.0}) as simulator:
        catalog = discover(simulator, depth="details")
        assert simulator.record.statuses["200"] * 2 == simulator.record.statuses[
            fault if fault != "html" else "200"
        ] or (fault == "html")
    assert truth_of(catalog) == workspace.truth()
    assert catalog.complete


def test_retry_after_is_honoured(discover: Callable[..., dbx.Catalog]) -> None:
    seen = []
    with simulated(generated(catalogs=1, schemas=1), at_most_in_a_row=1, rate_429=1.0, retry_after=1) as simulator:
        start = time.monotonic()
        discover(simulator, notebooks=False, progress=seen.append)
        elapsed = time.monotonic() - start
    assert elapsed >= 2  # two levels, each refused once
    assert seen[-1].throttled == simulator.record.statuses["429"]


@pytest.mark.usefixtures("hurry")
def test_a_narrow_ceiling_is_kept_to(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=40, tables=2)
    lowest = []
    with simulated(workspace, ceiling=4, latency=0.01) as simulator:
        catalog = discover(
            simulator, depth="details", notebooks=False, progress=lambda progress: lowest.append(progress.concurrency)
        )
    assert truth_of(catalog) == workspace.truth() - workspace.truth(without=["catalog_000", "catalog_001"]) | {
        one for one in workspace.truth() if one.kind == "catalog"
    }
    assert catalog.complete
    assert simulator.record.statuses["429"] < simulator.record.statuses["200"]
    assert min(lowest) <= 8


@pytest.mark.usefixtures("hurry")
def test_patience_ends(discover: Callable[..., dbx.Catalog], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_PATIENCE", 0.5)
    workspace = generated(catalogs=2, schemas=2, tables=3)
    scope = "catalog_001.schema_0001"
    with simulated(workspace, broken={scope: 429}) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
    assert failures(catalog) == {(scope, "throttled")}


@pytest.mark.usefixtures("hurry")
def test_a_scope_that_stays_broken_is_left(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=2, tables=3)
    scope = "catalog_001.schema_0001"
    with simulated(workspace, broken={scope: 500}) as simulator:
        catalog = discover(simulator, depth="details", notebooks=False)
        assert simulator.record.scopes[scope] == 5
    assert failures(catalog) == {(scope, "error")}


# --- the credential ---


@pytest.mark.parametrize("depth", ["summary", "details"])
def test_a_token_that_is_expired_at_the_start(discover: Callable[..., dbx.Catalog], depth: str) -> None:
    with simulated(expired_after=0) as simulator, pytest.raises(errors.UnauthorizedError, match="401"):
        discover(simulator, depth=depth)


def test_a_token_that_expires_in_the_middle(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=200, tables=2)
    with simulated(workspace, expired_after=50, page_length=200) as simulator:
        catalog = discover(simulator, depth="details")
        assert simulator.record.statuses["401"] < 50  # not every scope is tried in vain
    assert set(catalog.failures["reason"]) == {"denied"}
    listed = set(catalog.objects[catalog.objects["schema"].notna()]["schema"])
    assert len(listed) > 0
    assert len(catalog.failures) >= 300
    assert catalog.failures["message"].str.contains("401").all()


ALL_REFUSED = [
    ((401, "UNAUTHENTICATED", "Token is expired"), errors.UnauthorizedError),
    ((403, "PERMISSION_DENIED", "Invalid access token."), errors.UnauthorizedError),
    ((403, "PERMISSION_DENIED", "Token is expiring within 30 seconds. (token expired)"), errors.UnauthorizedError),
    (
        (403, "PERMISSION_DENIED", "Source IP address: 203.0.113.9 is blocked by Databricks IP ACL"),
        errors.IpBlockedError,
    ),
]


@pytest.mark.parametrize(("refusal", "kind"), ALL_REFUSED)
@pytest.mark.parametrize("options", [{}, {"depth": "details"}, {"warehouse_id": "running01"}, {"catalogs": ["main"]}])
def test_what_refuses_every_call_is_raised_at_the_start(
    discover: Callable[..., dbx.Catalog], refusal: Any, kind: Any, options: Any
) -> None:
    with simulated(refused_after=0, refusal=refusal) as simulator, pytest.raises(kind):
        discover(simulator, **options)


@pytest.mark.parametrize(("refusal", "kind"), ALL_REFUSED)
@pytest.mark.parametrize("options", [{}, {"warehouse_id": "running01"}])
def test_what_refuses_every_call_in_the_middle_ends_the_crawl(
    discover: Callable[..., dbx.Catalog], refusal: Any, kind: Any, options: Any
) -> None:
    workspace = generated(catalogs=2, schemas=200, tables=2)
    with simulated(workspace, refused_after=50, refusal=refusal, page_length=200) as simulator:
        catalog = discover(simulator, depth="details", **options)
        assert sum(simulator.record.statuses[status] for status in ("401", "403")) < 50
    assert kind.refuses_all
    assert set(catalog.failures["reason"]) == {"denied"}
    listed = set(catalog.objects.loc[catalog.objects["kind"].isin(["table", "view"]), "schema"])
    assert len(listed) > 0
    assert len(catalog.failures) >= 300


@pytest.mark.parametrize("options", [{}, {"catalogs": ["main"]}])
def test_scopes_that_are_missing_for_the_list_of_catalogs_are_raised(
    discover: Callable[..., dbx.Catalog], options: Any
) -> None:
    def alter(target: str, _body: bytes, answer: Answer) -> Answer:
        message = "Provided OAuth token does not have required scopes: unity-catalog"
        return error(403, "PERMISSION_DENIED", message) if target.startswith(CATALOGS) else answer

    with simulated() as simulator:
        simulator.api.alter = alter
        with pytest.raises(errors.MissingScopesError, match="unity-catalog"):
            discover(simulator, **options)


@pytest.mark.parametrize(
    ("denied", "options"),
    [
        ({CATALOGS, "/"}, {}),
        ({CATALOGS}, {"notebooks": False}),
        ({CATALOGS, "main", "/"}, {"catalogs": ["main"]}),
        ({CATALOGS, "/Shared", "/Users"}, {"roots": ["/Shared", "/Users"]}),
    ],
)
def test_where_nothing_is_allowed_the_refusal_is_raised(
    discover: Callable[..., dbx.Catalog], denied: Any, options: Any
) -> None:
    with simulated(denied=denied) as simulator, pytest.raises(errors.ForbiddenError, match="does not allow this"):
        discover(simulator, **options)


def test_blocked_by_ip(discover: Callable[..., dbx.Catalog]) -> None:
    with simulated(ip_blocked=True) as simulator, pytest.raises(errors.IpBlockedError, match="IP address"):
        discover(simulator)


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("faults", [{"html_status": 200}, {"plain_json": [1]}, {"plain_json": {"catalogs": 3}}])
def test_not_a_workspace(discover: Callable[..., dbx.Catalog], faults: Any) -> None:
    with simulated(**faults) as simulator, pytest.raises(errors.NotDatabricksError):
        discover(simulator)


def test_an_unknown_host_fails_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "x" * 10)
    start = time.monotonic()
    with pytest.raises(errors.UnknownHostError):
        dbx.discover(dbx.ConnectionSettings("https://dbc-1.cloud.databricks.invalid", dbx.TokenAuth(VARIABLE)))
    assert time.monotonic() - start < 60


def test_a_workspace_client_as_the_source() -> None:
    with simulated() as simulator:
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        catalog = dbx.discover(client)
    assert truth_of(catalog) == simulator.workspace.truth(browse_tables=False)
    assert simulator.record.wrong_credentials == 0


def test_a_workspace_client_beside_other_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    with simulated() as simulator:
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        _set_conflicting(monkeypatch)
        catalog = dbx.discover(client)
        assert catalog.provenance.workspace_url == simulator.url
    assert truth_of(catalog) == simulator.workspace.truth(browse_tables=False)
    assert simulator.record.wrong_credentials == 0


def test_settings_beside_other_credentials(
    discover: Callable[..., dbx.Catalog], monkeypatch: pytest.MonkeyPatch
) -> None:
    _set_conflicting(monkeypatch)
    with simulated() as simulator:
        catalog = discover(simulator)
        client = dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE)).workspace_client()
        assert client.config.host == simulator.url
        assert client.current_user.me().user_name == "ada@example.com"
        assert [c.name for c in client.catalogs.list(include_browse=True)] == [
            c.name for c in simulator.workspace.catalogs
        ]
    assert catalog.complete
    assert simulator.record.wrong_credentials == 0


def _set_conflicting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "DATABRICKS_HOST": "https://other.cloud.databricks.com",
        "DATABRICKS_TOKEN": "dapi" + "0" * 32,
        "DATABRICKS_CLIENT_ID": "other",
        "DATABRICKS_CLIENT_SECRET": "dose" + "0" * 32,
        "DATABRICKS_CONFIG_PROFILE": "other",
        "DATABRICKS_AUTH_TYPE": "oauth-m2m",
        "DATABRICKS_ACCOUNT_ID": "other",
        "ARM_CLIENT_ID": "other",
    }.items():
        monkeypatch.setenv(name, value)


# --- stopping ---


def test_cancel_keeps_what_is_there(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=100, tables=2)
    cancel = threading.Event()
    with simulated(workspace, hung={"catalog_001.schema_0050"}, latency=0.02) as simulator:
        stopper = threading.Thread(target=_set_when, args=(simulator, 60, cancel))
        stopper.start()
        catalog = discover(simulator, depth="details", cancel=cancel)
        stopped = time.monotonic()
        stopper.join()
    assert stopped - stopper.at < 30
    _check_cancelled(catalog, workspace)


def test_cancel_while_nothing_answers(discover: Callable[..., dbx.Catalog]) -> None:
    cancel = threading.Event()
    with simulated(silent=True) as simulator:
        stopper = threading.Thread(target=_set_when, args=(simulator, 1, cancel))
        stopper.start()
        catalog = discover(simulator, cancel=cancel)
        stopped = time.monotonic()
        stopper.join()
    assert stopped - stopper.at < 30
    assert failures(catalog) == {("metastore", "cancelled"), ("/", "cancelled")}


def _set_when(simulator: Simulator, requests: Any, cancel: Any) -> None:
    simulator.wait_until(lambda record: record.total >= requests)
    threading.current_thread().at = time.monotonic()
    cancel.set()


def _check_cancelled(catalog: dbx.Catalog, workspace: Workspace) -> None:
    assert not catalog.complete
    assert set(catalog.failures["reason"]) == {"cancelled"}
    found = truth_of(catalog)
    assert found < workspace.truth()
    # Each scope is either listed or a failure, and none is both.
    listed = {f"{one.catalog}.{one.schema}" for one in found if one.schema}
    failed = {scope for scope in catalog.failures["scope"] if "." in scope}
    schemas = {one.full_name for one in found if one.kind == "schema"}
    assert listed
    assert listed | failed == schemas
    assert not listed & failed


def test_an_event_set_beforehand(discover: Callable[..., dbx.Catalog]) -> None:
    cancel = threading.Event()
    cancel.set()
    with simulated() as simulator:
        catalog = discover(simulator, cancel=cancel)
        assert simulator.record.total == 0
    assert len(catalog) == 0
    assert not catalog.complete


def test_a_deadline(discover: Callable[..., dbx.Catalog]) -> None:
    # One scope is never listed, so that the time runs out however fast or slow the rest is.
    workspace = generated(catalogs=2, schemas=3, tables=2)
    hung = f"{workspace.catalogs[1].name}.{workspace.catalogs[1].schemas[2].name}"
    with simulated(workspace, hung={hung}) as simulator:
        start = time.monotonic()
        catalog = discover(simulator, depth="details", deadline=6.5)
        assert time.monotonic() - start < 60
    _check_cancelled(catalog, workspace)
    assert catalog.failures["scope"].tolist() == [hung]
    assert "6.5 seconds" in catalog.failures["message"][0]


def test_a_keyboard_interrupt_keeps_what_is_there(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=100, tables=2)
    with simulated(workspace, latency=0.02) as simulator:
        interrupted = []

        def interrupt() -> None:
            simulator.wait_until(lambda record: record.total >= 60)
            interrupted.append(time.monotonic())
            signal.raise_signal(signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        catalog = discover(simulator, depth="details")
        assert time.monotonic() - interrupted[0] < 30
        thread.join()
    _check_cancelled(catalog, workspace)


# --- progress ---


def test_progress_comes_from_the_calling_thread(discover: Callable[..., dbx.Catalog]) -> None:
    seen = []
    with simulated(generated(catalogs=2, schemas=40, tables=5), latency=0.05) as simulator:
        catalog = discover(
            simulator, depth="details", progress=lambda progress: seen.append((threading.get_ident(), progress))
        )
    assert {thread for thread, _ in seen} == {threading.get_ident()}
    steps = [progress for _, progress in seen]
    assert [p.finished for p in steps] == [False] * (len(steps) - 1) + [True]
    assert all(a.done <= b.done and a.objects <= b.objects and a.elapsed <= b.elapsed for a, b in pairwise(steps))
    assert steps[-1].objects == len(catalog)
    assert steps[-1].pending == 0
    assert steps[-1].done == simulator.record.total
    assert len(steps) > 2


def test_an_error_in_the_callback_is_raised_and_stops_the_work(discover: Callable[..., dbx.Catalog]) -> None:
    def broken(_progress: Any) -> Never:
        msg = "no such bar"
        raise LookupError(msg)

    before = threading.active_count()
    with simulated(latency=0.05) as simulator:
        with pytest.raises(LookupError, match="no such bar"):
            discover(simulator, progress=broken)
        deadline = time.monotonic() + 5
        while threading.active_count() > before + 1:
            assert time.monotonic() < deadline, "worker threads stay"
            time.sleep(0.01)


# --- wrong arguments ---


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"depth": "deep"}, "summary, details, columns"),
        ({"depth": None}, "summary, details, columns"),
        ({"max_concurrency": 0}, "1 to 64"),
        ({"max_concurrency": 65}, "1 to 64"),
        ({"max_concurrency": True}, "1 to 64"),
        ({"max_concurrency": 2.5}, "1 to 64"),
        ({"catalogs": "main"}, "list of catalog names"),
        ({"catalogs": [""]}, "list of catalog names"),
        ({"catalogs": [1]}, "list of catalog names"),
        ({"deadline": 0}, "above 0"),
        ({"deadline": -1}, "above 0"),
        ({"deadline": float("nan")}, "above 0"),
        ({"deadline": "1"}, "above 0"),
        ({"roots": "/Shared"}, "list of folder paths"),
        ({"roots": ["Shared"]}, "list of folder paths"),
        ({"exclude_folders": [None]}, "list of folder paths"),
    ],
)
def test_wrong_arguments_are_refused_before_the_first_call(
    discover: Callable[..., dbx.Catalog], options: Any, said: str
) -> None:
    with simulated() as simulator:
        with pytest.raises(errors.SettingsError, match=said):
            discover(simulator, **options)
        assert simulator.record.total == 0
        assert simulator.record.connections == 0


@pytest.mark.parametrize("source", [None, "https://dbc.cloud.databricks.com", object()])
def test_a_wrong_source(source: Any) -> None:
    with pytest.raises(errors.SettingsError, match="Cannot discover from"):
        dbx.discover(source)


def test_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with simulated() as simulator:
        with pytest.raises(errors.CredentialError, match=VARIABLE):
            dbx.discover(dbx.ConnectionSettings(simulator.url, dbx.TokenAuth(VARIABLE)))
        assert simulator.record.connections == 0


def test_a_tree_of_folders(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = Workspace(folders=folder_tree(300, 4))
    with simulated(workspace) as simulator:
        catalog = discover(simulator)
        assert simulator.record.paths["/api/2.0/workspace/list"] == 301
    assert truth_of(catalog) == workspace.truth()


# --- enriching ---


@pytest.mark.parametrize("depth", ["details", "columns"])
def test_enriching_a_selection(discover: Callable[..., dbx.Catalog], depth: str) -> None:
    with simulated() as simulator:
        summary = discover(simulator)
        selection = summary.objects["full_name"].isin(
            ["main.types.t_view", "main.types.t_managed", "main.dotted.name.t"]
        )
        before = simulator.record.total
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        richer = enrich(client, summary, selection, depth=depth)
        assert simulator.record.total - before == 2  # one call a schema
    assert truth_of(richer) == truth_of(summary)
    assert richer.complete
    chosen = richer.objects[selection]
    assert chosen["owner"].notna().all()
    assert richer.objects[~selection & richer.objects["kind"].isin(["table", "view"])]["owner"].isna().all()
    if depth == "columns":
        assert chosen["columns"].notna().all()


def test_enriching_what_is_denied_or_gone(discover: Callable[..., dbx.Catalog]) -> None:
    workspace = generated(catalogs=2, schemas=3, tables=4)
    with simulated(workspace) as simulator:
        summary = discover(simulator)
        simulator.faults.denied = frozenset({"catalog_001.schema_0002"})
        simulator.faults.gone = {"catalog_000.schema_0000": 0}
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        richer = enrich(client, summary, summary.objects["kind"] != "catalog")
    assert failures(richer) == {("catalog_001.schema_0002", "denied"), ("catalog_000.schema_0000", "error")}
    assert truth_of(richer) == workspace.truth()


@pytest.mark.parametrize("selection", [None, [True], pd.Series([True]), "all"])
def test_a_selection_that_does_not_fit(discover: Callable[..., dbx.Catalog], selection: Any) -> None:
    with simulated() as simulator:
        summary = discover(simulator)
        before = simulator.record.total
        client = WorkspaceClient(host=simulator.url, token=simulator.token)
        with pytest.raises(errors.SettingsError, match="boolean Series on the index"):
            enrich(client, summary, selection)
        with pytest.raises(errors.SettingsError, match="details, columns"):
            enrich(client, summary, summary.objects["browse_only"], depth="summary")
        assert simulator.record.total == before
