"""The coverage treemap: what it counts, and that it shows names as they are."""

from __future__ import annotations

import html
import sys

import needs
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dbxexplore as dbx
from dbxexplore import errors, plots
from dbxexplore.catalog import Catalog, Provenance
from dbxexplore.catalog.schema import table_from_frame
from dbxexplore.plots import coverage, coverage_table, treemap


def relations(*names: tuple[str, str, str, str]) -> pd.DataFrame:
    kinds, catalogs, schemas, bare = zip(*names, strict=True)
    full = [".".join(name[1:]) for name in names]
    return pd.DataFrame({"kind": kinds, "catalog": catalogs, "schema": schemas, "name": bare, "full_name": full})


FRAME = relations(
    ("table", "prod", "gold", "orders"),
    ("view", "prod", "gold", "daily"),
    ("table", "prod", "tmp", "x"),
    ("table", "dev", "gold", "orders"),
)
FILTERS = dbx.Filters(catalogs=dbx.Patterns(allow=["^prod$"]), schemas=dbx.Patterns(deny=[r".*\.tmp$"]))


def test_the_table() -> None:
    table = coverage_table(FILTERS.preview(dbx.Catalog.from_frame(FRAME)))
    rows = [tuple(None if pd.isna(value) else value for value in row) for row in table.itertuples(index=False)]
    assert rows == [
        ("dev", None, 1, 0, 0.0),
        ("dev", "gold", 1, 0, 0.0),
        ("prod", None, 3, 2, 2 / 3),
        ("prod", "gold", 2, 2, 1.0),
        ("prod", "tmp", 1, 0, 0.0),
    ]
    assert [str(dtype) for dtype in table.dtypes[2:]] == ["int64", "int64", "float64"]


def test_the_order_is_that_of_names_whatever_their_case() -> None:
    held = [("table", catalog, "S", "t") for catalog in ("b", "C", "a", "A")] + [("table", "A", "r", "t")]
    table = coverage_table(dbx.Filters().preview(dbx.Catalog.from_frame(relations(*held))))
    assert [name for name, schema in zip(table["catalog"], table["schema"], strict=True) if pd.isna(schema)] == [
        *("A", "a", "b", "C")
    ]
    assert table.loc[table["catalog"] == "A", "schema"].tolist()[1:] == ["r", "S"]


names = st.sampled_from(["a", "B", "b.c", "", "ä"])
rows = st.lists(st.tuples(st.sampled_from(["table", "view"]), names, names, st.sampled_from("tu")), min_size=1)


@given(rows, st.sampled_from(["a", "b", "t$"]))
def test_the_table_is_the_sum_of_the_objects(held: list[tuple[str, str, str, str]], denied: str) -> None:
    held = [(kind, catalog or "x", schema or "y", name) for kind, catalog, schema, name in held]
    preview = dbx.Filters(tables=dbx.Patterns(deny=[f".*{denied}"])).preview(dbx.Catalog.from_frame(relations(*held)))
    expected: dict[tuple[str, str | None], list[int]] = {}
    objects = preview.catalog.objects
    for catalog, schema, included in zip(objects["catalog"], objects["schema"], preview.included, strict=True):
        for place in ((catalog, None), (catalog, schema)):
            sums = expected.setdefault(place, [0, 0])
            sums[0] += 1
            sums[1] += included
    found = {
        (row.catalog, None if pd.isna(row.schema) else row.schema): [row.objects, row.included]
        for row in coverage_table(preview).itertuples()
    }
    assert found == expected
    assert list(found) == sorted(found, key=lambda place: [(name.lower(), name) for name in place if name is not None])


def test_nothing_to_draw(small_frame: pd.DataFrame) -> None:
    containers = small_frame[small_frame["kind"].isin(["catalog", "schema", "notebook"])]
    table = coverage_table(dbx.Filters().preview(dbx.Catalog.from_frame(containers)))
    assert list(table.columns) == ["catalog", "schema", "objects", "included", "share"]
    assert len(table) == 0


def test_the_figure() -> None:
    pytest.importorskip("plotly", reason=needs.package("plotly"))
    (drawn,) = coverage(FILTERS.preview(dbx.Catalog.from_frame(FRAME))).data
    assert list(drawn.hovertext) == ["all catalogs", "dev", "gold", "prod", "gold", "tmp"]
    assert list(drawn.labels)[:3] == ["all catalogs · 2 of 4", "dev · 0 of 1", "gold · 0 of 1"]
    assert list(drawn.text)[-2:] == ["gold<br>2 of 2", "tmp<br>0 of 1"]
    assert list(drawn.parents) == ["", "all", "c0", "all", "c2", "c2"]
    assert list(drawn.ids) == ["all", "c0", "s1", "c2", "s3", "s4"]
    assert list(drawn.values) == [4, 1, 1, 3, 2, 1]
    assert list(drawn.customdata) == [2, 0, 0, 2, 2, 0]
    assert list(drawn.marker.colors) == [0.5, 0, 0, 2 / 3, 1, 0]
    assert (drawn.marker.cmin, drawn.marker.cmax) == (0, 1)


def test_a_small_box_has_its_name_alone() -> None:
    rows = [("table", "large", "s", f"t{number}") for number in range(20)]
    frame = relations(*rows, ("table", "small_" * 10, "s", "t"))
    labels = treemap(coverage_table(dbx.Filters().preview(dbx.Catalog.from_frame(frame))))["labels"]
    assert labels == ["all catalogs · 21 of 21", "large · 20 of 20", "s · 20 of 20", "small_small_sma…", "s"]


def test_names_with_dots_do_not_meet() -> None:
    pytest.importorskip("plotly", reason=needs.package("plotly"))
    frame = relations(("table", "a.b", "c", "t"), ("table", "a", "b.c", "t"))
    (drawn,) = coverage(dbx.Filters().preview(dbx.Catalog.from_frame(frame))).data
    assert len(set(drawn.ids)) == 5
    assert list(drawn.values) == [2, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ('<a href="javascript:alert(1)">x</a>', '&lt;a href="javascript:alert(1)"&gt;x&lt;/a&gt;'),
        ("a<br>b", "a&lt;br&gt;b"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("$x^2$", "&#36;x^2&#36;"),
        ("表", "表"),
        ("a\nb", "a␤b"),
        ("\u202ea\u200fb", "�a�b"),
        ("<extra></extra>%{label}", "&lt;extra&gt;&lt;/extra&gt;%{label}"),
        ("n" * 255, "n" * 255),
    ],
)
def test_a_name_is_no_markup(name: str, shown: str) -> None:
    pytest.importorskip("plotly", reason=needs.package("plotly"))
    (drawn,) = coverage(dbx.Filters().preview(dbx.Catalog.from_frame(relations(("table", name, name, "t"))))).data
    assert list(drawn.hovertext)[1:] == [shown, shown]
    written = [*drawn.labels, *drawn.text, *drawn.hovertext]
    assert not any("<" in text.replace("<br>1 of 1", "") or "$" in text for text in written[1:])
    # A long name in a box would make its text so small that nobody can read it.
    assert all(len(html.unescape(text)) < 60 for text in (*drawn.labels, *drawn.text))


@pytest.mark.parametrize(
    ("dark", "pages"), [(None, ["#ffffff", "#111111", "#1e1e1e"]), (False, ["#ffffff"]), (True, ["#111111", "#1e1e1e"])]
)
def test_text_outside_the_boxes_can_be_read_on_the_page(dark: bool | None, pages: list[str]) -> None:
    plotly = pytest.importorskip("plotly", reason=needs.package("plotly"))
    preview = FILTERS.preview(dbx.Catalog.from_frame(FRAME))
    figure = coverage(preview) if dark is None else coverage(preview, dark=dark)
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
    text = plots._luminance(plots._rgb(figure.layout.font.color))
    for page in pages:
        behind = plots._luminance(plots._rgb(page))
        assert (max(text, behind) + 0.05) / (min(text, behind) + 0.05) >= 4
    colours = [colour for _, colour in figure.data[0].marker.colorscale]
    assert colours == list(plots._colours(dark=bool(dark)))
    assert plotly.io.templates["none"].to_plotly_json() == figure.layout.template.to_plotly_json()


def test_the_title_tells_of_what_is_missing() -> None:
    pytest.importorskip("plotly", reason=needs.package("plotly"))
    whole = coverage(FILTERS.preview(dbx.Catalog.from_frame(FRAME)))
    assert whole.layout.title.text == "2 of 4 tables and views included"
    part = Catalog.from_table(table_from_frame(FRAME), [("prod.hr", "denied", "no")], Provenance())
    said = coverage(FILTERS.preview(part)).layout.title.text
    assert said == "2 of 4 tables and views included; incomplete: 1 catalog/schema couldn't be listed"


def test_without_plotly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(errors.DbxExploreError, match=r'pip install "dbxexplore\[plots\]"'):
        coverage(dbx.Filters().preview(dbx.Catalog.from_frame(FRAME)))
