"""Files that are there whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbxexplore import errors


@contextmanager
def written_whole(
    path: Path, error: type[errors.CatalogError | errors.ConfigError | errors.ExportError]
) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and move what was written there to ``path`` at the end.

    Folders are made as needed. An interrupt, or an exception within, leaves an older file as it was.

    Raises:
        error: the file cannot be written.
    """
    if not path.name or path.name == ".." or "\0" in str(path):
        msg = f"{str(path)!r} is no path of a file"
        raise error(msg, expected="the path of a file, such as connection.yaml")
    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as cause:
        msg = f"{str(path)!r} cannot be written: {cause.strerror or cause}"
        raise error(msg, expected="a file in a folder that may be written to") from None
