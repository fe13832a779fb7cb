"""What the filters let through, and what the last edit changed."""

from __future__ import annotations

import html
from collections.abc import Mapping

import ipywidgets as widgets
import traitlets

from dbxexplore.filters import Preview
from dbxexplore.widgets._base import Component, guarded, message_area, one_line, plural, set_text
from dbxexplore.widgets.catalog_browser import reason

_SHOWN_CHANGES = 8


class PreviewPanel(Component):
    """Shows a preview, and what it changed against the one before."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """What is shown."""

    def __init__(self, preview: Preview | None = None) -> None:
        self._counts = widgets.HTML()
        self._changes = widgets.HTML()
        self._warning = message_area()
        super().__init__()
        self.children = [self._warning, self._counts, self._changes, self._message]
        self.observe(self._on_preview, "preview")
        self.preview = preview
        if preview is None:
            self._show(None, None)

    @guarded
    def _on_preview(self, change: Mapping[str, object]) -> None:
        old, new = change["old"], change["new"]
        self._show(old if isinstance(old, Preview) else None, new if isinstance(new, Preview) else None)

    def _show(self, before: Preview | None, preview: Preview | None) -> None:
        self.show_error(None)
        if preview is None:
            self._counts.value = (
                "<span class='dbxe-muted'>Discover a workspace to see what the filters let through.</span>"
            )
            self._changes.value = ""
            set_text(self._warning, "")
            return
        set_text(self._warning, _incomplete_html(preview))
        self._counts.value = _counts_html(preview)
        same_catalog = before is not None and before.catalog is preview.catalog
        self._changes.value = _changes_html(before, preview) if same_catalog and before is not None else ""


def _incomplete_html(preview: Preview) -> str:
    if preview.catalog.complete:
        return ""
    number = plural(len(preview.catalog.failures), "scope")
    return (
        f"<div class='dbxe-warn' role='status'>The catalog is incomplete: {number} could not be listed. "
        "There may be objects that this preview does not know.</div>"
    )


def _counts_html(preview: Preview) -> str:
    rows = "".join(
        _count_row(str(kind), int(let_in), int(left_out)) for kind, let_in, left_out in preview.counts().itertuples()
    )
    depends = int(preview.dialect_dependent.sum())
    portable = (
        f"<span class='dbxe-warn'>{plural(depends, 'object')} would be judged otherwise by another reading of these patterns</span>"
        if depends
        else "<span class='dbxe-muted'>All readings of these patterns agree</span>"
    )
    return (
        "<table class='dbxe-table'><thead><tr><th scope='col'>Kind</th><th scope='col' class='dbxe-number'>Included</th>"
        "<th scope='col' class='dbxe-number'>Excluded</th><th scope='col'>Share</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{portable}"
    )


def _count_row(kind: str, included: int, excluded: int) -> str:
    share = 100 * included / max(1, included + excluded)
    bar = (
        f"<div class='dbxe-bar' role='img' aria-label='{share:.0f} % included'>"
        f"<span class='in' style='width:{share:.2f}%'></span><span class='out' style='width:{100 - share:.2f}%'></span></div>"
        if included + excluded
        else ""
    )
    return (
        f"<tr><th scope='row'>{html.escape(kind)}</th><td class='dbxe-number'>{included:,}</td>"
        f"<td class='dbxe-number'>{excluded:,}</td><td>{bar}</td></tr>"
    )


def _changes_html(before: Preview, after: Preview) -> str:
    changed = before.compare(after)
    added = int((changed["change"] == "added").sum())
    removed = len(changed) - added
    if changed.empty:
        return "<h4>Last edit</h4><span class='dbxe-muted'>No object changed its verdict.</span>"
    rows = "".join(
        f"<tr><td class='{'dbxe-ok' if row['included'] else 'dbxe-no'}'>{'+ in' if row['included'] else '− out'}</td>"
        f"<td><code>{html.escape(one_line(str(row['full_name'])))}</code></td>"
        f"<td class='dbxe-muted'>{html.escape(reason(row))}</td></tr>"
        for _, row in changed.head(_SHOWN_CHANGES).iterrows()
    )
    rest = len(changed) - _SHOWN_CHANGES
    more = f"<span class='dbxe-muted'>and {rest:,} more</span>" if rest > 0 else ""
    return (
        f"<h4>Last edit: <span class='dbxe-ok'>{added:,} added</span>, <span class='dbxe-no'>{removed:,} removed</span></h4>"
        f"<table class='dbxe-table'><tbody>{rows}</tbody></table>{more}"
    )
