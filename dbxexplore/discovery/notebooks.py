"""The notebooks of a workspace: its folder tree, breadth first.

Source: the Workspace REST reference, `workspace/list`.
"""

from __future__ import annotations

from collections.abc import Iterable

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.gather import Step
from dbxexplore.discovery.unity_rest import Rows, timestamps

_FOLDERS = ("DIRECTORY", "REPO")


class NotebookTree:
    """The steps that list the notebooks below ``root`` into ``rows``."""

    def __init__(self, rows: Rows, *, with_details: bool, root: str = "/") -> None:
        self._rows = rows
        self._with_details = with_details
        self._root = root
        self._seen: set[str] = set()

    def start(self) -> Step:
        """Return the first step: the root folder."""
        return self._list(self._root)

    def _list(self, folder: str) -> Step:
        self._seen.add(folder)
        return Step(folder, "/api/2.0/workspace/list", {"path": folder}, lambda answer: self._take(folder, answer))

    def _take(self, folder: str, answer: Json) -> Iterable[Step]:
        items = answer.get("objects") or []  # an empty folder has no list at all
        if not isinstance(items, list):
            msg = f"The answer for the folder {folder} holds no list of objects"
            raise errors.NotDatabricksError(msg)
        found = [(item["path"], item) for item in items if isinstance(item, dict) and isinstance(item.get("path"), str)]
        notebooks = [(path, item) for path, item in found if item.get("object_type") == "NOTEBOOK"]
        self._rows.add(
            {
                "kind": ["notebook"] * len(notebooks),
                "name": [path.rpartition("/")[2] for path, _ in notebooks],
                "full_name": [path for path, _ in notebooks],
                "object_type": [item.get("language") or None for _, item in notebooks],
                "browse_only": [False] * len(notebooks),
                **(
                    {
                        "created_at": timestamps(item.get("created_at") for _, item in notebooks),
                        "updated_at": timestamps(item.get("modified_at") for _, item in notebooks),
                    }
                    if self._with_details
                    else {}
                ),
            },
            len(notebooks),
        )
        folders = [path for path, item in found if item.get("object_type") in _FOLDERS]
        return [self._list(path) for path in dict.fromkeys(folders) if path not in self._seen]
