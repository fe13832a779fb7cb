"""Lineage as dependencies: only between assets, without circles, the same each time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbxexplore.dagster_sync.lineage import with_lineage
from dbxexplore.discovery.changes import TableName
from dbxexplore.discovery.lineage import COLUMN_LINEAGE, TABLE_LINEAGE, Lineage

Pair = tuple[str, str]


def name(text: str) -> TableName:
    return TableName("prod", "s", text)


def key(text: str) -> dg.AssetKey:
    return dg.AssetKey(["lake", *name(text)])


def tables(*pairs: Pair) -> pa.Table:
    rows = [[*name(source), *name(target)] for source, target in pairs]
    return pa.Table.from_pylist([dict(zip(TABLE_LINEAGE.names, row, strict=True)) for row in rows], TABLE_LINEAGE)


def columns(*rows: tuple[str, str, str, str]) -> pa.Table:
    """Rows of source, its column, target and its column."""
    made = [[*name(source), *name(target), one, other] for source, one, target, other in rows]
    return pa.Table.from_pylist([dict(zip(COLUMN_LINEAGE.names, row, strict=True)) for row in made], COLUMN_LINEAGE)


def specs(included: str, lineage: Lineage) -> dict[str, dg.AssetSpec]:
    made = with_lineage(
        [dg.AssetSpec(key(one)) for one in included], {name(one): key(one) for one in included}, lineage
    )
    assert [spec.key for spec in made] == [key(one) for one in included]
    return {spec.key.path[-1]: spec for spec in made}


def deps(spec: dg.AssetSpec) -> list[str]:
    return [dep.asset_key.path[-1] for dep in spec.deps]


def test_a_table_depends_on_what_it_was_made_from() -> None:
    made = specs("abc", Lineage(tables(("a", "b"), ("b", "c"), ("a", "c"), ("a", "c"))))
    assert {one: deps(spec) for one, spec in made.items()} == {"a": [], "b": ["a"], "c": ["a", "b"]}


def test_what_is_not_included_is_told_and_no_dependency() -> None:
    made = specs("b", Lineage(tables(("a", "b"), ("z", "b"), ("b", "c"))))
    assert deps(made["b"]) == []
    assert made["b"].metadata["dbxexplore/upstream_outside"].data == ["prod.s.a", "prod.s.z"]


def test_no_table_depends_on_itself() -> None:
    made = specs("a", Lineage(tables(("a", "a")), columns(("a", "x", "a", "y"))))
    assert deps(made["a"]) == []
    assert not made["a"].metadata


def test_columns_are_traced_to_assets_alone() -> None:
    found = columns(("a", "x", "b", "y"), ("a", "w", "b", "y"), ("z", "x", "b", "y"), ("z", "x", "b", "v"))
    made = specs("ab", Lineage(tables(("a", "b")), found))
    lineage = made["b"].metadata["dagster/column_lineage"]
    assert lineage == dg.TableColumnLineage({"y": [dg.TableColumnDep(key("a"), "w"), dg.TableColumnDep(key("a"), "x")]})
    assert made["b"].metadata["dbxexplore/upstream_outside"].data == ["prod.s.z"]


def test_columns_alone_make_a_dependency() -> None:
    made = specs("ab", Lineage(None, columns(("a", "x", "b", "y"))))
    assert deps(made["b"]) == ["a"]


def test_columns_of_before_do_not_revive_what_the_tables_say_is_gone() -> None:
    before = columns(("a", "x", "b", "y"), ("a", "x", "c", "z"), ("z", "x", "b", "y"))
    known = Lineage(tables(("a", "b"), ("a", "c"), ("z", "b")), before)
    made = specs("abc", Lineage(tables(("a", "c"))).or_else(known))
    assert {one: deps(spec) for one, spec in made.items()} == {"a": [], "b": [], "c": ["a"]}
    assert not made["b"].metadata
    assert "dagster/column_lineage" in made["c"].metadata
    # Where the tables are unknown as well, all is as it was.
    assert deps(specs("abc", Lineage().or_else(known))["b"]) == ["a"]
    assert deps(specs("abc", Lineage(None, columns(("a", "x", "b", "y"))).or_else(known))["b"]) == ["a"]
    assert len(Lineage(tables()).or_else(known).columns or ()) == 0


def test_unknown_lineage_changes_nothing() -> None:
    assert deps(specs("ab", Lineage(problems=("no permission",)))["b"]) == []


def test_a_circle_is_broken_and_told(caplog: pytest.LogCaptureFixture) -> None:
    found = Lineage(tables(("a", "b"), ("b", "c"), ("c", "a")), columns(("a", "x", "b", "x"), ("c", "x", "a", "x")))
    made = specs("abc", found)
    # Walking up from a: c, then b, whose way to a is the one that closes the circle.
    assert {one: deps(spec) for one, spec in made.items()} == {"a": ["c"], "b": [], "c": ["b"]}
    assert made["b"].metadata["dbxexplore/upstream_in_circle"].data == ["lake/prod/s/a"]
    assert "dagster/column_lineage" not in made["b"].metadata
    assert "['lake', 'prod', 's', 'b'] runs in a circle" in caplog.text


def test_a_long_chain_is_no_deep_recursion() -> None:
    names = [f"t{at:05d}" for at in range(5000)]
    chain = Lineage(tables(*itertools.pairwise(names)))
    made = with_lineage([dg.AssetSpec(key(one)) for one in names], {name(one): key(one) for one in names}, chain)
    assert sum(len(list(spec.deps)) for spec in made) == 4999


def test_dependencies_of_ones_own_are_kept() -> None:
    own = dg.AssetSpec(key("b"), deps=[dg.AssetKey("other")])
    (made,) = with_lineage([own], {name("a"): key("a"), name("b"): key("b")}, Lineage(tables(("a", "b"))))
    assert {dep.asset_key for dep in made.deps} == {key("a"), dg.AssetKey("other")}


def with_own(own: Sequence[Pair], *pairs: Pair) -> dict[str, dg.AssetSpec]:
    """Specs of a, b, c and d; ``own`` are pairs of a source and a spec that depends on it whatever the lineage is."""
    made = [dg.AssetSpec(key(one), deps=[key(source) for source, target in own if target == one]) for one in "abcd"]
    return {
        spec.key.path[-1]: spec
        for spec in with_lineage(made, {name(one): key(one) for one in "abcd"}, Lineage(tables(*pairs)))
    }


def test_a_circle_with_a_dependency_of_ones_own_is_broken_where_lineage_is_part_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    made = with_own([("b", "a")], ("a", "b"))
    assert {one: deps(spec) for one, spec in made.items()} == {"a": ["b"], "b": [], "c": [], "d": []}
    assert made["b"].metadata["dbxexplore/upstream_in_circle"].data == ["lake/prod/s/a"]
    assert "['lake', 'prod', 's', 'b'] runs in a circle" in caplog.text
    # The one that closes it is somebody's own, so the one before it on the way goes.
    made = with_own([("a", "c")], ("b", "a"), ("c", "b"), ("d", "b"), ("d", "c"))
    assert {one: deps(spec) for one, spec in made.items()} == {"a": ["b"], "b": ["d"], "c": ["a", "d"], "d": []}


def test_a_dependency_that_both_name_is_there_once() -> None:
    (_, made, *_) = with_own([("a", "b")], ("a", "b")).values()
    assert deps(made) == ["a"]
    assert "dbxexplore/upstream_in_circle" not in made.metadata


def test_a_circle_of_ones_own_alone_is_for_dagster_to_refuse() -> None:
    made = with_own([("a", "b"), ("b", "a"), ("c", "c")], ("a", "d"), ("d", "c"))
    assert {one: deps(spec) for one, spec in made.items()} == {"a": ["b"], "b": ["a"], "c": ["c", "d"], "d": ["a"]}


def test_objects_that_share_an_asset_share_its_dependencies() -> None:
    keys = {name("a"): key("a"), name("b"): key("x"), name("c"): key("x")}
    pairs = Lineage(tables(("a", "b"), ("b", "c")))
    made = with_lineage([dg.AssetSpec(key("a")), dg.AssetSpec(key("x"))], keys, pairs)
    assert deps(made[1]) == ["a"]


letters = st.sampled_from("abcdef")
pairs = st.lists(st.tuples(letters, letters), max_size=20)


@given(pairs=pairs, included=st.lists(letters, unique=True, min_size=1))
def test_dagster_takes_whatever_the_lineage_is(pairs: Sequence[Pair], included: list[str]) -> None:
    made: Any = specs("".join(included), Lineage(tables(*pairs)))
    graph = dg.Definitions(assets=list(made.values())).resolve_asset_graph()
    assert graph.get_all_asset_keys() == {key(one) for one in included}
    list(graph.toposorted_asset_keys)
    again = specs("".join(sorted(included)), Lineage(tables(*reversed(pairs))))
    assert {one: deps(spec) for one, spec in made.items()} == {one: deps(again[one]) for one in made}
    for one, spec in made.items():
        circle = spec.metadata.get("dbxexplore/upstream_in_circle")
        left_out = [text.rpartition("/")[2] for text in circle.data] if circle else []
        wanted = {source for source, target in pairs if target == one and source != one and source in included}
        assert sorted([*deps(spec), *left_out]) == sorted(wanted)


@given(own=pairs, lineage=pairs)
def test_dagster_takes_it_whatever_is_somebodys_own(own: Sequence[Pair], lineage: Sequence[Pair]) -> None:
    names = "abcdef"
    own = [(source, target) for source, target in own if source < target]  # no circle of their own
    before = [dg.AssetSpec(key(one), deps=[key(a) for a in {a for a, b in own if b == one}]) for one in names]
    made = with_lineage(before, {name(one): key(one) for one in names}, Lineage(tables(*lineage)))
    list(dg.Definitions(assets=made).resolve_asset_graph().toposorted_asset_keys)
    for spec in made:
        one = spec.key.path[-1]
        circle = spec.metadata.get("dbxexplore/upstream_in_circle")
        left_out = [text.rpartition("/")[2] for text in circle.data] if circle else []
        assert len(deps(spec)) == len(set(deps(spec)))
        assert {a for a, b in own if b == one} <= set(deps(spec))
        assert {*deps(spec), *left_out} == {a for a, b in [*own, *lineage] if b == one and a != b}
        assert not {*left_out} & {*deps(spec)}
