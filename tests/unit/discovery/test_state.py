"""The stored state: whole, versioned, and never without what could merely not be seen."""

from __future__ import annotations

import contextlib
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pandas as pd
import pyarrow as pa
import pytest

import dbxexplore as dbx
from dbxexplore import errors
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage
from dbxexplore.discovery.state import State
from dbxexplore.discovery.tags import TABLE_TAGS, Tags

BEFORE, AFTER = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC)
MakeCatalog = Callable[..., dbx.Catalog]


def taken(catalog: dbx.Catalog, when: datetime) -> dbx.Catalog:
    return dbx.Catalog(catalog.objects, catalog.failures, replace(catalog.provenance, taken_at=when))


def names(state: State) -> list[str]:
    return list(state.catalog.objects["full_name"])


EVERYTHING = (
    ("catalog", None, None, "prod"),
    ("catalog", None, None, "dev"),
    ("schema", "prod", None, "gold"),
    ("schema", "prod", None, "raw"),
    ("table", "prod", "gold", "orders"),
    ("view", "prod", "raw", "events"),
    ("table", "dev", "s", "t"),
    ("notebook", None, None, "/Shared/a/one"),
    ("notebook", None, None, "/Shared/b/two"),
)


def test_a_state_is_read_as_it_was_written(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "int", "nullable": False, "comment": None}]
    before = taken(make_catalog(*EVERYTHING, columns=[columns] * len(EVERYTHING)), BEFORE)
    after = make_catalog(("table", "dev", "s", "t"), failures=(("metastore", "denied", "no"), ("/", "error", "x")))
    state = State(before).followed_by(after, notebooks=True)
    state.save(tmp_path / "state")
    read = State.load(tmp_path / "state")
    pd.testing.assert_frame_equal(read.catalog.objects, state.catalog.objects)
    pd.testing.assert_frame_equal(read.catalog.failures, state.catalog.failures)
    assert read.stale == state.stale
    assert read.catalog.provenance == state.catalog.provenance
    assert read.notebooks
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


@pytest.mark.parametrize(
    ("scope", "kept"),
    [
        ("metastore", {"prod", "prod.gold", "prod.raw", "prod.gold.orders", "prod.raw.events", "dev"}),
        ("prod", {"prod", "prod.gold", "prod.raw", "prod.gold.orders", "prod.raw.events"}),
        ("prod.gold", {"prod.gold", "prod.gold.orders"}),
        ("/", {"/Shared/a/one", "/Shared/b/two"}),
        ("/Shared", {"/Shared/a/one", "/Shared/b/two"}),
        ("/Shared/a", {"/Shared/a/one"}),
        ("/Shar", set()),
        ("pro", set()),
    ],
)
def test_what_could_not_be_seen_is_kept_and_what_is_gone_is_not(
    make_catalog: MakeCatalog, scope: str, kept: set[str]
) -> None:
    new = make_catalog(("table", "dev", "s", "t"), failures=((scope, "denied", "No privilege"),))
    state = State(taken(make_catalog(*EVERYTHING), BEFORE)).followed_by(new, notebooks=True)
    assert set(names(state)) == kept | {"dev.s.t"}
    assert {key[3] for key in state.stale} == kept
    for stale in state.stale.values():
        assert (stale.scope, stale.reason, stale.message, stale.last_seen) == (scope, "denied", "No privilege", BEFORE)


def test_a_catalog_with_a_dot_is_told_from_a_schema(make_catalog: MakeCatalog) -> None:
    before = make_catalog(("table", "a.b", "c", "t"), ("table", "a", "b.c", "t"), ("table", "x", "y", "t"))
    state = State(before).followed_by(
        make_catalog(("table", "a", "b.c", "t"), failures=(("a.b", "denied", "no"),)), notebooks=True
    )
    assert set(state.stale) == {("table", "a.b", "c", "a.b.c.t")}
    assert len(state.catalog) == 2


def test_stale_stays_until_the_scope_can_be_listed_again(make_catalog: MakeCatalog) -> None:
    denied = make_catalog(("table", "dev", "s", "t"), failures=(("prod", "denied", "no"),))
    throttled = make_catalog(("table", "dev", "s", "t"), failures=(("prod", "throttled", "later"),))
    first = State(taken(make_catalog(*EVERYTHING), BEFORE)).followed_by(taken(denied, AFTER), notebooks=True)
    second = first.followed_by(throttled, notebooks=True)
    orders = second.stale["table", "prod", "gold", "prod.gold.orders"]
    assert (orders.reason, orders.last_seen) == ("throttled", BEFORE)
    back = make_catalog(("table", "dev", "s", "t"), ("table", "prod", "gold", "orders"))
    third = second.followed_by(back, notebooks=True)
    assert names(third) == ["dev.s.t", "prod.gold.orders"]
    assert not third.stale


def test_notebooks_that_are_not_looked_for_are_not_kept(make_catalog: MakeCatalog) -> None:
    new = make_catalog(("table", "dev", "s", "t"), failures=(("/", "denied", "no"),))
    assert names(State(make_catalog(*EVERYTHING)).followed_by(new, notebooks=False)) == ["dev.s.t"]


def test_an_empty_state_and_an_empty_discovery(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    empty = make_catalog()
    state = State(empty).followed_by(make_catalog(), notebooks=True)
    state.save(tmp_path / "state")
    assert len(State.load(tmp_path / "state").catalog) == 0


def test_a_state_of_another_version_says_which(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("state.json", json.dumps({"format": 99, "tool_version": "9.9"}))
    with pytest.raises(errors.CatalogError) as caught:
        State.load(path)
    assert "has the format 99, as dbxexplore 9.9 writes it. Expected format 1 to 3, which" in str(caught.value)
    assert "Discover the workspace again" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 half of one"])
def test_a_damaged_state_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "state").write_bytes(content)
    with pytest.raises(errors.CatalogError, match=r"cannot be read.*Discover the workspace again"):
        State.load(tmp_path / "state")


def test_a_state_without_its_catalog_says_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "state", "w") as archive:
        archive.writestr("state.json", json.dumps({"format": 1}))
    with pytest.raises(errors.CatalogError, match="cannot be read"):
        State.load(tmp_path / "state")


@pytest.mark.parametrize("way", ["bit", "cut", "bytes"])
def test_whatever_is_damaged_is_told_as_such(make_catalog: MakeCatalog, tmp_path: Path, way: str) -> None:
    path = tmp_path / "state"
    columns = [{"name": "id", "type": "int", "nullable": False, "comment": None}]
    State(make_catalog(*EVERYTHING, columns=[columns] * len(EVERYTHING))).save(path)
    whole = path.read_bytes()
    random = Random(1)
    for _ in range(700):
        damaged = bytearray(whole)
        if way == "bit":
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        elif way == "cut":
            damaged = damaged[: random.randrange(len(damaged))]
        else:
            for _ in range(20):
                damaged[random.randrange(len(damaged))] = random.randrange(256)
        path.write_bytes(damaged)
        # A bit that means nothing, such as one of a time, may be another one.
        with contextlib.suppress(errors.CatalogError):
            State.load(path)


@pytest.mark.parametrize(
    "about",
    [
        [],
        {"format": 2, "lineage": {"taken_at": "nonsense"}},
        {"format": [1]},
        {"format": {}},
        {"format": 2, "lineage": 5},
    ],
)
def test_a_description_that_makes_no_sense(make_catalog: MakeCatalog, tmp_path: Path, about: object) -> None:
    State(make_catalog()).save(tmp_path / "whole")
    with zipfile.ZipFile(tmp_path / "whole") as whole, zipfile.ZipFile(tmp_path / "state", "w") as odd:
        for name in whole.namelist():
            odd.writestr(name, json.dumps(about) if name == "state.json" else whole.read(name))
    with contextlib.suppress(errors.CatalogError):
        State.load(tmp_path / "state")


# --- what is another kind now, and what may only be browsed ---


def test_a_table_that_is_a_view_now_is_one_object(make_catalog: MakeCatalog) -> None:
    before = make_catalog(("table", "prod", "gold", "a"), ("table", "prod", "gold", "b"), ("view", "prod", "gold", "c"))
    failures = (("prod.gold", "throttled", "Too many requests"),)
    after = make_catalog(("view", "prod", "gold", "a"), ("table", "prod", "gold", "c"), failures=failures)
    state = State(before).followed_by(after, notebooks=True)
    assert set(state.stale) == {("table", "prod", "gold", "prod.gold.b")}
    assert list(zip(state.catalog.objects["kind"], names(state), strict=True)) == [
        ("table", "prod.gold.b"),
        ("table", "prod.gold.c"),
        ("view", "prod.gold.a"),
    ]


def test_a_table_and_a_notebook_are_never_one_object(make_catalog: MakeCatalog) -> None:
    before = make_catalog(("notebook", None, None, "/a"))
    after = make_catalog(("table", "prod", "gold", "a"), failures=(("/", "denied", "no"),))
    assert len(State(before).followed_by(after, notebooks=True).catalog) == 2


def columns_of(state: State, name: str) -> object:
    objects = state.catalog.objects
    found = objects.loc[objects["name"] == name, "columns"].iloc[0]
    return None if found is None or found is pd.NA else [column["name"] for column in found]


def test_the_columns_of_what_may_only_be_browsed_stay_as_they_were(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    columns = [{"name": "id", "type": "int", "nullable": False, "comment": None}]
    rows = tuple(("table", "prod", "gold", name) for name in ("closed", "empty", "new", "open"))
    before = State(taken(make_catalog(*rows[:2], rows[3], columns=[columns, [], columns]), BEFORE))
    closed = make_catalog(*rows, browse_only=[True, True, True, False], columns=[[], [], [], columns])
    first = before.followed_by(taken(closed, AFTER), notebooks=True)
    first.save(tmp_path / "state")
    again = State.load(tmp_path / "state").followed_by(closed, notebooks=True)
    for state in (first, again):
        assert columns_of(state, "closed") == columns_of(state, "open") == ["id"]
        assert columns_of(state, "new") == columns_of(state, "empty") == []
        (key,) = state.stale
        assert key[3] == "prod.gold.closed"
        assert str(state.stale[key]) == (
            "The columns of prod.gold.closed could not be listed (denied): the credential may only browse it. This is "
            "as it was before. Last seen 2024-01-01 00:00 UTC."
        )
    opened = again.followed_by(
        make_catalog(*rows, browse_only=[False] * 4, columns=[[], [], [], columns]), notebooks=True
    )
    assert not opened.stale
    assert columns_of(opened, "closed") == []


# --- lineage ---

PAIRS = pa.Table.from_pylist([dict.fromkeys(TABLE_LINEAGE.names, "a.b")], TABLE_LINEAGE)


def test_lineage_is_read_as_it_was_written(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    columns = COLUMN_LINEAGE.empty_table()
    for lineage in (
        Lineage(),
        Lineage(PAIRS, columns, (), BEFORE),
        Lineage(PAIRS, None, ("system.access.column_lineage could not be read.",), BEFORE),
    ):
        State(make_catalog(), lineage=lineage).save(tmp_path / "state")
        assert State.load(tmp_path / "state").lineage == lineage


def test_tags_are_read_as_they_were_written(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([dict.fromkeys(TABLE_TAGS.names, "a.b")], TABLE_TAGS)
    for tags in (Tags(), Tags(TABLE_TAGS.empty_table()), Tags(table, "They could not be read.")):
        State(make_catalog(), tags=tags).save(tmp_path / "state")
        assert State.load(tmp_path / "state").tags == tags


def test_a_state_of_the_first_format_is_read_and_knows_no_lineage(make_catalog: MakeCatalog, tmp_path: Path) -> None:
    State(make_catalog(("table", "dev", "s", "t")), lineage=Lineage(PAIRS)).save(tmp_path / "new")
    with zipfile.ZipFile(tmp_path / "new") as new, zipfile.ZipFile(tmp_path / "old", "w") as old:
        old.writestr("state.json", json.dumps({"format": 1, "tool_version": "0.1.0", "notebooks": True}))
        for name in ("catalog.parquet", "stale.parquet"):
            old.writestr(name, new.read(name))
    read = State.load(tmp_path / "old")
    assert names(read) == ["dev.s.t"]
    assert read.lineage == Lineage()
    assert read.tags == Tags()


def test_what_is_unknown_of_lineage_stays_as_it_was() -> None:
    columns = COLUMN_LINEAGE.empty_table()
    earlier = Lineage(PAIRS, columns, ("old",), BEFORE)
    assert Lineage(problems=("no",)).or_else(earlier) == Lineage(PAIRS, columns, ("no",), BEFORE)
    half = Lineage(TABLE_LINEAGE.empty_table(), None, ("no",), AFTER).or_else(earlier)
    assert (len(half.tables), half.columns, half.taken_at) == (0, columns, AFTER)
    whole = Lineage(TABLE_LINEAGE.empty_table(), columns, (), AFTER)
    assert whole.or_else(earlier) == whole
    assert Lineage(problems=("no",)).or_else(None) == Lineage(problems=("no",))
