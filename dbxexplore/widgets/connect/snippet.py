"""Python code that sets a missing variable, with a button that copies it."""

from __future__ import annotations

import html
import os

from dbxexplore.widgets.copying import ON_CLICK


def set_variable(name: str) -> str:
    """Return Python code that asks for the value of a variable and sets it in the kernel that runs it."""
    return f'import os, getpass; os.environ["{name}"] = getpass.getpass("{name}: ")'


def missing_html(name: str) -> str:
    """Return a note that a variable is not set, with code that sets it; empty if it is set.

    Args:
        name: a valid name of an environment variable.
    """
    if os.environ.get(name, "").strip():
        return ""
    return (
        f"<div class='dbxe-warn' role='status'><code>{html.escape(name)}</code> isn't set in this kernel. "
        "Run this in a cell, then connect:</div>"
        f"<div class='dbxe-snippet'><code>{html.escape(set_variable(name))}</code> "
        f'<button type="button" onclick="{html.escape(ON_CLICK)}">Copy snippet</button> <output></output></div>'
    )
