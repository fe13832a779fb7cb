"""Reads and writes YAML, with one library, in the same way for every form.

`dump` writes YAML 1.2 that a reader of YAML 1.1 reads in the same way: text that either would read as something else is
quoted. `load` keeps line numbers and rejects duplicate keys.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, SingleQuotedScalarString

from dbxexplore import errors
from dbxexplore.connection import looks_like_secret, mask
from dbxexplore.text import printable

__all__ = ["TaggedScalar", "dump", "line_of", "load"]

# Plain words that YAML 1.1 or 1.2 reads as a boolean or as nothing.
_WORDS = {"", "y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
# Characters that may have a meaning in a YAML scalar, or look as if they had one.
_SPECIAL = frozenset("\\:#{}[],&*?|<>=!%@`'\"$^")


def dump(document: Mapping[str, object], comment: str = "") -> str:
    """Return ``document`` as YAML, below ``comment``, whose lines become comment lines."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = sys.maxsize  # a pattern stays on one line, so that it can be copied
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.default_flow_style = False
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(_plain(document), out)
    head = "".join(f"# {printable(line)}".rstrip() + "\n" for line in comment.splitlines())
    return head + out.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, str):
        return _scalar(value)
    if isinstance(value, Mapping):
        return CommentedMap({_scalar(str(key)): _plain(item) for key, item in value.items()})
    if isinstance(value, Sequence):
        items = CommentedSeq([_plain(item) for item in value])
        if not items:
            items.fa.set_flow_style()
        return items
    return value


def _scalar(text: str) -> object:
    if not text.isprintable() or text != text.strip():
        return DoubleQuotedScalarString(text)
    if text.lower() in _WORDS or text[0] in "-+.~0123456789" or not _SPECIAL.isdisjoint(text):
        return SingleQuotedScalarString(text)
    return text


def load(text: object) -> CommentedMap:
    """Return a YAML document that is a mapping; its nodes know their lines.

    Raises:
        ConfigError: it is not YAML, not a mapping, or has a duplicate key; with the line, quoting no value.
    """
    if not isinstance(text, str):
        msg = f"the document is a {type(text).__name__}"
        raise errors.ConfigError(msg, expected="text", remedy="To read a file, use ConnectionConfig.load")
    yaml = YAML(typ="rt", pure=True)
    try:
        document = yaml.load(text)
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else ""
        msg = "duplicate key"
        path = [key] if key and not looks_like_secret(key) else []
        raise errors.ConfigError(msg, line=line, path=path, remedy="Remove one of the two") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        msg = f"not valid YAML: {mask(str(error.problem or error.context or 'cannot be read'))}"
        raise errors.ConfigError(msg, line=line) from None
    except (YAMLError, ValueError, TypeError, RecursionError) as error:
        msg = f"not valid YAML: {mask(str(error))}"
        raise errors.ConfigError(msg) from None
    if not isinstance(document, CommentedMap):
        msg = "the document is not a mapping"
        raise errors.ConfigError(msg, expected="keys and values, starting with version: 1")
    return document


def line_of(document: object, path: Sequence[object]) -> int | None:
    """Return the line (from 1) of the deepest part of ``path`` that exists."""
    line = None
    for key in path:
        if isinstance(document, CommentedMap) and key in document:
            # A key that was merged in from an anchor has no line here.
            line = document.lc.key(key)[0] + 1 if key in (document.lc.data or {}) else line
        elif isinstance(document, CommentedSeq) and isinstance(key, int) and key < len(document):
            line = document.lc.item(key)[0] + 1
        else:
            break
        document = document[key]
    return line
