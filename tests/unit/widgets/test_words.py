"""How objects are counted in words, and text in which nothing can hide."""

from __future__ import annotations

import html
import re
from dataclasses import replace

import numpy as np
import pytest

import dbxexplore as dbx
from dbxexplore.filters import Dialect
from dbxexplore.filters.dialects import DIALECTS
from dbxexplore.text import line_html, visible_html, visible_text
from dbxexplore.widgets import words


def test_objects_are_tables_views_and_notebooks(catalog: dbx.Catalog) -> None:
    flags = words.leaves(catalog)
    kinds = catalog.objects["kind"]
    assert set(kinds[flags]) == {"table", "view", "notebook"}
    assert set(kinds[~flags]) == {"catalog", "schema"}
    assert words.leaves(catalog) is flags  # worked out once


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "0 objects"),
        (["prod.gold.t01"], "1 object"),
        (["prod.gold"], "1 schema"),
        (["prod.gold", "prod.gold.t01"], "1 object and 1 schema"),
        (["prod", "prod_mumbai", "prod.gold", "prod.gold.t01", "/Shared/etl"], "2 objects, 2 catalogs and 1 schema"),
    ],
)
def test_containers_are_named_apart(catalog: dbx.Catalog, names: list[str], said: str) -> None:
    assert words.objects_text(catalog, np.asarray(catalog.objects["full_name"].isin(names), dtype=bool)) == said


def test_matching_rules_have_the_title_of_their_menu_entry() -> None:
    assert [dialect.title for dialect in Dialect.named().values()] == [dialect.label for dialect in DIALECTS]
    assert Dialect("search", name="datahub").title == "datahub"  # it only calls itself so
    assert replace(Dialect.STRICT, name="mine").title == "Strict"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb<c>", "a<span class='dbxe-unseen'>U+202E</span>b&lt;c&gt;"),
        ("a\nb\tc", "a\nb\tc"),
        ("\x00\x7f\ud800", "".join(f"<span class='dbxe-unseen'>{s}</span>" for s in "␀␡�")),
        ("a\u200d\U0001f469", "a<span class='dbxe-unseen'>U+200D</span>\U0001f469"),
        ("\u200d", "<span class='dbxe-unseen'>U+200D</span>"),
        ("שלום", "שלום"),
    ],
)
def test_what_nobody_could_see_is_marked(text: str, shown: str) -> None:
    assert visible_html(text) == shown
    assert visible_text(text) == html.unescape(re.sub("</?span[^>]*>", "", shown))


def test_one_line_is_cut_before_it_is_marked_up() -> None:
    assert line_html("a\nb") == "a␤b"
    assert line_html("<" * 20, 5) == "&lt;" * 4 + "…"
