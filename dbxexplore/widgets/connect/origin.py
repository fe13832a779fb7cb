"""Where the catalog comes from, and a warning if the connection points to another workspace."""

from __future__ import annotations

import html
from collections.abc import Mapping

from dbxexplore.catalog import Provenance
from dbxexplore.connection import ConnectionSettings
from dbxexplore.text import one_line
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState


class OriginLine(Component):
    """Shows the workspace, the identity and the time of the catalog; warns if the connection points elsewhere."""

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
    identity = f" · as {_text(origin.identity)}" if origin.identity else ""
    time = f" · {origin.taken_at:%Y-%m-%d %H:%M} UTC" if origin.taken_at else ""
    line = f"<div class='dbxe-muted'>Snapshot of {_text(origin.workspace_url)}{identity}{time}</div>"
    if settings is None or settings.workspace_url in (None, origin.workspace_url.rstrip("/")):
        return line
    other = _text(settings.workspace_url)
    return (
        f"{line}<div class='dbxe-warn' role='status'>This catalog is from {_text(origin.workspace_url)}, but the "
        f"connection points to {other}. Discover {other}, or restore the URL.</div>"
    )


def _text(text: object) -> str:
    return html.escape(one_line(str(text), 200))
