"""The notebooks of a workspace: its folder tree, breadth first.

Source: the Workspace REST reference, `workspace/list`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from dbxexplore import errors
from dbxexplore.connection import Json
from dbxexplore.discovery.answers import misread, objects_in, text
from dbxexplore.discovery.engine import Failed, Request
from dbxexplore.discovery.rows import Rows

_FOLDERS = ("DIRECTORY", "REPO")
_MOST_FOLDERS = 500_000  # folders in all, beyond which a tree counts as endless too
_DEEPEST = 100  # folders within folders, beyond which a tree counts as endless


class NotebookTree:
    """The requests that list notebooks into ``rows``; ``exclude`` holds folders to leave out, ``*`` for any text."""

    def __init__(self, rows: Rows, *, with_details: bool, exclude: Sequence[str] = ()) -> None:
        self._rows = rows
        self._with_details = with_details
        self._exclude = exclude
        self._seen: set[str] = set()

    def start(self, roots: Iterable[str] = ("/",)) -> list[Request]:
        """Return the first requests: the folders below which to list."""
        return [self._list(root) for root in dict.fromkeys(roots)]

    def _list(self, folder: str) -> Request:
        self._seen.add(folder)
        return Request(
            folder,
            "/api/2.0/workspace/list",
            {"path": folder},
            lambda answer: self._take(folder, answer),
            lasting=True,
        )

    def _take(self, folder: str, answer: Json) -> Iterable[Request | Failed]:
        items, odd = objects_in(answer, "objects", folder)  # an empty folder has no list at all
        notebooks, folders = [], []
        for item in items:
            path, kind = text(item.get("path")), text(item.get("object_type"))
            if path is None or kind is None or (kind == "NOTEBOOK" and path.endswith("/")):
                odd += 1
            elif kind == "NOTEBOOK":
                notebooks.append((path, item))
            elif kind in _FOLDERS:
                folders.append(path)
        self._add(notebooks)
        requests = [self._list(path) for path in dict.fromkeys(folders) if self._is_new(path)]
        return [*requests, Failed(folder, misread(folder, odd))] if odd else requests

    def _add(self, notebooks: list[tuple[str, Json]]) -> None:
        self._rows.add(
            {
                "kind": ["notebook"] * len(notebooks),
                "name": [path.rpartition("/")[2] for path, _ in notebooks],
                "full_name": [path for path, _ in notebooks],
                "object_type": [text(item.get("language")) for _, item in notebooks],
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

    def _is_new(self, folder: str) -> bool:
        # A folder that was seen leads back up, or is below two of the roots.
        if folder in self._seen or any(fnmatchcase(folder, pattern) for pattern in self._exclude):
            return False
        if folder.count("/") > _DEEPEST:
            msg = (
                f"The folder {folder[:100]}… is nested more than {_DEEPEST} deep, as only a folder that holds itself is"
            )
            raise errors.NotDatabricksError(msg)
        if len(self._seen) >= _MOST_FOLDERS:
            msg = f"There are more than {_MOST_FOLDERS:,} folders, and {folder[:100]} is not the last, so they count as endless"
            raise errors.NotDatabricksError(msg)
        return True
