"""Tags of tables and views, as people have set them in Unity Catalog.

They are read from ``system.information_schema.table_tags`` through a SQL warehouse
(https://docs.databricks.com/sql/language-manual/information-schema/table_tags). It has a row for each tag that was set
on a table or view itself, and leaves out what the credential may not see; what is inherited from a schema or catalog
is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from dbxexplore import errors
from dbxexplore.connection import ConnectionSettings
from dbxexplore.connection.secrets import secret_values, without_secrets
from dbxexplore.discovery.arguments import check_catalogs
from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.statements import Query
from dbxexplore.discovery.warehouse import SqlWarehouse

TABLE_TAGS = pa.schema([(name, pa.string()) for name in ("catalog", "schema", "name", "tag", "value")])
_MOST_NAMED = 200  # catalogs that a statement names; for more, it asks for all


@dataclass(frozen=True)
class Tags:
    """What is known of tags; None is unknown, which is not the same as none.

    ``table`` has one row for each tag of a table or view, all text. ``problem`` says why they are unknown, or were kept
    from an earlier time.
    """

    table: pa.Table | None = None
    problem: str = ""

    def or_else(self, earlier: Tags | None) -> Tags:
        """Return these tags, or the earlier ones where these are unknown."""
        return Tags(earlier.table, self.problem) if self.table is None and earlier is not None else self

    def by_object(self) -> Mapping[TableName, Mapping[str, str]]:
        """Return the tags of each table and view that has any, by their names."""
        found: dict[TableName, dict[str, str]] = {}
        if self.table is not None:
            for catalog, schema, name, tag, value in zip(*(one.to_pylist() for one in self.table.columns), strict=True):
                found.setdefault(TableName(catalog, schema, name), {})[tag] = value
        return found

    def masked(self, *variables: str) -> Tags:
        """Return these tags with ``***`` for each secret; see `dbxexplore.discovery.masking.masked`."""
        if self.table is None:
            return self
        values = secret_values(*variables)
        table = self.table
        for name in ("tag", "value"):
            texts = [without_secrets(text, values=values) for text in table[name].to_pylist()]
            table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
        return Tags(table, self.problem)


def read_tags(
    settings: ConnectionSettings, *, catalogs: Sequence[str] | None = None, patience: float | None = None
) -> Tags:
    """Read the tags of tables and views through the connection's SQL warehouse.

    Args:
        settings: the connection, which names a warehouse. It is started if it rests.
        catalogs: names of the catalogs that are looked at; None means all.
        patience: seconds that the warehouse may take to start; None waits for minutes.

    Returns:
        A `Tags`. Where they cannot be read they are unknown in it, and its ``problem`` says why.

    Raises:
        SettingsError: the credential cannot be used, or there is no warehouse; nothing was called.
    """
    with SqlWarehouse(settings, patience=patience) as warehouse:
        try:
            (answer,) = warehouse.ask(_query(check_catalogs(catalogs)))
        except errors.WorkspaceError as error:
            answer = error
    if isinstance(answer, errors.WorkspaceError):
        return Tags(problem=f"system.information_schema.table_tags could not be read. {answer}")
    if answer["value"].null_count:  # a tag without a value has an empty one
        return Tags(problem="system.information_schema.table_tags has a value that is not text.")
    return Tags(answer)


def _query(catalogs: Sequence[str] | None) -> Query:
    columns = {
        "catalog": "catalog_name",
        "schema": "schema_name",
        "name": "table_name",
        "tag": "tag_name",
        "value": "tag_value",
    }
    wanted = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    text = f"SELECT {wanted} FROM `system`.information_schema.table_tags"  # noqa: S608 - no text of a workspace is in it
    parameters = {}
    if catalogs is not None and len(catalogs) <= _MOST_NAMED:
        parameters = {f"catalog_{at}": name for at, name in enumerate(catalogs)}
        text += f" WHERE catalog_name IN ({', '.join(f':{name}' for name in parameters) or 'NULL'})"
    return Query(text, tuple(columns), parameters, names=frozenset({"catalog", "schema", "name", "tag"}))
