"""Where the keyboard goes on after a button took itself away."""

from __future__ import annotations

from dbxexplore.widgets import controls as widgets


def focus(*buttons: widgets.Button) -> None:
    """Focus the first button that can be, where ipywidgets can do so (8 can).

    Only for what a person did at that place: a browser that loses what was focused begins at the top of the page.
    """
    button = next((button for button in buttons if not button.disabled), None)
    if button is not None and hasattr(button, "focus"):
        button.focus()
