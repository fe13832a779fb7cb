"""No token in what is stored: people paste them into the SQL of views and into comments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from dbxexplore.catalog import Catalog
from dbxexplore.catalog.schema import table_from_series
from dbxexplore.connection.secrets import SECRET_HINT, secret_values, without_secrets

_TEXTS = ("comment", "definition")


def masked(catalog: Catalog, *variables: str) -> Catalog:
    """Return the catalog with ``***`` for each secret in comments, in those of columns and in the SQL of views.

    Secrets are what can only be a token, and the values of ``variables`` and of those that are named like secrets.
    Without any, the catalog itself is returned.
    """
    objects = catalog.objects
    held = [name for name in (*_TEXTS, "columns") if name in objects.columns]
    values = secret_values(*variables)
    clean = partial(without_secrets, values=values)
    table = table_from_series({name: objects[name] for name in held})
    changed = {
        name: cleaned
        for name in held
        if (cleaned := (_columns if name == "columns" else _text)(_whole(table[name]), values, clean)) is not None
    }
    if not changed:
        return catalog
    table = table_from_series({name: objects[name] for name in objects.columns})
    for name, cleaned in changed.items():
        table = table.set_column(table.column_names.index(name), name, cleaned)
    failures = list(catalog.failures.itertuples(index=False, name=None))
    return Catalog.from_table(table, failures, catalog.provenance)


def _text(texts: pa.Array, values: Sequence[str], clean: Callable[[str], str]) -> pa.Array | None:
    rows = _suspects(texts, values)
    if not rows:
        return None
    return _replaced(texts, rows, [clean(text) for text in texts.take(pa.array(rows)).to_pylist()])


def _columns(columns: pa.Array, values: Sequence[str], clean: Callable[[str], str]) -> pa.Array | None:
    comments = columns.flatten().field("comment")
    rows = sorted(
        set(pc.list_parent_indices(columns).take(pa.array(_suspects(comments, values), pa.int64())).to_pylist())
    )
    if not rows:
        return None
    held = columns.take(pa.array(rows)).to_pylist()
    return _replaced(
        columns,
        rows,
        [[{**column, "comment": column["comment"] and clean(column["comment"])} for column in one] for one in held],
    )


def _suspects(texts: pa.Array, values: Sequence[str]) -> list[int]:
    """Return the positions of the texts that may hold a secret; few, so that only those become Python texts."""
    found = pc.match_substring_regex(texts, SECRET_HINT, ignore_case=True)
    for value in values:
        found = pc.or_(found, pc.match_substring(texts, value))
    return [int(at) for at in pc.indices_nonzero(pc.fill_null(found, False)).to_pylist()]  # noqa: FBT003 - Arrow's signature


def _replaced(array: pa.Array, rows: Sequence[int], values: Sequence[object]) -> pa.Array:
    places = list(range(len(array)))
    for at, row in enumerate(rows):
        places[row] = len(array) + at
    return pa.concat_arrays([array, pa.array(values, array.type)]).take(pa.array(places, pa.int64()))


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
