"""A catalog on disk and on screen."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.catalog.schema import failures_frame
from dbxexplore.connection import Capability, Problem

NOON = datetime(2024, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)
PROVENANCE = dbx.Provenance(
    workspace_url="https://dbc-1234abcd-56ef.cloud.databricks.com",
    metastore="metastore_aws_eu (eu-west-1)",
    identity="ann@example.com",
    taken_at=NOON,
    depth="columns",
    strategy="rest",
    tool_version="0.0.1",
    notes=("first note", "<b>second</b>"),
)
FAILURES = [
    ("prod.hr", "denied", "no USE SCHEMA on “hr” \n <script>"),
    ("dev", "throttled", "429"),
    ("/Users", "cancelled", "stopped"),
    ("dev", "error", "500"),
]
HOSTILE = '<script>alert("x")</script>&<img src=x onerror=alert(1)>'


def at_depth(frame: pd.DataFrame, depth: str) -> dbx.Catalog:
    details = {
        "object_type": ["VIEW", "MANAGED", "PYTHON", None, "MANAGED_CATALOG", "NEW KIND"],
        "browse_only": pd.array([True, False, None, False, False, True], dtype="boolean"),
        "owner": ["ann", None, "bob", "account users", None, ""],
        "comment": ["a\nb", "<b>", None, "ß😀\0", None, '"'],
        "format": [None, "DELTA", None, None, None, "ICEBERG"],
        "created_at": [NOON, None, NOON - timedelta(days=9000), None, NOON, NOON],
        "updated_at": [None, NOON, None, None, None, None],
    }
    struct = [{"name": "id\n", "type": "struct<a:int>", "nullable": None, "comment": HOSTILE}]
    columns = {"columns": [struct, struct * 3, None, None, None, []]}
    more = {"summary": {}, "details": details, "columns": details | columns}[depth]
    objects = dbx.Catalog.from_frame(frame.assign(**more)).objects
    return dbx.Catalog(objects, failures_frame(FAILURES), PROVENANCE)


def assert_same(one: dbx.Catalog, other: dbx.Catalog) -> None:
    pd.testing.assert_frame_equal(one.objects, other.objects, check_index_type=True)
    pd.testing.assert_frame_equal(one.failures, other.failures)
    assert one.provenance == other.provenance
    assert one.complete == other.complete


@pytest.mark.parametrize("depth", ["summary", "details", "columns"])
def test_what_is_saved_is_loaded(small_frame: pd.DataFrame, tmp_path: Path, depth: str) -> None:
    catalog = at_depth(small_frame, depth)
    path = catalog.save(tmp_path / "made on the way" / "catalog.parquet")
    assert_same(dbx.Catalog.load(path), catalog)
    assert ("columns" in catalog.objects) == (depth == "columns")


def test_an_empty_catalog_is_saved_and_loaded(tmp_path: Path) -> None:
    catalog = dbx.Catalog.from_frame(pd.DataFrame(columns=["kind", "catalog", "schema", "name", "full_name"]))
    assert_same(dbx.Catalog.load(catalog.save(tmp_path / "empty.parquet")), catalog)


def test_what_is_loaded_saves_to_the_same_again(small_frame: pd.DataFrame, tmp_path: Path) -> None:
    first = at_depth(small_frame, "columns").save(tmp_path / "a.parquet")
    second = dbx.Catalog.load(first).save(str(tmp_path / "b.parquet"))
    assert_same(dbx.Catalog.load(second), dbx.Catalog.load(first))


def test_the_time_is_kept_as_the_same_instant_in_utc(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5, minutes=30)))
    catalog = dbx.Catalog(small_catalog.objects, small_catalog.failures, dbx.Provenance(taken_at=elsewhere))
    taken = dbx.Catalog.load(catalog.save(tmp_path / "a.parquet")).provenance.taken_at
    assert taken == NOON
    assert taken.utcoffset() == timedelta(0)


@pytest.mark.parametrize("folder", ["catalog=prod", "kind=2024", "a b", "ü"])
def test_a_folder_of_any_name_changes_nothing(small_catalog: dbx.Catalog, tmp_path: Path, folder: str) -> None:
    assert_same(dbx.Catalog.load(small_catalog.save(tmp_path / folder / "x.parquet")), small_catalog)


def test_other_tools_read_the_file_as_a_plain_table(small_frame: pd.DataFrame, tmp_path: Path) -> None:
    path = at_depth(small_frame, "columns").save(tmp_path / "a.parquet")
    table = pq.read_table(path)
    assert table.column_names[:5] == ["kind", "catalog", "schema", "name", "full_name"]
    assert table["full_name"].to_pylist()[0] == "prod"
    assert len(pd.read_parquet(path)) == len(small_frame)


def test_saving_replaces_an_older_file_and_leaves_nothing_else(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"old")
    small_catalog.save(tmp_path / "a.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["a.parquet"]
    assert_same(dbx.Catalog.load(tmp_path / "a.parquet"), small_catalog)


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, MemoryError])
def test_an_interrupt_leaves_the_old_file_whole(
    small_catalog: dbx.Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupt: type[BaseException]
) -> None:
    path = small_catalog.save(tmp_path / "a.parquet")
    before = path.read_bytes()

    def half(_table: pa.Table, where: Path) -> None:
        where.write_bytes(before[:10])
        raise interrupt

    monkeypatch.setattr(pq, "write_table", half)
    with pytest.raises(interrupt):
        small_catalog.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_a_clear_error(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    with pytest.raises(errors.CatalogError, match=r"cannot be written: .*\. Choose a folder that you can write to"):
        small_catalog.save(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.CatalogError, match="cannot be written: "):
        small_catalog.save(tmp_path / "file" / "a.parquet")
    for path in (".", "/", "..", "a\0b.parquet"):
        with pytest.raises(errors.CatalogError, match="is not a file path"):
            small_catalog.save(path)


# --- files that are no catalog ---------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    message = (
        f"There is no file {str(tmp_path / 'a')!r}. Check the path, or create one with `dbxexplore discover --output`"
    )
    with pytest.raises(errors.CatalogError, match="^" + re.escape(message) + "$"):
        dbx.Catalog.load(tmp_path / "a")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"a,b\n1,2\n", b"PAR1" + b"x" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(
        errors.CatalogError, match=r"cannot be read as a Parquet file: .* Expected a file made by Catalog\."
    ):
        dbx.Catalog.load(tmp_path / "a")


def test_a_folder_is_refused(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    small_catalog.save(tmp_path / "a.parquet")
    with pytest.raises(errors.CatalogError, match="cannot be read as a Parquet file: "):
        dbx.Catalog.load(tmp_path)


def test_a_broken_off_or_garbled_file_is_refused(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    path = small_catalog.save(tmp_path / "a.parquet")
    whole = path.read_bytes()
    for broken in (whole[:-1], whole[: len(whole) // 2], whole[:-200] + b"\xff" * 192 + whole[-8:]):
        path.write_bytes(broken)
        with pytest.raises(errors.CatalogError, match=r"cannot be read as a Parquet file|is damaged"):
            dbx.Catalog.load(path)


def test_a_parquet_file_of_something_else_is_refused_with_what_to_do(tmp_path: Path) -> None:
    pd.DataFrame({"kind": ["table"]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(
        errors.CatalogError,
        match=r"is a Parquet file, but not a saved catalog\. Expected .*For a table of your own, use Catalog\.from_frame",
    ):
        dbx.Catalog.load(tmp_path / "a.parquet")


def with_meta(catalog: dbx.Catalog, path: Path, meta: bytes | Mapping[str, object]) -> Path:
    table = pq.read_table(catalog.save(path))
    raw = meta if isinstance(meta, bytes) else json.dumps(meta).encode()
    pq.write_table(table.replace_schema_metadata({b"dbxexplore": raw}), path)
    return path


def test_another_format_is_refused_by_its_number(small_catalog: dbx.Catalog, tmp_path: Path) -> None:
    path = with_meta(small_catalog, tmp_path / "a", {"format": 2})
    with pytest.raises(
        errors.CatalogError, match=r"has the format 2, which this version does not read\. Expected format 1"
    ):
        dbx.Catalog.load(path)


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        (b"{", "its description cannot be read"),
        (b"\xff\xfe", "its description cannot be read"),
        ({"format": 1, "provenance": {"taken_at": "yesterday"}}, "Invalid isoformat string: 'yesterday'"),
        ({"format": 1, "failures": [1]}, "'int' object is not iterable"),
        ({"format": 1, "failures": [["a", "b"]]}, "not enough values to unpack"),
        ({"format": 1, "failures": [["dev", "unknown reason", ""]]}, "a failure has the reason 'unknown reason'"),
    ],
)
def test_a_damaged_description_is_refused(
    small_catalog: dbx.Catalog, tmp_path: Path, meta: bytes | Mapping[str, object], message: str
) -> None:
    path = with_meta(small_catalog, tmp_path / "a", meta)
    with pytest.raises(errors.CatalogError, match=f"is damaged: {message}.*Expected a file as Catalog.save wrote it"):
        dbx.Catalog.load(path)


def test_a_description_from_a_later_version_is_read_as_far_as_it_is_known(
    small_catalog: dbx.Catalog, tmp_path: Path
) -> None:
    meta = {"format": 1, "provenance": {"identity": "ann", "moon_phase": "full"}, "more": 1}
    catalog = dbx.Catalog.load(with_meta(small_catalog, tmp_path / "a", meta))
    assert catalog.provenance.identity == "ann"
    assert catalog.complete


@pytest.mark.parametrize("column", ["kind", "full_name"])
def test_a_saved_catalog_without_its_columns_is_refused(
    small_catalog: dbx.Catalog, tmp_path: Path, column: str
) -> None:
    path = small_catalog.save(tmp_path / "a")
    table = pq.read_table(path)
    pq.write_table(table.drop_columns([column]), path)
    with pytest.raises(errors.CatalogError, match=f"is damaged: it lacks {column}"):
        dbx.Catalog.load(path)
    nothing = pa.nulls(len(table), table.schema.field(column).type)
    pq.write_table(table.set_column(table.column_names.index(column), table.schema.field(column), nothing), path)
    with pytest.raises(errors.CatalogError, match="is damaged: it has rows that are no objects"):
        dbx.Catalog.load(path)


# --- failures --------------------------------------------------------------------------------------


def test_failures_are_sorted_by_scope_one_a_scope_and_reason() -> None:
    frame = failures_frame(
        [("b", "denied", "first"), ("a", "error", "x"), ("b", "denied", "second"), ("b", "error", "y")]
    )
    assert frame.to_numpy().tolist() == [["a", "error", "x"], ["b", "denied", "first"], ["b", "error", "y"]]
    assert [str(dtype) for dtype in frame.dtypes] == ["string", "category", "string"]
    assert frame["reason"].cat.categories.tolist() == ["denied", "throttled", "error", "cancelled", "pending"]


def test_a_catalog_is_complete_until_one_scope_could_not_be_listed(small_catalog: dbx.Catalog) -> None:
    assert small_catalog.complete
    assert small_catalog.failures.columns.tolist() == ["scope", "reason", "message"]
    partly = dbx.Catalog(small_catalog.objects, failures_frame(FAILURES[:1]), PROVENANCE)
    assert not partly.complete
    assert "incomplete: 1 catalog/schema couldn't be listed" in repr(partly)
    assert "the catalog is incomplete" in repr(dbx.Filters().preview(partly))
    assert "Incomplete:" in dbx.Filters().preview(partly)._repr_html_()


def test_what_is_pending_is_told_from_what_could_not_be_listed(small_catalog: dbx.Catalog) -> None:
    pending = [("prod.a", "pending", "not yet"), ("prod.b", "pending", "not yet"), ("/Users", "pending", "not yet")]
    filling = dbx.Catalog(small_catalog.objects, failures_frame([*FAILURES, *pending]), PROVENANCE)
    assert filling.in_progress
    assert not dbx.Catalog(small_catalog.objects, failures_frame(FAILURES), PROVENANCE).in_progress
    failed = "3 catalogs/schemas and 1 folder couldn't be listed"
    assert filling.not_listed == f"{failed}, 2 catalogs/schemas and 1 folder not listed yet"


def test_counts_and_length(small_catalog: dbx.Catalog) -> None:
    assert small_catalog.counts() == {"catalog": 1, "schema": 1, "table": 2, "view": 1, "notebook": 1}
    assert list(small_catalog.counts()) == ["catalog", "schema", "table", "view", "notebook"]
    assert len(small_catalog) == 6
    assert repr(small_catalog) == (
        "<Catalog: 1 catalog, 1 schema, 2 tables, 1 view, 1 notebook; complete; from a frame>"
    )


def test_provenance_reads_as_text() -> None:
    assert str(PROVENANCE) == (
        "https://dbc-1234abcd-56ef.cloud.databricks.com · metastore metastore_aws_eu (eu-west-1) · "
        "as ann@example.com · taken 2024-06-01 12:00 UTC · depth columns"
    )


# --- untrusted text in HTML ------------------------------------------------------------------------


def test_hostile_names_messages_and_provenance_are_escaped_in_html() -> None:
    rows = {
        "kind": ["table", "notebook"],
        "catalog": [HOSTILE, None],
        "schema": [HOSTILE, None],
        "name": HOSTILE,
        "full_name": [".".join([HOSTILE] * 3), f"/{HOSTILE}"],
        "comment": HOSTILE,
        "owner": HOSTILE,
    }
    provenance = dbx.Provenance(identity=HOSTILE, metastore=HOSTILE, workspace_url=HOSTILE, notes=(HOSTILE,))
    objects = dbx.Catalog.from_frame(pd.DataFrame(rows)).objects
    html = dbx.Catalog(objects, failures_frame([(HOSTILE, "denied", HOSTILE)]), provenance)._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    # the catalog, the failed scope, its message, three texts of the provenance and one note
    assert html.count("&lt;script&gt;") == 7


def test_a_connection_report_escapes_what_the_server_said() -> None:
    report = dbx.ConnectionReport(
        workspace_url=HOSTILE,
        cloud="unknown",
        identity=HOSTILE,
        metastore=HOSTILE,
        capabilities={HOSTILE: Capability(HOSTILE, available=None, detail=HOSTILE)},
        problems=(Problem("code", "error", HOSTILE, HOSTILE),),
    )
    html = report._repr_html_()
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") == 7
