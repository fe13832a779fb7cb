"""All that a workspace says about one object, asked of the emulated one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery.details import Column, read_details

if TYPE_CHECKING:
    from dbxexplore.demo import DemoWorkspace


@pytest.fixture
def demo_settings(demo_workspace: DemoWorkspace) -> dbx.ConnectionSettings:
    return dbx.ConnectionSettings(demo_workspace.url, dbx.TokenAuth(demo_workspace.token_env_var))


def test_a_table_equals_what_a_discovery_finds(demo_settings: dbx.ConnectionSettings) -> None:
    found = dbx.discover(demo_settings, depth="columns").objects
    for kind in ("catalog", "schema", "table", "view"):
        row = found[found["kind"] == kind].iloc[0]
        details = read_details(demo_settings, kind, row["full_name"])
        assert details.owner == row["owner"]
        assert details.updated_at == row["updated_at"]
        if kind in {"table", "view"}:
            assert details.columns == [Column(**column) for column in row["columns"]]


def test_a_notebook_has_times(demo_settings: dbx.ConnectionSettings) -> None:
    found = dbx.discover(demo_settings).objects
    path = found.loc[found["kind"] == "notebook", "full_name"].iloc[0]
    assert read_details(demo_settings, "notebook", path).updated_at is not None


def test_what_is_gone_is_told_apart(demo_settings: dbx.ConnectionSettings) -> None:
    with pytest.raises(errors.NotFoundError):
        read_details(demo_settings, "table", "prod.gold.dropped")
