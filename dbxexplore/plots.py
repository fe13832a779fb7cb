"""Plots of a preview, drawn with plotly: ``pip install "dbxexplore[plots]"``."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from dbxexplore import errors
from dbxexplore.catalog.names import name_key
from dbxexplore.text import one_line

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from dbxexplore.filters import Preview

# Grey to the green of what is included everywhere else. They differ in lightness too, so they stay apart for colour-blind
# eyes and in print.
EXCLUDED, INCLUDED = "#c8c8c8", "#116329"
_EXCLUDED_IN_DARK, _INCLUDED_IN_DARK = "#3d444d", "#56d364"
_DARK, _LIGHT = "#000000", "#ffffff"  # text on a box
# Text outside the boxes, on a background that is the host's: for a light one, a dark one, and one that is not known. The
# last has a contrast of more than 4 with white and with the backgrounds of dark notebooks.
_INK = {False: "#1f2328", True: "#e6edf3", None: "#7d7d7d"}

_ALL, _ALL_NAME = "all", "all catalogs"  # the box that holds all others
_LONGEST_IN_BOX = 40  # characters; plotly would shrink a longer name until nobody can read it
_LARGE = 0.08  # share of the whole, from which on the label of a box has room for numbers
_LONGEST_IN_SMALL = 16


def coverage_table(preview: Preview) -> pd.DataFrame:
    """Return how much of each catalog and schema is included: the data of `coverage`.

    One row per catalog and schema that holds a table or view, by their names whatever the case, a catalog before
    its schemas. Columns: ``catalog`` and ``schema`` (string; the schema is NA in a catalog's own row), ``objects`` and
    ``included`` (int64, tables and views) and ``share`` (float64, 0 to 1).
    """
    objects = preview.catalog.objects
    kinds = objects["kind"].cat.categories.isin(["table", "view"])
    is_counted = np.append(kinds, False)[objects["kind"].cat.codes.to_numpy()]  # -1, of a missing kind, is the last
    catalog_names, catalog = _ranked(objects["catalog"])
    schema_names, schema = _ranked(objects["schema"])
    is_counted &= catalog >= 0
    width = len(schema_names) + 1
    place = (catalog * width + schema + 1)[is_counted]  # a place without a schema comes before those with one
    included = preview.included.to_numpy()[is_counted]

    # Neighbouring rows mostly share their schema: summing runs of equal places is summing far fewer.
    starts = np.flatnonzero(np.append(True, place[1:] != place[:-1])) if len(place) else np.empty(0, dtype=np.intp)
    sizes = np.diff(starts, append=len(place))
    let_in = np.add.reduceat(included, starts, dtype=np.int64) if len(starts) else sizes
    runs = pd.DataFrame({"place": place[starts], "objects": sizes, "included": let_in}).astype("int64")

    by_catalog = runs.assign(place=runs["place"] // width * width).groupby("place").sum()
    by_schema = runs[runs["place"] % width > 0].groupby("place").sum()
    sums = pd.concat([by_catalog, by_schema]).sort_index()
    places = sums.index.to_numpy()
    schemas = [None if at < 0 else schema_names[at] for at in places % width - 1]
    columns = {
        "catalog": pd.array(catalog_names[places // width], dtype="string"),
        "schema": pd.array(schemas, dtype="string"),
    }
    table = pd.DataFrame(columns).assign(objects=sums["objects"].to_numpy(), included=sums["included"].to_numpy())
    return table.assign(share=table["included"] / table["objects"])


def _ranked(series: pd.Series) -> tuple[npt.NDArray[np.object_], npt.NDArray[np.int64]]:
    """Return the categories of a series in the order of a tree, and each row's position among them, -1 without one."""
    names = [str(name) for name in series.cat.categories]
    order = sorted(range(len(names)), key=lambda at: name_key(names[at]))
    rank = np.full(len(names) + 1, -1, dtype=np.int64)
    rank[order] = np.arange(len(names))
    return np.array([*(names[at] for at in order), None], dtype=object)[:-1], rank[series.cat.codes.to_numpy()]


def coverage(preview: Preview, *, dark: bool | None = None) -> Figure:
    """Return a treemap of the tables and views, catalog › schema: area by number, colour by share included.

    Notebooks and containers without a table or view are not drawn. Neither is what could not be listed; the title
    says so. The background is transparent.

    Args:
        preview: what to draw.
        dark: whether the page is dark. By default, text outside the boxes is grey, to be read on either.

    Raises:
        DbxExploreError: plotly is not installed.
    """
    try:
        from plotly import graph_objects as go
    except ImportError:
        msg = "plotly is required for this plot and is not installed"
        raise errors.DbxExploreError(msg, remedy='Install it with pip install "dbxexplore[plots]"') from None
    table = coverage_table(preview)
    drawn = treemap(table, dark=bool(dark))
    scale = {"showscale": True, "colorbar": {"title": {"text": "included"}, "tickformat": ".0%"}}
    figure = go.Figure(go.Treemap({**drawn, "marker": {**cast("dict[str, object]", drawn["marker"]), **scale}}))
    figure.update_layout(
        title={"text": _title(preview, table[table["schema"].isna()])},
        margin={"t": 50, "l": 10, "r": 10, "b": 10},
        template="none",  # whatever the default of the session: it would bring colours of its own
        font={"color": _INK[dark]},
        **LAYOUT,
    )
    return figure


LAYOUT: dict[str, object] = {
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "uniformtext": {"minsize": 10, "mode": "hide"},
    "hoverlabel": {"bgcolor": "#1f2328", "bordercolor": "#1f2328", "font": {"color": "#ffffff"}},
}
"""The layout of a figure on a page whose colours are not known: nothing of its own behind the boxes, and no text so
small that it cannot be read."""


def treemap(table: pd.DataFrame, *, dark: bool = False) -> dict[str, object]:
    """Return what plotly's ``Treemap`` takes to draw rows of `coverage_table`: a box for all, then theirs in order.

    ``dark`` chooses the colours for a dark page.

    Every schema needs the row of its catalog, before it. Names are written so that plotly shows them as they are,
    and every box says how many of how many objects are included, in black or white, whichever is easier to read.
    """
    is_catalog = table["schema"].isna().to_numpy(dtype=bool)
    # Positions instead of names, which may hold whatever would join them.
    catalog_row = np.maximum.accumulate(np.where(is_catalog, np.arange(len(table)), 0))
    names = [_ALL_NAME, *table["schema"].fillna(table["catalog"])]
    short = [_text(name, _LONGEST_IN_BOX) for name in names]
    objects = [int(table["objects"][is_catalog].sum()), *table["objects"].tolist()]
    included = [int(table["included"][is_catalog].sum()), *table["included"].tolist()]
    share = [let_in / max(1, every) for let_in, every in zip(included, objects, strict=True)]
    low, high = _colours(dark=dark)
    inks = [ink(part, dark=dark) for part in share]
    sums = [f"{let_in:,} of {every:,}" for let_in, every in zip(included, objects, strict=True)]
    return {
        "ids": [_ALL, *(f"{'c' if c else 's'}{row}" for row, c in enumerate(is_catalog))],
        # plotly shows the label of a box that holds others, and the text of the rest. It leaves out a label that
        # does not fit, so a small box has the name alone.
        "labels": [
            f"{_text(name, _LONGEST_IN_BOX)} · {numbers}"
            if number >= _LARGE * objects[0]
            else _text(name, _LONGEST_IN_SMALL)
            for name, numbers, number in zip(names, sums, objects, strict=True)
        ],
        "text": [f"{name}<br>{numbers}" for name, numbers in zip(short, sums, strict=True)],
        "hovertext": [_text(name) for name in names],
        "parents": ["", *(_ALL if c else f"c{row}" for c, row in zip(is_catalog, catalog_row, strict=True))],
        "values": objects,
        "customdata": included,
        "branchvalues": "total",
        "marker": {
            "colors": share,
            "colorscale": [[0, low], [1, high]],
            "cmin": 0,
            "cmax": 1,
            "showscale": False,
            "line": {"color": _DARK if dark else _LIGHT, "width": 1},
        },
        "textfont": {"color": inks},
        "pathbar": {"textfont": {"color": inks}},
        "texttemplate": "%{text}",
        "hovertemplate": "%{hovertext}<br>%{customdata:,} of %{value:,} tables and views included<br>%{color:.0%}<extra></extra>",
    }


def _colours(*, dark: bool) -> tuple[str, str]:
    """Return the colours of what is excluded and of what is included."""
    return (_EXCLUDED_IN_DARK, _INCLUDED_IN_DARK) if dark else (EXCLUDED, INCLUDED)


def ink(share: float, *, dark: bool = False) -> str:
    """Return black or white, whichever is easier to read on the colour of a box."""
    low, high = map(_rgb, _colours(dark=dark))
    light = _luminance([a + (b - a) * share for a, b in zip(low, high, strict=True)])
    return _DARK if (light + 0.05) ** 2 > (1 + 0.05) * 0.05 else _LIGHT


def _rgb(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]


def _luminance(rgb: list[float]) -> float:
    """Return the relative luminance of a colour (https://www.w3.org/TR/WCAG22/#dfn-relative-luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]  # noqa: PLR2004 - as defined
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _title(preview: Preview, catalogs: pd.DataFrame) -> str:
    total = f"{catalogs['included'].sum():,} of {catalogs['objects'].sum():,} tables and views included"
    return total if preview.catalog.complete else f"{total}; incomplete: {preview.catalog.not_listed}"


def _text(name: str, limit: int = 255) -> str:
    """Return a name as plotly shows it as it is: it reads some HTML in labels, and formulas between dollars.

    What would break the line or turn its direction is shown as a symbol.
    """
    return html.escape(one_line(str(name), limit), quote=False).replace("$", "&#36;")
