"""The objects frame: its columns and dtypes, said once, and the conversion of anything else into it.

The frame is built from an Arrow table, so that a million names cost an Arrow array and not a million
Python strings. Both pandas 2 and 3 are served, and pandas 1.5 as far as it knows the dtypes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore import errors

Kind: TypeAlias = Literal["catalog", "schema", "table", "view", "notebook"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Depth: TypeAlias = Literal["summary", "details", "columns"]
DEPTHS: tuple[Depth, ...] = get_args(Depth)
Reason: TypeAlias = Literal["denied", "throttled", "error", "cancelled", "pending"]
REASONS: tuple[Reason, ...] = get_args(Reason)

# What Databricks calls a view; every other relation is a table, a metric view among them.
VIEW_TYPES = ("VIEW", "MATERIALIZED_VIEW")

COLUMN_STRUCT = pa.struct(
    [("name", pa.string()), ("type", pa.string()), ("nullable", pa.bool_()), ("comment", pa.string())]
)
ARROW_SCHEMA = pa.schema(
    [
        ("kind", pa.dictionary(pa.int32(), pa.string())),
        ("catalog", pa.dictionary(pa.int32(), pa.string())),
        ("schema", pa.dictionary(pa.int32(), pa.string())),
        ("name", pa.string()),
        ("full_name", pa.string()),
        ("object_type", pa.dictionary(pa.int32(), pa.string())),
        ("browse_only", pa.bool_()),
        ("owner", pa.string()),
        ("comment", pa.string()),
        ("format", pa.string()),
        ("created_at", pa.timestamp("ns", tz="UTC")),
        ("updated_at", pa.timestamp("ns", tz="UTC")),
        ("columns", pa.list_(COLUMN_STRUCT)),
        ("definition", pa.string()),  # the SQL of a view
    ]
)
REQUIRED = ("kind", "catalog", "schema", "name", "full_name")
NAME_DTYPE = pd.StringDtype("pyarrow")
COLUMNS_DTYPE = pd.ArrowDtype(ARROW_SCHEMA.field("columns").type)


def table_from_columns(columns: Mapping[str, Sequence[object] | pa.Array], length: int) -> pa.Table:
    """Return an Arrow table of `ARROW_SCHEMA` from columns of plain values; a missing column is all null."""
    arrays = []
    for field in ARROW_SCHEMA:
        values = columns.get(field.name)
        if values is None:
            arrays.append(pa.nulls(length, field.type))
        elif isinstance(values, pa.Array | pa.ChunkedArray):
            arrays.append(_cast(values, field.type))
        elif pa.types.is_dictionary(field.type):
            arrays.append(pa.array(values, pa.string()).dictionary_encode())
        else:
            arrays.append(pa.array(values, field.type))
    return pa.table(arrays, schema=ARROW_SCHEMA)


def _cast(values: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if values.type == kind:
        return values
    if pa.types.is_dictionary(kind):
        plain = values.cast(pa.string()) if not pa.types.is_string(values.type) else values
        return plain.dictionary_encode()
    return values.cast(kind)


def frame_from_table(table: pa.Table) -> pd.DataFrame:
    """Return the objects frame of a table of `ARROW_SCHEMA`: sorted by kind and full name, index 0..n-1.

    Of rows that name the same object, only the first is kept: a page boundary that moved while it was
    read may have served one twice.
    """
    table = table.select(ARROW_SCHEMA.names).unify_dictionaries().combine_chunks()
    table = _sorted(table)
    frame = pd.DataFrame(
        {
            "kind": _category(table["kind"], KINDS),
            "catalog": _category(table["catalog"]),
            "schema": _category(table["schema"]),
            "name": _text(table["name"]),
            "full_name": _text(table["full_name"]),
            "object_type": _category(table["object_type"]),
            "browse_only": _boolean(table["browse_only"]),
            "owner": _text(table["owner"]),
            "comment": _text(table["comment"]),
            "format": _text(table["format"]),
            "created_at": _timestamp(table["created_at"]),
            "updated_at": _timestamp(table["updated_at"]),
        },
        copy=False,
    )
    if table["columns"].null_count < len(table):
        frame["columns"] = pd.Series(pd.arrays.ArrowExtensionArray(table["columns"]), dtype=COLUMNS_DTYPE)
    if table["definition"].null_count < len(table):
        frame["definition"] = _text(table["definition"])
    return frame


def _sorted(table: pa.Table) -> pa.Table:
    if not len(table):
        return table
    # Arrow sorts text by its UTF-8 bytes, which is the order of its code points. Catalog and schema break
    # the tie between objects whose dotted names are equal although their parts are not.
    kind_rank = pc.index_in(table["kind"].cast(pa.string()), value_set=pa.array(KINDS)).combine_chunks()
    keys = pa.table(
        {
            "kind": kind_rank,
            "full_name": table["full_name"],
            "catalog": table["catalog"].cast(pa.string()),
            "schema": table["schema"].cast(pa.string()),
            "row": np.arange(len(table)),
        }
    )
    order = pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in keys.column_names])
    table, keys = table.take(order), keys.drop(["row"]).take(order)
    same = np.ones(len(table) - 1, dtype=bool)
    for column in keys.columns:
        here, before = column.slice(1), column.slice(0, len(column) - 1)
        equal = pc.or_kleene(pc.equal(here, before), pc.and_(pc.is_null(here), pc.is_null(before)))
        same &= pc.fill_null(equal, False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - Arrow's signature
    if not same.any():
        return table
    return table.filter(pa.array(np.concatenate([[True], ~same])))


def _category(values: pa.ChunkedArray, categories: Sequence[str] | None = None) -> pd.Categorical:
    array = values.combine_chunks()
    if isinstance(array, pa.ChunkedArray):  # an older Arrow keeps a chunked array of no or one chunk
        array = array.chunk(0) if array.num_chunks else pa.array([], values.type)
    names = np.array(array.dictionary.to_pylist(), dtype=object)
    codes = pc.fill_null(array.indices, -1).to_numpy(zero_copy_only=False)
    # Sorted categories, without those that no row has, make equal crawls equal frames.
    wanted = list(categories) if categories is not None else sorted(set(names[np.unique(codes[codes >= 0])]))
    position = {name: i for i, name in enumerate(wanted)}
    lookup = np.array([position.get(name, -1) for name in names] + [-1])
    positions: npt.NDArray[np.intp] = lookup[codes]
    return pd.Categorical.from_codes(positions, categories=pd.Index(wanted))


def _text(values: pa.ChunkedArray) -> pd.Series:
    return pd.Series(pd.array(values.cast(pa.string()), dtype=NAME_DTYPE))


def _boolean(values: pa.ChunkedArray) -> pd.Series:
    flags = pc.fill_null(values, False).to_numpy()  # noqa: FBT003 - Arrow's signature
    missing = pc.is_null(values).to_numpy()
    return pd.Series(pd.arrays.BooleanArray(flags.astype(bool), missing.astype(bool)))


def _timestamp(values: pa.ChunkedArray) -> pd.Series:
    naive = values.cast(pa.timestamp("ns")).to_numpy()
    return pd.Series(naive.astype("datetime64[ns]")).dt.tz_localize("UTC")


def table_from_frame(frame: object) -> pa.Table:
    """Return a table of `ARROW_SCHEMA` from a frame that has the required columns, whatever their dtypes.

    An unnamed container is completed: a catalog row may carry its own name as ``catalog``, a schema row as
    ``schema``; both come out null, as in a crawl.

    Raises:
        CatalogError: a required column is missing, a kind is unknown, a name or a container is missing,
            or ``full_name`` is not the dotted name of an object in Unity Catalog.
    """
    if not isinstance(frame, pd.DataFrame):
        msg = f"The frame is a {type(frame).__name__}"
        raise errors.CatalogError(msg, expected="a pandas DataFrame")
    missing = [name for name in REQUIRED if name not in frame.columns]
    if missing:
        msg = f"The frame lacks the column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}"
        raise errors.CatalogError(msg, expected=f"at least {', '.join(REQUIRED)}")
    twice = [name for name in ARROW_SCHEMA.names if list(frame.columns).count(name) > 1]
    if twice:
        msg = f"The frame has the column{'s' * (len(twice) > 1)} {', '.join(map(repr, twice))} more than once"
        raise errors.CatalogError(msg, expected="each column once")
    try:
        table = table_from_series({name: frame[name] for name in ARROW_SCHEMA.names if name in frame.columns})
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, TypeError, ValueError) as error:
        msg = f"The frame holds a value of the wrong type: {str(error)[:200]}"
        raise errors.CatalogError(msg, expected="the dtypes of Catalog.objects") from None
    return _checked(table)


def table_from_series(columns: Mapping[str, pd.Series]) -> pa.Table:
    """Return a table of `ARROW_SCHEMA` from columns of an objects frame, which are taken to be right."""
    length = len(next(iter(columns.values()), ()))
    return table_from_columns(
        {name: _arrow_column(series, ARROW_SCHEMA.field(name)) for name, series in columns.items()}, length
    )


def _arrow_column(series: pd.Series, field: pa.Field) -> pa.Array:
    if pa.types.is_dictionary(field.type):
        if isinstance(series.dtype, pd.CategoricalDtype):
            names = pa.array(list(series.cat.categories), pa.string())
            codes = series.cat.codes.to_numpy()
            return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), names)
        return pa.array(series.array, pa.string(), from_pandas=True).dictionary_encode()
    if field.name == "columns":
        if isinstance(series.dtype, pd.ArrowDtype):
            return _cast(pa.array(series.array), field.type)
        return pa.array([None if _is_na(value) else list(value) for value in series], field.type)
    return pa.array(series.array, field.type, from_pandas=True)


def _is_na(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value))


def _checked(table: pa.Table) -> pa.Table:
    kind = table["kind"].cast(pa.string())
    unknown = pc.invert(pc.is_in(kind, value_set=pa.array(KINDS)))
    _refuse(table, unknown, "has an unknown kind", f"one of {', '.join(KINDS)}")
    for column in ("name", "full_name"):
        _refuse(table, pc.is_null(table[column]), f"has no {column}", "a name in every row")
    relation = pc.is_in(kind, value_set=pa.array(["table", "view"]))
    is_catalog, is_schema = pc.equal(kind, "catalog"), pc.equal(kind, "schema")
    no_container = pc.or_(pc.equal(kind, "notebook"), is_catalog)
    catalog, schema, name = table["catalog"].cast(pa.string()), table["schema"].cast(pa.string()), table["name"]
    below_catalog = pc.or_(relation, is_schema)
    _refuse(table, pc.and_(below_catalog, pc.is_null(catalog)), "has no catalog", "its catalog's name")
    _refuse(table, pc.and_(relation, pc.is_null(schema)), "has no schema", "its schema's name")
    null = pa.scalar(None, pa.string())
    catalog = pc.if_else(no_container, null, catalog)
    schema = pc.if_else(pc.or_(no_container, is_schema), null, schema)
    dotted = pc.if_else(
        relation,
        pc.binary_join_element_wise(catalog, schema, name, ".", null_handling="replace", null_replacement=""),
        pc.if_else(
            is_schema,
            pc.binary_join_element_wise(catalog, name, ".", null_handling="replace", null_replacement=""),
            name,
        ),
    )
    differs = pc.and_(pc.not_equal(kind, "notebook"), pc.not_equal(dotted, table["full_name"]))
    _refuse(table, differs, "has a full_name that its parts do not make", "raw names joined by dots")
    for index, values in ((1, catalog), (2, schema)):
        table = table.set_column(index, ARROW_SCHEMA.field(index), _cast(values, ARROW_SCHEMA.field(index).type))
    return table


def _refuse(table: pa.Table, wrong: pa.ChunkedArray, what: str, expected: str) -> None:
    wrong = pc.fill_null(wrong, True)  # noqa: FBT003 - Arrow's signature
    rows = np.flatnonzero(wrong.to_numpy())
    if len(rows):
        name = table["full_name"][int(rows[0])].as_py() or table["name"][int(rows[0])].as_py()
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        msg = f"Row {rows[0]} ({name!r}){more} {what}"
        raise errors.CatalogError(msg, expected=expected)


def failures_frame(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """Return the failures frame: scope, reason and message, sorted by scope, one row per scope and reason."""
    unique = {(scope, reason): message for scope, reason, message in reversed(rows)}
    ordered = sorted((scope, reason, message) for (scope, reason), message in unique.items())
    scopes, reasons, messages = zip(*ordered, strict=True) if ordered else ((), (), ())
    return pd.DataFrame(
        {
            "scope": pd.array(list(scopes), dtype=NAME_DTYPE),
            "reason": pd.Categorical(list(reasons), categories=list(REASONS)),
            "message": pd.array(list(messages), dtype=NAME_DTYPE),
        }
    )
