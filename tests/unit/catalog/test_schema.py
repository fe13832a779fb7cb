"""The objects frame: its dtypes and order, and what becomes of other frames."""

from __future__ import annotations

import datetime as dt
import random
import re
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import dbxexplore as dbx
from dbxexplore import errors

KINDS = ["catalog", "schema", "table", "view", "notebook"]
DTYPES = {
    "kind": "category",
    "catalog": "category",
    "schema": "category",
    "name": "string",
    "full_name": "string",
    "object_type": "category",
    "browse_only": "boolean",
    "owner": "string",
    "comment": "string",
    "format": "string",
    "created_at": "datetime64[ns, UTC]",
    "updated_at": "datetime64[ns, UTC]",
}
REQUIRED = ["kind", "catalog", "schema", "name", "full_name"]
STRUCT = [{"name": "id", "type": "bigint", "nullable": False, "comment": None}]


def assert_dtypes(frame: pd.DataFrame) -> None:
    assert {column: str(dtype) for column, dtype in frame.dtypes.items() if column != "columns"} == DTYPES
    assert frame["kind"].cat.categories.tolist() == KINDS
    assert not frame["kind"].cat.ordered
    assert all(isinstance(frame[column].dtype, pd.StringDtype) for column in ("name", "full_name", "owner"))
    assert frame["name"].dtype.na_value is pd.NA
    assert isinstance(frame.index, pd.RangeIndex)
    assert (frame.index.start, frame.index.step, frame.index.stop) == (0, 1, len(frame))


def test_minimal_columns_become_the_whole_frame(small_frame: pd.DataFrame) -> None:
    frame = dbx.Catalog.from_frame(small_frame).objects
    assert_dtypes(frame)
    assert frame.columns.tolist() == list(DTYPES)
    for column in set(DTYPES) - set(REQUIRED):
        assert frame[column].isna().all(), column


def test_no_rows_have_the_same_dtypes() -> None:
    frame = dbx.Catalog.from_frame(pd.DataFrame(columns=REQUIRED)).objects
    assert len(frame) == 0
    assert_dtypes(frame)


def test_columns_are_a_list_of_struct_where_there_are_any(small_frame: pd.DataFrame) -> None:
    frame = dbx.Catalog.from_frame(small_frame.assign(columns=[None, STRUCT, None, None, None, []])).objects
    assert_dtypes(frame)
    dtype = frame["columns"].dtype
    assert isinstance(dtype, pd.ArrowDtype)
    fields = [("name", "string"), ("type", "string"), ("nullable", "bool"), ("comment", "string")]
    assert pa.types.is_list(dtype.pyarrow_dtype)
    assert [(field.name, str(field.type)) for field in dtype.pyarrow_dtype.value_type] == fields
    by_name = dict(zip(frame["name"], frame["columns"], strict=True))
    assert by_name["orders"] == STRUCT
    assert list(by_name["customers"]) == []
    assert by_name["daily"] is pd.NA


def test_containers_are_na_above_an_object(small_catalog: dbx.Catalog) -> None:
    frame = small_catalog.objects
    rows = {row.kind: row for row in frame.itertuples()}
    assert pd.isna(rows["catalog"].catalog)
    assert pd.isna(rows["catalog"].schema)
    assert rows["schema"].catalog == "prod"
    assert pd.isna(rows["schema"].schema)
    assert pd.isna(rows["notebook"].catalog)
    assert (rows["table"].catalog, rows["table"].schema) == ("prod", "gold")


def test_rows_are_sorted_by_full_name_within_kind(small_catalog: dbx.Catalog) -> None:
    assert small_catalog.objects["full_name"].tolist() == [
        "prod",
        "prod.gold",
        "prod.gold.customers",
        "prod.gold.orders",
        "prod.gold.daily",
        "/Users/ann/Load",
    ]


def test_names_sort_by_code_point_whatever_the_order_of_the_rows() -> None:
    names = ["Z", "a", "ä", "A", "\U0001f600", "\uff41", "a b", "a\nb", "a-b", "ß", "z", "中"]
    frames = []
    for seed in range(3):
        rng = random.Random(seed)
        rng.shuffle(names)
        rows = {"kind": "table", "catalog": "c", "schema": "s", "name": names, "full_name": [f"c.s.{n}" for n in names]}
        frames.append(dbx.Catalog.from_frame(pd.DataFrame(rows)).objects)
    assert frames[0]["name"].tolist() == sorted(names)
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_of_rows_that_name_one_object_the_first_is_kept(small_frame: pd.DataFrame) -> None:
    doubled = pd.concat([small_frame.assign(owner="first"), small_frame.assign(owner="second")])
    frame = dbx.Catalog.from_frame(doubled).objects
    assert len(frame) == len(small_frame)
    assert set(frame["owner"]) == {"first"}
    assert_dtypes(frame)


def test_objects_of_one_dotted_name_with_other_parts_are_two() -> None:
    rows = {"kind": "table", "catalog": ["a.b", "a"], "schema": ["c", "b.c"], "name": "t", "full_name": "a.b.c.t"}
    frame = dbx.Catalog.from_frame(pd.DataFrame(rows)).objects
    assert list(zip(frame["catalog"], frame["schema"], strict=True)) == [("a", "b.c"), ("a.b", "c")]


def test_a_table_and_a_view_of_one_name_are_two() -> None:
    rows = {"kind": ["view", "table"], "catalog": "a", "schema": "b", "name": "t", "full_name": "a.b.t"}
    assert dbx.Catalog.from_frame(pd.DataFrame(rows)).objects["kind"].tolist() == ["table", "view"]


def test_names_may_hold_anything() -> None:
    names = [
        "a.b",
        "a b",
        "a-b",
        "a`b",
        "a'b",
        'a"b',
        "<b>",
        "\n",
        " ",
        "\0",
        "a\0b",
        "a\0c",
        "ß",
        "😀",
        "\u2028",
        "None",
    ]
    rows = {
        "kind": "table",
        "catalog": names,
        "schema": names,
        "name": names,
        "full_name": [".".join([n] * 3) for n in names],
    }
    frame = dbx.Catalog.from_frame(pd.DataFrame(rows)).objects
    for column in ("catalog", "schema", "name"):
        assert sorted(frame[column].tolist()) == sorted(names)


def test_unknown_columns_are_left_out_and_the_given_frame_is_left_alone(small_frame: pd.DataFrame) -> None:
    given = small_frame.assign(extra=1, owner="ann")
    before = given.copy(deep=True)
    frame = dbx.Catalog.from_frame(given).objects
    assert "extra" not in frame.columns
    assert set(frame["owner"]) == {"ann"}
    pd.testing.assert_frame_equal(given, before)


def test_the_index_of_the_given_frame_does_not_matter(small_frame: pd.DataFrame) -> None:
    expected = dbx.Catalog.from_frame(small_frame).objects
    for index in ([7, 7, 7, 7, 7, 7], list("abcdef"), pd.date_range("2024", periods=6)):
        pd.testing.assert_frame_equal(dbx.Catalog.from_frame(small_frame.set_index(pd.Index(index))).objects, expected)


TEXT_DTYPES = [
    object,
    "string[python]",
    "string[pyarrow]",
    "category",
    pd.ArrowDtype(pa.string()),
    pd.ArrowDtype(pa.large_string()),
    pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string())),
]


@pytest.mark.parametrize("dtype", TEXT_DTYPES, ids=str)
def test_text_of_any_dtype_is_taken(small_frame: pd.DataFrame, dtype: object) -> None:
    expected = dbx.Catalog.from_frame(small_frame.assign(owner="ann")).objects
    given = small_frame.assign(owner="ann").astype(dtype)
    pd.testing.assert_frame_equal(dbx.Catalog.from_frame(given).objects, expected)


def test_categories_that_no_row_has_are_dropped(small_frame: pd.DataFrame) -> None:
    categories = ["unused", "prod", "also unused"]
    given = small_frame.assign(catalog=pd.Categorical(small_frame["catalog"], categories=categories))
    frame = dbx.Catalog.from_frame(given).objects
    assert frame["catalog"].cat.categories.tolist() == ["prod"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=repr)
def test_missing_containers_may_be_written_in_any_way(small_frame: pd.DataFrame, missing: object) -> None:
    given = small_frame.astype(object).where(small_frame.notna(), missing)  # type: ignore[call-overload]  # NA is one
    expected = dbx.Catalog.from_frame(small_frame).objects
    pd.testing.assert_frame_equal(dbx.Catalog.from_frame(given).objects, expected)


def test_a_container_row_may_carry_its_own_name() -> None:
    rows = {
        "kind": ["catalog", "schema"],
        "catalog": ["a", "a"],
        "schema": [None, "s"],
        "name": ["a", "s"],
        "full_name": ["a", "a.s"],
    }
    frame = dbx.Catalog.from_frame(pd.DataFrame(rows)).objects
    assert [None if pd.isna(value) else value for value in frame["catalog"]] == [None, "a"]
    assert frame["schema"].isna().all()


@pytest.mark.parametrize(
    "values",
    [
        [True, None, False, True, True, True],
        pd.array([True, None, False, True, True, True], dtype="boolean"),
        np.array([True, np.nan, False, True, True, True], dtype=object),
        pd.array([1, None, 0, 1, 1, 1], dtype="Int64"),
    ],
    ids=["list", "boolean", "object", "Int64"],
)
def test_flags_of_any_dtype_are_taken(small_frame: pd.DataFrame, values: object) -> None:
    frame = dbx.Catalog.from_frame(small_frame.assign(browse_only=values)).objects
    assert_dtypes(frame)
    by_name = frame.set_index("full_name")["browse_only"]
    assert by_name["prod.gold.orders"] is pd.NA
    assert (by_name["prod.gold.daily"], by_name["/Users/ann/Load"]) == (True, False)


NOON = pd.Timestamp("2024-06-01 12:00", tz="UTC")


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([NOON] * 5 + [pd.NaT]),
        pd.Series([NOON.tz_convert("Asia/Kolkata")] * 5 + [pd.NaT]),
        pd.Series([NOON.tz_localize(None)] * 5 + [pd.NaT]),
        pd.Series([NOON.to_pydatetime()] * 5 + [None], dtype=object),
        pd.Series([NOON.tz_convert("Asia/Kolkata").to_pydatetime()] * 5 + [None], dtype=object),
        pd.Series([NOON] * 5 + [pd.NaT]).astype("datetime64[s, UTC]"),
    ],
    ids=["utc", "other zone", "naive", "datetime", "datetime of another zone", "seconds"],
)
def test_times_of_any_dtype_are_the_same_instant_in_utc(small_frame: pd.DataFrame, values: pd.Series) -> None:
    frame = dbx.Catalog.from_frame(small_frame.assign(created_at=values)).objects
    assert_dtypes(frame)
    by_name = frame.set_index("full_name")["created_at"]
    assert by_name["prod.gold.daily"] == NOON
    assert by_name["prod.gold.customers"] is pd.NaT


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [None, [1], {"kind": ["table"]}, "path.parquet", pd.Series(["a"])], ids=repr)
def test_what_is_no_frame_is_refused(value: object) -> None:
    message = rf"^The frame is a {type(value).__name__}\. Expected a pandas DataFrame\.$"
    with pytest.raises(errors.CatalogError, match=message):
        dbx.Catalog.from_frame(value)  # type: ignore[arg-type]  # that is the point


def test_missing_columns_are_named(small_frame: pd.DataFrame) -> None:
    with pytest.raises(
        errors.CatalogError,
        match=r"^The frame lacks the columns 'schema', 'full_name'\. Expected at least kind, catalog, schema, name, full",
    ):
        dbx.Catalog.from_frame(small_frame.drop(columns=["schema", "full_name"]))
    with pytest.raises(errors.CatalogError, match=r"^The frame lacks the column 'kind'\."):
        dbx.Catalog.from_frame(small_frame.drop(columns=["kind"]))


def test_a_column_that_is_there_twice_is_named(small_frame: pd.DataFrame) -> None:
    with pytest.raises(
        errors.CatalogError, match=r"^The frame has the column 'name' more than once\. Expected each colu"
    ):
        dbx.Catalog.from_frame(pd.concat([small_frame, small_frame[["name"]]], axis=1))


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        (
            "kind",
            ["TABLE", "Table"],
            "Row 0 ('c.s.a') (and 1 more) has an unknown kind. Expected one of catalog, schema, ",
        ),
        (
            "kind",
            ["table", None],
            "Row 1 ('c.s.b') has an unknown kind. Expected one of catalog, schema, table, view, no",
        ),
        ("name", [None, "b"], "Row 0 ('c.s.a') has no name. Expected a name in every row."),
        ("full_name", ["c.s.a", None], "Row 1 ('b') has no full_name. Expected a name in every row."),
        ("catalog", [None, "c"], "Row 0 ('c.s.a') has no catalog. Expected its catalog's name."),
        ("schema", ["s", None], "Row 1 ('c.s.b') has no schema. Expected its schema's name."),
        (
            "full_name",
            ["c.s.a", "c.b"],
            "Row 1 ('c.b') has a full_name that its parts do not make. Expected raw names jo",
        ),
        ("name", [1, 2], "The frame holds a value of the wrong type: "),
        ("browse_only", ["x", "y"], "The frame holds a value of the wrong type: "),
        ("created_at", ["yesterday", "today"], "The frame holds a value of the wrong type: "),
        ("created_at", [dt.datetime(3000, 1, 1, tzinfo=dt.UTC), None], "The frame holds a value of the wrong type: "),
        ("columns", [5, None], "The frame holds a value of the wrong type: "),
        ("columns", [["id"], None], "The frame holds a value of the wrong type: "),
        ("owner", [b"\xff", None], "The frame holds a value of the wrong type: "),
        ("comment", ["\ud800", None], "The frame holds a value of the wrong type: "),
    ],
)
def test_a_row_that_is_no_object_is_refused(column: str, values: list[object], message: str) -> None:
    rows = {
        "kind": ["table", "table"],
        "catalog": ["c", "c"],
        "schema": ["s", "s"],
        "name": ["a", "b"],
        "full_name": ["c.s.a", "c.s.b"],
    }
    frame = pd.DataFrame(rows).astype(object).assign(**{column: pd.Series(values, dtype=object)})
    with pytest.raises(errors.CatalogError, match="^" + re.escape(message)):
        dbx.Catalog.from_frame(frame)


def test_nothing_of_ours_warns_on_the_way(small_frame: pd.DataFrame) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        catalog = dbx.Catalog.from_frame(small_frame.assign(created_at=NOON, columns=[STRUCT] * 6, browse_only=True))
        assert len(catalog.objects) == 6
