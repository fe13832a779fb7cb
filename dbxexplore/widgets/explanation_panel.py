"""Why one object is in or out, and what would change it."""

from __future__ import annotations

from collections.abc import Mapping

import ipywidgets as widgets
import traitlets

from dbxexplore.filters import Preview
from dbxexplore.widgets._base import Component, guarded


class ExplanationPanel(Component):
    """Explains the verdict on one row of the previewed catalog."""

    preview = traitlets.Instance(Preview, allow_none=True)
    """The preview whose verdict is explained."""

    selected = traitlets.Int(-1)
    """The row of ``catalog.objects`` that is explained, -1 for none."""

    def __init__(self, preview: Preview | None = None) -> None:
        self._text = widgets.HTML()
        super().__init__(preview=preview)
        self.children = [self._text, self._message]
        self.observe(self._on_change, ["preview", "selected"])
        self._show()

    @guarded
    def _on_change(self, _change: Mapping[str, object]) -> None:
        self._show()

    def _show(self) -> None:
        preview = self.preview
        if preview is None:
            self._text.value = ""
        elif not 0 <= self.selected < len(preview.catalog):
            hint = "Click an object in the catalog to see why it is in or out."
            self._text.value = f"<span class='dbxe-muted'>{hint}</span>"
        else:
            self._text.value = preview.explain(self.selected)._repr_html_()
