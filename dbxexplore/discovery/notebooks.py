"""The notebooks of a workspace: its folder tree, breadth first.

Source: the Workspace REST reference, `workspace/list`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.gather import Step
from dbxexplore.discovery.unity_rest import Rows

_FOLDERS = ("DIRECTORY", "REPO")
_DEEPEST = 100  # folders within folders, beyond which a tree counts as endless


class NotebookTree:
    """The steps that list notebooks into ``rows``; ``exclude`` holds folders to leave out, ``*`` for any text."""

    def __init__(self, rows: Rows, *, with_details: bool, exclude: Sequence[str] = ()) -> None:
        self._rows = rows
        self._with_details = with_details
        self._exclude = exclude
        self._seen: set[str] = set()

    def start(self, roots: Iterable[str] = ("/",)) -> list[Step]:
        """Return the first steps: the folders below which to list."""
        return [self._list(root) for root in dict.fromkeys(roots)]

    def _list(self, folder: str) -> Step:
        self._seen.add(folder)
        return Step(
            folder,
            "/api/2.0/workspace/list",
            {"path": folder},
            lambda answer: self._take(folder, answer),
            lasting=True,
        )

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
                        "created_at": [item.get("created_at") for _, item in notebooks],
                        "updated_at": [item.get("modified_at") for _, item in notebooks],
                    }
                    if self._with_details
                    else {}
                ),
            },
            len(notebooks),
        )
        folders = [path for path, item in found if item.get("object_type") in _FOLDERS]
        return [self._list(path) for path in dict.fromkeys(folders) if self._is_new(path)]

    def _is_new(self, folder: str) -> bool:
        # A folder that was seen leads back up, or is below two of the roots.
        if folder in self._seen or any(fnmatchcase(folder, pattern) for pattern in self._exclude):
            return False
        if folder.count("/") > _DEEPEST:
            msg = (
                f"The folder {folder[:100]}… is nested more than {_DEEPEST} deep, as only a folder that holds itself is"
            )
            raise errors.NotDatabricksError(msg)
        return True
