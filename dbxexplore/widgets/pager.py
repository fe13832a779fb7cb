"""Splits a long list into pages, with buttons to turn them if there is more than one."""

from __future__ import annotations

from collections.abc import Callable

from dbxexplore.widgets import controls as widgets


class Pager:
    """Shows a list in pages of ``length`` entries.

    Place ``box`` below the list. Its buttons are created when first needed, and call ``turn`` with -1 or 1, which has to
    change ``page`` (from 0) and show the list again.
    """

    def __init__(self, length: int, turn: Callable[[int], None]) -> None:
        self.page = 0
        self.length = length
        self.box = widgets.HBox(layout={"display": "none"})
        self._turn = turn

    def part(self, total: int, entries: str = "") -> slice:
        """Return which of ``total`` entries to show, and update the position in ``box``.

        ``entries`` is the number in words, such as ``60 patterns``.
        """
        self.page = max(0, min(self.page, (total - 1) // self.length))
        start = self.page * self.length
        end = min(total, start + self.length)
        is_needed = total > self.length
        self.box.layout.display = None if is_needed else "none"
        if is_needed:
            self._show(f"{start + 1:,}–{end:,} of {entries or f'{total:,}'}", is_first=not start, is_last=end == total)
        return slice(start, end)

    def _show(self, text: str, *, is_first: bool, is_last: bool) -> None:
        if not self.box.children:
            back = widgets.Button(description="‹ Previous", layout={"width": "90px"})
            forth = widgets.Button(description="Next ›", layout={"width": "90px"})
            back.on_click(lambda _: self._turn(-1))
            forth.on_click(lambda _: self._turn(1))
            self.box.children = [back, forth, widgets.HTML()]
        back, forth, where = self.box.children
        back.disabled, forth.disabled = is_first, is_last
        where.value = f"<span class='dbxe-muted' role='status'>{text}</span>"
