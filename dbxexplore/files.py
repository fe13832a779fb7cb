"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dbxexplore import errors

_LONGEST_NAME = 255  # bytes that most file systems take
_NEW_FILE = 0o666  # what `open` asks for, of which the umask takes away


@contextmanager
def atomic_write(
    path: Path, error: type[errors.CatalogError | errors.ConfigError | errors.ExportError]
) -> Iterator[Path]:
    """Give a path beside ``path`` to write to, and move what was written there to ``path`` at the end.

    Folders are made as needed. An interrupt, or an exception within, leaves an older file as it was. Of several that
    write at the same time, the last one wins, whole.

    Raises:
        error: the file cannot be written.
    """
    if not path.name or path.name == ".." or "\0" in str(path):
        msg = f"{str(path)!r} is no path of a file"
        raise error(msg, expected="the path of a file, such as connection.yaml")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _beside(path)
        try:
            # Not by mkstemp, whose files only their owner may read, while the umask cannot be asked for without
            # setting it for all threads.
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _NEW_FILE))
            yield partial
            _keep(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as cause:
        msg = f"{str(path)!r} cannot be written: {cause.strerror or cause}"
        raise error(msg, expected="a file in a folder that may be written to") from None


def _beside(path: Path) -> Path:
    # Of a name of its own, because another process may be writing the same file.
    unique = f".{secrets.token_hex(8)}.partial"
    name = os.fsencode(path.name)[: _LONGEST_NAME - len(unique) - 1].decode(errors="ignore")
    return path.with_name(f".{name}{unique}")


def _keep(path: Path) -> None:
    """Have the file on the disk before it takes the place of another, so that a power cut leaves one of the two."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
