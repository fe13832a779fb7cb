"""Where the keyboard goes on, after a button took itself away or led elsewhere."""

from __future__ import annotations

from dbxexplore.widgets import controls as widgets


def focus(*controls: widgets.Button | widgets.Text | widgets.Textarea) -> None:
    """Focus the first control that can be, where ipywidgets can do so (8 can).

    Only for what a person did at that place: a browser that loses what was focused begins at the top of the page.
    """
    control = next((control for control in controls if not control.disabled), None)
    if control is not None and hasattr(control, "focus"):
        control.focus()
