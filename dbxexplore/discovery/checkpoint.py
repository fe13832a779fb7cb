"""A discovery that can be taken up again: a file of what was answered so far.

Each answer is appended as it comes, so the cost is that of writing it once however long the discovery runs, and
whatever kills the process costs no more than the answer being written. To resume is to run the same discovery
again, with these answers in place of calls: what follows from an answer follows again, so the result is the one
that an undisturbed discovery gives.

The file is a line that says what it is, and records: three numbers (two lengths and a checksum), a name, and the
answer as compressed JSON. The name is the call and the token of the page that follows, on two lines. Only what becomes part of a catalog is kept of an answer, and nothing of a request's
headers.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from dbxexplore import _version, errors
from dbxexplore.connection import Json, mask
from dbxexplore.discovery.engine import Request

_MAGIC = "dbxexplore checkpoint"
_FORMAT = 1
_HEAD = struct.Struct("<III")
_LONGEST_LINE = 10_000_000  # bytes; a longer first line is not ours
_ABSENT = "absent"
_IDENTITY = "identity"

# All that the readers of answers look at. Anything else stays out of the file, and so do columns and the text of a
# view unless columns were asked for.
_LISTS = ("catalogs", "schemas", "tables", "objects")
_FIELDS = frozenset(
    {
        "name",
        "full_name",
        "catalog_type",
        "table_type",
        "browse_only",
        "owner",
        "comment",
        "data_source_format",
        "created_at",
        "updated_at",
        "modified_at",
        "path",
        "object_type",
        "language",
    }
)
_COLUMN_FIELDS = frozenset({"name", "type_text", "type_name", "nullable", "comment"})


@dataclass(frozen=True)
class CrawlArguments:
    """What a discovery was asked for: a checkpoint serves these arguments alone."""

    workspace_url: str
    depth: str
    catalogs: list[str] | None
    notebooks: bool
    roots: list[str]
    exclude_folders: list[str]
    strategy: str
    hive_metastore: bool
    version: str = _version.__version__

    def differences(self, other: Mapping[str, object]) -> list[str]:
        """Return what other arguments differ in, as text."""
        return [
            f"{name} is {mask(repr(other.get(name)), 80)} there and {mask(repr(value), 80)} here"
            for name, value in asdict(self).items()
            if other.get(name) != value
        ]


class Checkpoint:
    """The answers to one discovery, in a file.

    Args:
        path: the file; it is made if it does not exist.
        arguments: what the discovery is asked for.
        resume: whether to go on from what the file holds, or to start over.

    Raises:
        CatalogError: the file is of another discovery, is not a checkpoint, or cannot be written to.
    """

    def __init__(self, path: Path, arguments: CrawlArguments, *, resume: bool) -> None:
        self.path = path
        self.started_at = datetime.now(UTC)  # when its first answer was asked for
        self.identity: str | None = None  # whose answers these are, once that is known
        self.problem: str | None = None  # why no more could be written, if so
        self._places: dict[str, int] = {}  # where in the file the answer to a key is
        self._lock = threading.Lock()
        try:
            self._file = self._open(arguments, resume=resume)
        except OSError as error:
            msg = f"The checkpoint {str(path)!r} cannot be used: {error.strerror or error}"
            raise errors.CatalogError(msg, expected="a file in a folder that may be written to") from None

    # --- what the engine needs ---

    def recall(self, request: Request) -> Json | errors.NotFoundError | None:
        """Return what a request was answered with, None if it is to be asked."""
        place = self._places.get(_key(request.path, request.query))
        if place is None:
            return None
        with self._lock:
            self._file.seek(place)
            record = _read_record(self._file)
        if record is None:
            return None
        try:
            answer = json.loads(zlib.decompress(record[1]))
        except (zlib.error, ValueError, RecursionError):
            return None
        if not isinstance(answer, dict):
            return None
        return errors.NotFoundError(str(answer[_ABSENT])) if _ABSENT in answer else answer

    def keep(self, request: Request, answer: Json | errors.NotFoundError) -> None:
        """Add an answer to the file."""
        kept: Json = {_ABSENT: answer.problem} if isinstance(answer, errors.NotFoundError) else _lean(answer)
        self._append(_key(request.path, request.query), str(kept.get("next_page_token", "")), kept)

    # --- the file ---

    def keep_identity(self, identity: str) -> None:
        """Note whose answers these are, or refuse those of another.

        Raises:
            CatalogError: the answers so far are another identity's, which may see other things.
        """
        if self.identity is None:
            self.identity = identity
            self._append(_IDENTITY, identity, {})
        elif self.identity != identity:
            msg = f"The checkpoint {str(self.path)!r} holds what {self.identity} saw, and this credential is {identity}"
            raise errors.CatalogError(
                msg, remedy="Use the credential it was begun with, or start over with resume=False"
            )

    def close(self, *, finished: bool) -> None:
        """Close the file; remove it if there is nothing left to resume."""
        with self._lock:
            self._file.close()
        if finished:
            self.path.unlink(missing_ok=True)

    def _append(self, key: str, following: str, answer: Json) -> None:
        name = f"{key}\n{following}".encode()
        body = zlib.compress(json.dumps(answer, separators=(",", ":")).encode(), 1)
        record = _HEAD.pack(len(name), len(body), zlib.crc32(name + body)) + name + body
        with self._lock:
            if self._file.closed or self.problem:  # the answer came when all was over
                return
            try:
                self._file.seek(0, os.SEEK_END)
                self._file.write(record)
            except OSError as error:
                # A full disk must not cost what is being discovered.
                self.problem = error.strerror or str(error)

    def _open(self, arguments: CrawlArguments, *, resume: bool) -> BinaryIO:
        if not self.path.exists():
            return self._create(arguments)
        with self.path.open("rb") as lines:
            header = self._read_header(lines)
            start = lines.tell()
        if not resume:
            return self._create(arguments)
        self._check(header, arguments)
        file = self.path.open("r+b", buffering=0)
        try:
            file.seek(start)
            self._load(file)
        except BaseException:
            file.close()
            raise
        return file

    def _create(self, arguments: CrawlArguments) -> BinaryIO:
        """Make the file beside its place and move it there: a file under this name is whole from the start."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        header = {"what": _MAGIC, "format": _FORMAT, "started_at": self.started_at.isoformat()}
        partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        try:
            # What a workspace holds is not for every user of this machine to read.
            with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(json.dumps({**header, "request": asdict(arguments)}).encode() + b"\n")
            partial.replace(self.path)
        finally:
            partial.unlink(missing_ok=True)
        return self.path.open("r+b", buffering=0)

    def _read_header(self, file: BinaryIO) -> Mapping[str, object]:
        line = file.readline(_LONGEST_LINE)
        try:
            header = json.loads(line)
        except ValueError:
            header = None
        if not isinstance(header, dict) or header.get("what") != _MAGIC:
            msg = f"{str(self.path)!r} is not a checkpoint"
            raise errors.CatalogError(
                msg, expected="a file that a discovery has made, or none", remedy="Name another file"
            )
        return header

    def _check(self, header: Mapping[str, object], arguments: CrawlArguments) -> None:
        other = header.get("request")
        differences = arguments.differences(other if isinstance(other, dict) else {})
        if header.get("format") != _FORMAT:
            differences.append(f"its format is {mask(repr(header.get('format')), 20)}")
        if differences:
            msg = f"The checkpoint {str(self.path)!r} is of another discovery: {'; '.join(differences)}"
            remedy = "Discover with the same arguments to resume it, start over with resume=False, or name another file"
            raise errors.CatalogError(msg, remedy=remedy)
        with suppress(ValueError):  # then it counts as begun now
            self.started_at = datetime.fromisoformat(str(header.get("started_at"))).astimezone(UTC)

    def _load(self, file: BinaryIO) -> None:
        places: dict[str, int] = {}
        following: dict[str, str | None] = {}
        end = file.tell()
        for place, name in _records(file):
            end = file.tell()
            key, _, after = name.partition("\n")
            if key == _IDENTITY:
                self.identity = after
            elif _is_key(key):
                places[key] = place
                following[key] = _next_page(key, after)
        # What a killed process was writing is cut off, so that the next answer does not join it.
        file.truncate(end)
        self._places = {key: places[key] for key in _finished(following)}


def _finished(following: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the keys of the pages of each listing that was read to its end.

    The rest of one that was not may be there no more under the page token it had, so it is read again.
    """
    for first in following:
        if "page_token" in json.loads(first)[1]:
            continue
        chain: dict[str, None] = {}
        key: str | None = first
        while key is not None and key in following and key not in chain:
            chain[key] = None
            key = following[key]
        if key is None:
            yield from chain


def _next_page(key: str, token: str) -> str | None:
    if not token:
        return None
    path, query = json.loads(key)
    return _key(path, {**query, "page_token": token})


def _is_key(text: str) -> bool:
    """Return whether a text is what `_key` returns of some call."""
    try:
        path, query = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return isinstance(path, str) and isinstance(query, dict)


def _key(path: str, query: Mapping[str, object]) -> str:
    return json.dumps([path, dict(query)], sort_keys=True, separators=(",", ":"))


def _records(file: BinaryIO) -> Iterator[tuple[int, str]]:
    """Yield place and name of each whole record; the file stands behind the record meanwhile."""
    while True:
        place = file.tell()
        record = _read_record(file)
        if record is None:
            return
        yield place, record[0].decode(errors="replace")


def _read_record(file: BinaryIO) -> tuple[bytes, bytes] | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    key_length, body_length, checksum = _HEAD.unpack(head)
    key, body = file.read(key_length), file.read(body_length)
    if len(body) < body_length or zlib.crc32(key + body) != checksum:
        return None
    return key, body


def _lean(answer: Json) -> Json:
    kept: Json = {name: [_lean_item(item) for item in _items(answer[name])] for name in _LISTS if name in answer}
    if token := answer.get("next_page_token"):
        kept["next_page_token"] = token
    return kept


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _lean_item(item: object) -> object:
    if not isinstance(item, dict):
        return item
    kept = {name: value for name, value in item.items() if name in _FIELDS}
    if isinstance(item.get("columns"), list):
        kept["columns"] = [
            {name: value for name, value in column.items() if name in _COLUMN_FIELDS}
            for column in item["columns"]
            if isinstance(column, dict)
        ]
        if "view_definition" in item:
            kept["view_definition"] = item["view_definition"]
    return kept
