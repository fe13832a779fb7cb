"""Text made fit to show: numbers with their nouns, shortened text, and names from a workspace made visible.

A name or a comment comes from a workspace that may be anyone's. It may hold control characters, marks that turn the
direction of the text, or characters that show nothing; here each of them becomes visible. Secrets are recognised and
masked in `dbxexplore.connection.secrets`.
"""

from __future__ import annotations

import html
import re


def plural(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 object``, ``1,200 objects``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def shorten(text: str, limit: int = 255) -> str:
    """Return at most ``limit`` characters of ``text``, the last of them an ellipsis if any were cut off."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """Return ``text`` with U+FFFD in place of each character that is not printable, line breaks included."""
    return "".join(c if c.isprintable() else "�" for c in text)


def one_line(text: str, limit: int = 255) -> str:
    """Return text for a label: printable, on one line (a line break is shown as ``␤``) and at most ``limit`` long."""
    return shorten(printable(text.replace("\n", "␤")), limit)


# Spaces that look like another, marks that turn the direction, and characters that show nothing at all: those of the tree.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)


def visible_html(text: str) -> str:
    """Return text as markup in which a character that nobody could see, or that turns the direction, is marked.

    It stands there as a symbol or its code point, such as U+202E. Line breaks and tabs are left as they are.
    """
    parts, done = list[str](), 0
    for found in _UNSEEN.finditer(text):
        at, symbol = found.start(), _symbol(found[0])
        if symbol:
            parts += [html.escape(text[done:at]), f"<span class='dbxe-unseen'>{symbol}</span>"]
            done = at + 1
    return "".join([*parts, html.escape(text[done:])])


def visible_text(text: str) -> str:
    """Return text with the same symbols, unmarked, for where there is no markup: an attribute, a label."""
    return _UNSEEN.sub(lambda found: _symbol(found[0]) or found[0], text)


def line_html(text: str, limit: int = 255) -> str:
    """Return text as markup of one line, at most ``limit`` characters of it, in which everything can be seen."""
    return visible_html(shorten(text, limit)).replace("\n", "␤").replace("\t", "␉")


def _symbol(character: str) -> str:
    code = ord(character)
    if character in "\n\t":
        return ""
    if code < ord(" "):
        return chr(0x2400 + code)
    if code == 0x7F:  # noqa: PLR2004 - delete
        return "␡"
    return "�" if "\ud800" <= character <= "\udfff" else f"U+{code:04X}"
