"""Where the catalog comes from, and a warning if the connection points to another workspace."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from dbxexplore.catalog import Provenance
from dbxexplore.connection import ConnectionSettings
from dbxexplore.text import one_line, plural
from dbxexplore.widgets.base import Component, message_area, set_text, shows_errors
from dbxexplore.widgets.state import ExplorerState


class OriginLine(Component):
    """Shows the workspace, the identity and the age of the catalog; warns if the connection points elsewhere.

    Args:
        clock: returns the time; the age is as of the last change, display or `refresh`.
    """

    def __init__(
        self, state: ExplorerState | None = None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clock = clock
        self._line = message_area()
        super().__init__(state)
        self.children = [self._line, self._message]
        self.state.observe(self._on_change, ["catalog", "settings"])
        self.refresh()

    def refresh(self) -> None:
        """Show the age as of now."""
        self._on_change({})

    def _displayed(self) -> None:
        self.refresh()

    @shows_errors
    def _on_change(self, _change: Mapping[str, object]) -> None:
        catalog = self.state.catalog
        line = "" if catalog is None else _origin_html(catalog.provenance, self.state.settings, self._clock())
        if line != self._line.value:
            set_text(self._line, line)


def _origin_html(origin: Provenance, settings: ConnectionSettings | None, now: datetime) -> str:
    if origin.workspace_url is None:
        return ""
    identity = f" · as {_text(origin.identity)}" if origin.identity else ""
    time = f" · {origin.taken_at:%Y-%m-%d %H:%M} UTC ({age(now - origin.taken_at)})" if origin.taken_at else ""
    line = f"<div class='dbxe-muted'>Snapshot of {_text(origin.workspace_url)}{identity}{time}</div>"
    if settings is None or settings.workspace_url in (None, origin.workspace_url.rstrip("/")):
        return line
    other = _text(settings.workspace_url)
    return (
        f"{line}<div class='dbxe-warn' role='status'>This catalog is from {_text(origin.workspace_url)}, but the "
        f"connection points to {other}. Discover {other}, or restore the URL.</div>"
    )


_UNITS = (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1)))


def age(passed: timedelta) -> str:
    """Return how long ago something was, in whole days, hours or minutes: ``3 days ago``."""
    for name, unit in _UNITS:
        if passed >= unit:
            return f"{plural(passed // unit, name)} ago"
    return "just now"


def _text(text: object) -> str:
    return html.escape(one_line(str(text), 200))
