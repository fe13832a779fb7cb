"""``dbxexplore demo``: the tutorials on an emulated workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbxexplore.cli.options import Json
from dbxexplore.cli.output import DONE, complain, print_json, print_lines

if TYPE_CHECKING:
    from dbxexplore.demo.serve import Running


def demo(
    *,
    directory: Annotated[
        Path, typer.Option("--dir", metavar="FOLDER", help="Folder for the tutorials; existing files are kept.")
    ] = Path("dbxexplore-demo"),
    port: Annotated[
        int | None,
        typer.Option("--port", min=1, max=65535, help="Port of JupyterLab.", show_default="a free port"),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    as_json: Json = False,
) -> int:
    """Open JupyterLab on the tutorials, with an emulated Databricks workspace on this machine.

    Nothing leaves this machine. Ctrl-C stops both and keeps the tutorials.
    """
    from dbxexplore.demo.serve import serve

    if not as_json:
        complain("Starting the demo workspace and JupyterLab …")
    serve(directory, port=port, open_browser=not no_browser, announce=_announce_json if as_json else _announce)
    if not as_json:
        complain("Stopped.")
    return DONE


def _announce(running: Running) -> None:
    for path in running.kept:
        complain(f"Kept your {path}; delete it to get the original tutorial back.")
    lines = [
        "",
        f"  Workspace   {running.workspace.url}",
        f"  JupyterLab  {running.jupyter_url}",
        f"  Tutorials   {running.folder.resolve()}",
        "",
        "  Ctrl-C stops both.",
        "",
    ]
    print_lines(lines)
    sys.stdout.flush()


def _announce_json(running: Running) -> None:
    print_json(
        {
            "workspace_url": running.workspace.url,
            "token_env_var": running.workspace.token_env_var,
            "jupyter_url": running.jupyter_url,
            "directory": str(running.folder.resolve()),
            "kept": [str(path) for path in running.kept],
        }
    )
    sys.stdout.flush()
