"""Undo and redo of the edits of filters and matching rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from dbxexplore.text import one_line
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets.base import Component, shows_errors
from dbxexplore.widgets.focus import focus
from dbxexplore.widgets.history import describe
from dbxexplore.widgets.state import ExplorerState


class UndoButtons(Component):
    """Undoes and redoes edits. What is typed into one pattern is one edit."""

    WRITES = ("filters", "dialect")

    def __init__(self, state: ExplorerState | None = None) -> None:
        self._undo, self._redo = widgets.Button(icon="undo"), widgets.Button(icon="repeat")
        super().__init__(state)
        for button, other, go in (
            (self._undo, self._redo, self.state.undo),
            (self._redo, self._undo, self.state.redo),
        ):
            button.add_class("dbxe-quiet")
            button.on_click(partial(self._on_go, go, other))
        self._buttons = widgets.HBox([self._undo, self._redo], layout={})
        self._buttons.add_class("dbxe-undo")
        self.children = [self._buttons, self._message]
        self.state.observe(self._show, ["filters", "dialect", "read_only"])
        self._show({})

    @shows_errors
    def _on_go(self, go: Callable[[], None], other: widgets.Button, button: widgets.Button) -> None:
        go()
        focus(button, other)  # after the last step a button is disabled, and would lose the keyboard

    @shows_errors
    def _show(self, _change: Mapping[str, object]) -> None:
        self._buttons.layout.display = "none" if self.state.read_only else None
        for button, name, step in (
            (self._undo, "Undo", self.state.history.last),
            (self._redo, "Redo", self.state.history.next),
        ):
            what = one_line(describe(*step).text, 80) if step else ""
            button.description = f"{name} {what}" if what else name
            button.tooltip = f"{name} {what}" if what else f"Nothing to {name.lower()}"
            button.disabled = step is None
