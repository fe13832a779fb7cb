r"""Patterns that only spell out names, such as ``^(?:prod\.sales\.(?:orders|returns)|dev)$``, read without compiling.

A selection of thousands of objects is written as such lists, and Python's ``re`` and RE2 both take seconds to compile
them where a look-up takes none. What is not plainly such a list is left to them.
"""

from __future__ import annotations

import re

# A character that stands for itself: not an unpaired surrogate, which is refused elsewhere.
_CHAR = r"(?:[^\\^$.|?*+(){}\[\]\ud800-\udfff]|\\[^0-9A-Za-z\ud800-\udfff])"
_NAMES = rf"{_CHAR}*+(?:\(\?:{_CHAR}*+(?:\|{_CHAR}*+)*+\))?+"
_LIST = re.compile(rf"\^(?:\(\?:({_NAMES}(?:\|{_NAMES})*+)\)|({_CHAR}*+))\$", re.DOTALL)
_PART = re.compile(rf"({_CHAR}*+)(?:\(\?:({_CHAR}*+(?:\|{_CHAR}*+)*+)\))?+(\||\Z)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def spelt_names(text: str) -> tuple[str, ...] | None:
    """Return the names that a pattern spells out between ``^`` and ``$``, or None where it is anything else.

    On text without newlines, such a pattern matches these names alone, under prefix, search and full match alike.
    """
    whole = _LIST.fullmatch(text)
    if whole is None:
        return None
    if whole[1] is None:
        return (_plain(whole[2]),)
    names: list[str] = []
    for part in _PART.finditer(whole[1]):
        head, tails, separator = part.groups()
        names += [_plain(head + tail) for tail in ([""] if tails is None else _alternatives(tails))]
        if not separator:
            break  # the end, which would match once more
    return tuple(names)


def _alternatives(texts: str) -> list[str]:
    if r"\|" not in texts:
        return texts.split("|")
    found = []
    for part in _PART.finditer(texts):
        found.append(part[1])
        if not part[3]:
            break
    return found


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text
