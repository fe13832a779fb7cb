"""No token in what is stored."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

import dbxexplore as dbx
from dbxexplore.discovery.masking import masked

MakeCatalog = Callable[..., dbx.Catalog]
ROWS = tuple(("view", "prod", "gold", name) for name in "abc")


def columns(*comments: str | None) -> list[dict[str, object]]:
    return [{"name": f"c{at}", "type": "int", "nullable": True, "comment": one} for at, one in enumerate(comments)]


def test_secrets_are_masked_wherever_someone_may_have_written_them(
    make_catalog: MakeCatalog, canary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_PASSWORD", "c0rrect~horse-battery-staple")
    monkeypatch.setenv("SECRET_SCOPE", "lakehouse")
    monkeypatch.setenv("OURS", "an-opaque-value")
    monkeypatch.setenv("OTHER_TOKEN", "short")
    catalog = make_catalog(
        *ROWS,
        comment=[f"ask {canary.upper()}", None, "c0rrect~horse-battery-staple, and short in the lakehouse"],
        definition=["SELECT 1", f"SELECT\n  ai(token => '{canary}')\n", "SELECT 'an-opaque-value'"],
        columns=[columns("plain", None), None, columns(f"was {canary}", "Größe", None)],
    )
    found = masked(catalog, "OURS").objects
    assert found["comment"].iloc[0] == "ask ***"
    assert found["comment"].iloc[2] == "***, and short in the lakehouse"
    assert list(found["definition"]) == ["SELECT 1", "SELECT\n  ai(token => '***')\n", "SELECT '***'"]
    assert [column["comment"] for column in found["columns"].iloc[2]] == ["was ***", "Größe", None]
    assert [column["comment"] for column in found["columns"].iloc[0]] == ["plain", None]
    unchanged = ["kind", "name", "full_name", "catalog", "schema"]
    pd.testing.assert_frame_equal(found[unchanged], catalog.objects[unchanged])


def test_a_web_token_is_masked_too(make_catalog: MakeCatalog) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJl"
    assert masked(make_catalog(*ROWS[:1], definition=[f"x {token}"])).objects["definition"].iloc[0].startswith("x ***")


def test_without_a_secret_the_catalog_is_the_same_one(make_catalog: MakeCatalog) -> None:
    catalog = make_catalog(*ROWS, comment=["a", "eyJ is no token", None], columns=[columns("x"), [], None])
    pd.testing.assert_frame_equal(masked(catalog).objects, catalog.objects)
    for plain in (make_catalog(*ROWS, comment=["a", "b", None]), make_catalog()):
        assert masked(plain) is plain
