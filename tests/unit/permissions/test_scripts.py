"""Scripts of GRANT statements: names and principals cannot break out of their quotes, whatever they hold."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import errors, permissions

HOSTILE = [
    "`",
    "``",
    "'",
    '"',
    ";",
    "--",
    "\n",
    "\r\n",
    "\u2028",
    "/*",
    "*/",
    "\\",
    "x`; DROP CATALOG prod; --",
    " ",
    "é",
    "🦆",
    "\u202e",
]
names = st.lists(st.one_of(st.sampled_from(HOSTILE), st.characters(codec="utf-8")), min_size=1, max_size=5).map("".join)

# The tokens of Databricks SQL that matter here
# (https://docs.databricks.com/sql/language-manual/sql-ref-identifiers): a quoted identifier holds anything, and two backticks
# in it stand for one. A comment ends with its line.
TOKEN = re.compile(
    r"(?P<comment>--[^\n]*)|`(?P<quoted>(?:[^`]|``)*)`|(?P<word>\w+)|(?P<sign>[.;])|(?P<blank>\s+)", re.DOTALL
)


def tokens(script: str) -> list[tuple[str, str]]:
    found, at = [], 0
    while at < len(script):
        match = TOKEN.match(script, at)
        assert match is not None, f"no token at {script[at : at + 20]!r}"
        kind = match.lastgroup
        assert kind is not None
        found.append((kind, match[kind].replace("``", "`") if kind == "quoted" else match[0]))
        at = match.end()
    return [token for token in found if token[0] not in {"blank", "comment"}]


def preview_of(*tables: tuple[str, str, str]) -> dbx.Preview:
    rows = [("table", *parts, ".".join(parts)) for parts in tables]
    frame = pd.DataFrame(rows, columns=["kind", "catalog", "schema", "name", "full_name"])
    return dbx.Filters().preview(dbx.Catalog.from_frame(frame))


@given(catalog=names, schema=names, table=names, principal=names.filter(str.strip), revoke=st.booleans())
def test_no_name_breaks_out_of_its_quotes(catalog: str, schema: str, table: str, principal: str, revoke: bool) -> None:
    preview = preview_of((catalog, schema, table))
    write = permissions.revoke_sql if revoke else permissions.grants_sql
    found = tokens(write(preview, principal, level="object"))
    quoted = {text for kind, text in found if kind == "quoted"}
    assert quoted <= {catalog, schema, table, principal}
    words = {text for kind, text in found if kind == "word"}
    assert words <= {*["GRANT", "REVOKE", "USE", "CATALOG", "SCHEMA", "SELECT", "ON", "TABLE", "TO", "FROM"]}
    assert [text for kind, text in found if kind == "sign" and text == ";"] == [";"] * (
        3 if catalog not in {"hive_metastore", "samples", "system"} else 0
    )


def test_what_nobody_can_grant_on_is_left_out_and_told() -> None:
    script = permissions.grants_sql(
        preview_of(("samples", "nyctaxi", "trips"), ("system", "access", "audit"), ("prod", "s", "t")),
        "ada@example.com",
    )
    assert "`samples`" not in script
    assert "`system`" not in script
    assert "-- Nothing is granted on samples: nobody can change its grants." in script
    assert "-- Nothing is granted on system: an account admin enables and grants its schemas one by one." in script
    assert "GRANT USE CATALOG ON CATALOG `prod` TO `ada@example.com`;" in script


def test_the_hive_metastore_has_no_grants() -> None:
    assert "GRANT" not in permissions.grants_sql(preview_of(("hive_metastore", "default", "t")), "ada@example.com")


@pytest.mark.parametrize("level", ["schema", "object", "catalog", "browse"])
def test_all_privileges_are_never_granted_or_taken(level: permissions.scripts.Level) -> None:
    preview = preview_of(("prod", "gold", "orders"), ("prod", "raw", "events"))
    for script in (
        permissions.grants_sql(preview, "x", level=level),
        permissions.revoke_sql(preview, "x", level=level),
    ):
        assert "ALL" not in script.split()
        browse = re.findall(r"BROWSE ON (\w+)", script)
        assert browse == (["CATALOG"] if level == "browse" else [])


def test_without_a_principal_or_with_another_level_there_is_no_script() -> None:
    preview = preview_of(("prod", "gold", "orders"))
    with pytest.raises(errors.SettingsError, match="No principal is given"):
        permissions.grants_sql(preview)
    with pytest.raises(
        errors.SettingsError, match=r"level is 'table'. Expected one of schema, object, catalog, browse"
    ):
        permissions.grants_sql(preview, "x", level="table")  # type: ignore[arg-type]
