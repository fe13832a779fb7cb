"""Pictures of a preview, drawn by plotly: ``pip install "dbxexplore[plots]"``."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import pandas as pd

from dbxexplore import errors

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from dbxexplore.filters import Preview

# Grey to blue, which stay apart for colour-blind eyes and in print.
_EXCLUDED, _INCLUDED = "#d9d9d9", "#1f77b4"


def coverage_table(preview: Preview) -> pd.DataFrame:
    """Return how much of each catalog and schema is let through: what `coverage` draws.

    One row for each catalog and schema that holds a table or view, a catalog before its schemas. Columns:
    ``catalog`` and ``schema`` (string; the schema is NA in a catalog's own row), ``objects`` and ``included``
    (int64, tables and views) and ``share`` (float64, 0 to 1).
    """
    objects = preview.catalog.objects
    held = objects["kind"].isin(["table", "view"])
    names = objects.loc[held, ["catalog", "schema"]].assign(included=preview.included[held])
    by_schema = names.groupby(["catalog", "schema"], observed=True, sort=True)["included"].agg(["size", "sum"])
    by_catalog = names.groupby("catalog", observed=True, sort=True)["included"].agg(["size", "sum"])
    schemas = [(str(catalog), str(schema)) for catalog, schema in by_schema.index]
    made = pd.DataFrame(
        {
            "catalog": pd.array([*map(str, by_catalog.index), *(catalog for catalog, _ in schemas)], "string"),
            "schema": pd.array([*[None] * len(by_catalog), *(schema for _, schema in schemas)], "string"),
            "objects": [*by_catalog["size"], *by_schema["size"]],
            "included": [*by_catalog["sum"], *by_schema["sum"]],
        }
    ).astype({"objects": "int64", "included": "int64"})
    made["share"] = made["included"] / made["objects"]
    return made.sort_values(["catalog", "schema"], na_position="first", ignore_index=True)


def coverage(preview: Preview) -> Figure:
    """Return a treemap of the tables and views, catalog › schema: area by number, colour by share let through.

    Notebooks belong to no catalog, and what holds no table or view has no area; neither is drawn. What could
    not be listed is not drawn either, which the title says.

    Raises:
        DbxExploreError: plotly is not installed.
    """
    try:
        from plotly import graph_objects as go
    except ImportError:
        msg = "plotly, which draws the picture, is not installed"
        raise errors.DbxExploreError(msg, remedy='Install it with pip install "dbxexplore[plots]"') from None
    table = coverage_table(preview)
    is_catalog = table["schema"].isna()
    # Positions instead of names, which may hold whatever would join them.
    place = {name: f"c{row}" for row, name in table.loc[is_catalog, "catalog"].items()}
    figure = go.Figure(
        go.Treemap(
            ids=[
                place[name] if top else f"s{row}"
                for row, name, top in zip(table.index, table["catalog"], is_catalog, strict=True)
            ],
            labels=[_text(name) for name in table["schema"].fillna(table["catalog"])],
            parents=["" if top else place[name] for name, top in zip(table["catalog"], is_catalog, strict=True)],
            values=table["objects"].tolist(),
            customdata=table["included"].tolist(),
            branchvalues="total",
            marker={
                "colors": table["share"].tolist(),
                "colorscale": [[0, _EXCLUDED], [1, _INCLUDED]],
                "cmin": 0,
                "cmax": 1,
                "colorbar": {"title": {"text": "included"}, "tickformat": ".0%"},
            },
            texttemplate="%{label}<br>%{customdata:,} of %{value:,}",
            hovertemplate="%{label}<br>%{customdata:,} of %{value:,} tables and views included<br>%{color:.0%}<extra></extra>",
        )
    )
    figure.update_layout(
        title={"text": _title(preview, table[is_catalog])}, margin={"t": 50, "l": 10, "r": 10, "b": 10}
    )
    return figure


def _title(preview: Preview, catalogs: pd.DataFrame) -> str:
    total = f"{catalogs['included'].sum():,} of {catalogs['objects'].sum():,} tables and views are included"
    missing = len(preview.catalog.failures)
    if not missing:
        return total
    return f"{total}; incomplete: {missing:,} scope{'s' * (missing != 1)} could not be listed"


def _text(name: str) -> str:
    """Return a name as plotly shows it as it is: it reads some HTML in labels, and formulas between dollars."""
    return html.escape(str(name), quote=False).replace("$", "&#36;")
