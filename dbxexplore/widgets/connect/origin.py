"""Where the catalog that is shown comes from, and whether it is of the workspace that the connection names."""

from __future__ import annotations

import html
from collections.abc import Mapping

from dbxexplore.catalog import Provenance
from dbxexplore.connection import ConnectionSettings
from dbxexplore.text import one_line
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState


class OriginLine(Component):
    """Says of which workspace the catalog is, who saw it and when, and warns where the connection names another."""

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._line = message_area()
        super().__init__(state)
        self.children = [self._line, self._message]
        self.state.observe(self._on_change, ["catalog", "settings"])
        self._on_change({})

    @shows_errors
    def _on_change(self, _change: Mapping[str, object]) -> None:
        catalog = self.state.catalog
        set_text(self._line, "" if catalog is None else _origin_html(catalog.provenance, self.state.settings))


def _origin_html(origin: Provenance, settings: ConnectionSettings | None) -> str:
    if origin.workspace_url is None:
        return ""
    seen = f", seen by {_text(origin.identity)}" if origin.identity else ""
    taken = f", taken {origin.taken_at:%Y-%m-%d %H:%M} UTC" if origin.taken_at else ""
    line = f"<div class='dbxe-muted'>Catalog of {_text(origin.workspace_url)}{seen}{taken}</div>"
    if settings is None or settings.workspace_url in (None, origin.workspace_url.rstrip("/")):
        return line
    return (
        f"{line}<div class='dbxe-warn' role='status'>The connection names another workspace, "
        f"{_text(settings.workspace_url)}: what it will sync is not what is shown here. Discover that one, or put "
        "the address back.</div>"
    )


def _text(text: object) -> str:
    return html.escape(one_line(str(text), 200))
