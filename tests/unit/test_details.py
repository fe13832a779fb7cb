"""All that a workspace says about one object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

import dbxexplore as dbx
from dbxexplore.connection import object_url
from dbxexplore.discovery.details import Column, Details, read_details


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, object]) -> Iterator[list[str]]:
    asked: list[str] = []

    def get(_self: object, path: str, _query: object = None) -> Mapping[str, object]:
        asked.append(path)
        return answer

    monkeypatch.setattr("dbxexplore.connection.WorkspaceApi.get", get)
    yield asked


@pytest.mark.parametrize(
    ("answer", "details"),
    [
        ({}, Details()),
        ({"owner": 3, "columns": "none", "created_at": "yesterday", "browse_only": "no"}, Details()),
        ({"browse_only": True, "columns": []}, Details(browse_only=True)),
        ({"columns": []}, Details(columns=[])),
        ({"columns": [{"type_text": "int"}]}, Details()),
        ({"columns": [{"name": "a", "nullable": False}]}, Details(columns=[Column("a", None, False, None)])),
    ],
)
def test_what_an_answer_does_not_say_is_unknown(
    monkeypatch: pytest.MonkeyPatch, answer: Mapping[str, object], details: Details
) -> None:
    monkeypatch.setenv("ANY_TOKEN", "any")
    settings = dbx.ConnectionSettings("http://127.0.0.1:9", dbx.TokenAuth("ANY_TOKEN"))
    with answering(monkeypatch, answer) as asked:
        assert read_details(settings, "table", "a.b c/d.ü") == details
    assert asked == ["/api/2.1/unity-catalog/tables/a.b%20c%2Fd.%C3%BC"]


def test_names_are_quoted_in_addresses() -> None:
    url = "https://adb-1.azuredatabricks.net"
    assert object_url(f"{url}/", "a/b.c d.e?#%", "a/b", "c d", "e?#%") == f"{url}/explore/data/a%2Fb/c%20d/e%3F%23%25"
    assert object_url(url, "/Users/a b/etl") == f"{url}/#workspace/Users/a%20b/etl"
