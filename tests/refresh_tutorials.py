"""Run the tutorials against a demo workspace and save their outputs: ``python tests/refresh_tutorials.py``.

nbval compares later runs with these outputs, so read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from dbxexplore import demo

FOLDER = Path(__file__).parent.parent / "notebooks"


def refresh(path: Path) -> None:
    """Run one notebook and save it, without what differs from run to run."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, resources={"metadata": {"path": str(path.parent)}}, timeout=300, coalesce_streams=True
    ).execute()
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        # Without its state, which is not saved, a view would show an error.
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    nbformat.write(notebook, path)


if __name__ == "__main__":
    with demo.workspace() as workspace:
        os.environ["DBXEXPLORE_DEMO_URL"] = workspace.url
        for tutorial in sorted(FOLDER.glob("*.ipynb")):
            refresh(tutorial)
            print(tutorial.name)  # noqa: T201 - a script
