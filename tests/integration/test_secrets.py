"""The tutorial with a canary for a token: it is used for every call, and appears nowhere."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dbxexplore.demo import DemoWorkspace

QUICKSTART = Path(__file__).parent.parent.parent / "notebooks" / "01_quickstart.ipynb"
CANARY = "dapi" + "ca4a41e5" * 4
LOGGING = "import logging; logging.basicConfig(filename='debug.log', level=logging.DEBUG, force=True)"
# What the tutorial made, in every way that it is shown; and an error on the way to the same workspace.
AFTERWARDS = """
import ipywidgets
catalog.save("snapshot.parquet")
client = settings.workspace_client()
for made in (settings, catalog, preview, config, explorer, client, client.config, client.api_client):
    print(repr(made), str(made), vars(made) if hasattr(made, "__dict__") else "")
print(ipywidgets.Widget.get_manager_state())
for wrong in (lambda: client.tables.get("no.such.table"), lambda: dbx.discover(settings, catalogs=["gone"]).failures):
    try:
        print(wrong())
    except Exception as error:
        print(repr(error), error, error.__context__, error.__dict__)
print(client.config.authenticate()["Authorization"] == "Bearer " + os.environ["DATABRICKS_CONNECTION_TOKEN"])
"""


@pytest.mark.integration
def test_the_tutorial_shows_its_token_nowhere(
    demo_workspace: DemoWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBXEXPLORE_DEMO_URL", demo_workspace.url)
    monkeypatch.setenv("DATABRICKS_CONNECTION_TOKEN", CANARY)
    notebook = nbformat.read(QUICKSTART, as_version=4)
    notebook.cells = [
        nbformat.v4.new_code_cell(LOGGING),
        *notebook.cells,
        nbformat.v4.new_code_cell(AFTERWARDS),
    ]
    NotebookClient(
        notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=600, store_widget_state=True
    ).execute()
    nbformat.write(notebook, tmp_path / "saved.ipynb")

    last = notebook.cells[-1].outputs[-1]["text"]
    assert last.endswith("True\n")  # the calls did carry the canary
    files = {path.name: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"debug.log", "saved.ipynb", "snapshot.parquet", "databricks_unity_catalog.yaml"} <= set(files)
    assert b"GET /api/2.1/unity-catalog/catalogs" in files["debug.log"]
    assert b"application/vnd.jupyter.widget-state+json" in files["saved.ipynb"]
    assert [name for name, content in files.items() if CANARY.encode() in content] == []
