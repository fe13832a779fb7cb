"""Reload scripts and style sheets in the page while their files are edited, without a restart of the kernel.

anywidget does so for a widget whose script is one file, when the environment variable ``ANYWIDGET_HMR`` is 1. Here the
same variable works for texts that are made of several files: the new text is assigned to the trait of each live widget,
and the front end renders it again.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import traitlets

_LOG = logging.getLogger(__name__)


def follow(widget: traitlets.HasTraits, folder: Path, **texts: Callable[[], str]) -> None:
    """While developing, assign the ``texts`` of the traits that they name again when a file in ``folder`` changes.

    Without ``ANYWIDGET_HMR=1`` this does nothing. A text that cannot be made, of files that are half written, is logged,
    and the last one stays.
    """
    if os.environ.get("ANYWIDGET_HMR") != "1":
        return
    stop = threading.Event()
    weakref.finalize(widget, stop.set)
    threading.Thread(target=_follow, args=(weakref.ref(widget), folder, texts, stop), daemon=True).start()


def _follow(
    reference: Callable[[], traitlets.HasTraits | None],
    folder: Path,
    texts: dict[str, Callable[[], str]],
    stop: threading.Event,
) -> None:
    try:
        from watchfiles import watch
    except ImportError:
        _LOG.warning("ANYWIDGET_HMR needs watchfiles: pip install watchfiles")
        return
    for _ in watch(folder, stop_event=stop):
        widget = reference()
        if widget is None:
            return
        try:
            current = {trait: text() for trait, text in texts.items()}
        except (OSError, ValueError) as error:
            _LOG.warning("Not reloaded: %s", error)
            continue
        for trait, text in current.items():
            setattr(widget, trait, text)
        del widget
