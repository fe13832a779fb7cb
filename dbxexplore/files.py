"""`atomic_write`: files are written completely or not at all."""

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
    """Yield a temporary path beside ``path``, and move the file written there to ``path`` at the end.

    Folders are created as needed. After an interrupt or an exception, an older file is unchanged. If several write at the
    same time, the last one wins.

    Raises:
        error: the file cannot be written.
    """
    if not path.name or path.name == ".." or "\0" in str(path):
        msg = f"{str(path)!r} is not a file path"
        raise error(msg, expected="a path such as connection.yaml")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = _beside(path)
        try:
            # mkstemp would make a file that only its owner may read, and the umask cannot be read without setting it
            # for all threads.
            os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _NEW_FILE))
            yield partial
            _flush(partial)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as cause:
        msg = f"{str(path)!r} cannot be written: {cause.strerror or cause}"
        raise error(msg, remedy="Choose a folder that you can write to") from None


def _beside(path: Path) -> Path:
    # The name is random, because another process may be writing the same file.
    unique = f".{secrets.token_hex(8)}.partial"
    name = os.fsencode(path.name)[: _LONGEST_NAME - len(unique) - 1].decode(errors="ignore")
    return path.with_name(f".{name}{unique}")


def _flush(path: Path) -> None:
    """Flush the file to disk before it replaces another, so that one of the two survives a power cut."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
