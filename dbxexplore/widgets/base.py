"""What all components share: one base class, one style sheet, and text made safe for HTML."""

from __future__ import annotations

import functools
import html
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import traitlets

from dbxexplore import errors
from dbxexplore.widgets import controls as widgets
from dbxexplore.widgets import reload

logger = logging.getLogger(__name__)

_P = ParamSpec("_P")
_R = TypeVar("_R")
_C = TypeVar("_C", bound="Component")

ONE_AT_A_TIME = threading.RLock()
"""Held while a value is changed and passed on to the other components, by whichever thread does it.

A notebook hands what is done in the page to a thread of its own while a cell runs, a discovery ends in another, and the
background work has more. Without it, two changes at the same time leave the components with different values. It is
never held while something is looked up or worked out that takes long; the preview, which every component waits for, is
the one exception.
"""


def exclusive(method: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a method that changes values be done by one thread at a time."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with ONE_AT_A_TIME:
            return method(*args, **kwargs)

    return call


_STATIC = Path(__file__).parent / "static"


def style_sheet() -> widgets.HTML:
    """Return a widget that applies the style of every panel; while developing, see `reload`, each edit of it too."""

    def markup() -> str:
        return f"<style>{(_STATIC / 'explorer.css').read_text(encoding='utf-8')}</style>"

    sheet = widgets.HTML(markup())
    reload.follow(sheet, _STATIC, value=markup)
    return sheet


class Component(widgets.VBox):
    """A part of the Explorer: a column of widgets that keeps its state in Python.

    A keyword argument that is no trait is refused, and an exception in a callback is shown in the component.
    """

    shares_layout = False  # a user may set its height

    def __init__(self, **traits: object) -> None:
        unknown = sorted(set(traits) - set(self.trait_names()))
        if unknown:
            msg = f"{type(self).__name__} has no trait {unknown[0]!r}"
            raise TypeError(msg)
        self._message = message_area()
        super().__init__(**traits)
        # A default is made when a value is first read. Made while another thread sets the value, it would replace it.
        for name, trait in self.traits().items():
            if issubclass(trait.this_class, Component):
                getattr(self, name)
        self.add_class("dbxe")

    @exclusive
    def __setattr__(self, name: str, value: object) -> None:
        # Before the value is kept: of two that are kept at once, the first could be passed on last.
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        # Not the traits: a notebook saves this text beside the widget.
        return f"{type(self).__name__}()"

    def _displayed(self) -> None:
        """Do what has to be done when a notebook shows this component by itself."""

    # IPython asks for the one that there is: that of ipywidgets 8, or that of 7.
    if hasattr(widgets.Widget, "_repr_mimebundle_"):

        def _repr_mimebundle_(self, **kwargs: object) -> object:
            self._displayed()
            return super()._repr_mimebundle_(**kwargs)

    else:

        def _ipython_display_(self, **kwargs: object) -> None:
            self._displayed()
            super()._ipython_display_(**kwargs)

    def show_error(self, error: BaseException | None) -> None:
        """Show an error in the component, or take it away."""
        set_text(self._message, "" if error is None else error_html(error))


class Mask(traitlets.Instance):
    """A trait that holds a boolean for each row of a catalog, or None; another array is another value."""

    def __init__(self) -> None:
        super().__init__(np.ndarray, allow_none=True)

    if TYPE_CHECKING:

        def __get__(self, obj: object, cls: object = None) -> npt.NDArray[np.bool_] | None: ...
        def __set__(self, obj: object, value: npt.NDArray[np.bool_] | None) -> None: ...

    def set(self, obj: traitlets.HasTraits, value: object) -> None:
        """Set the value. The base class would compare a million booleans with None, one by one."""
        old = obj._trait_values.get(self.name)  # noqa: SLF001 - as the base class does
        obj._trait_values[self.name] = new = self._validate(obj, value)  # noqa: SLF001
        if new is not old:
            obj._notify_trait(self.name, old, new)  # noqa: SLF001


def guarded(callback: Callable[Concatenate[_C, _P], None]) -> Callable[Concatenate[_C, _P], None]:
    """Show what goes wrong in a callback in its component: the front end would drop it without a word."""

    @functools.wraps(callback)
    def call(self: _C, /, *args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            with ONE_AT_A_TIME:
                self.show_error(None)
                callback(self, *args, **kwargs)
        except Exception as error:
            if not isinstance(error, errors.DbxExploreError):
                logger.exception("%s failed", callback.__qualname__)
            self.show_error(error)

    return call


def message_area() -> widgets.HTML:
    """Return a place for a message that takes no room while there is none."""
    area = widgets.HTML()
    area.add_class("dbxe-message")
    set_text(area, "")
    return area


def set_text(area: widgets.HTML, markup: str) -> None:
    """Show ``markup``, which must be safe, in a message area, and hide the area when it is empty."""
    area.value = markup
    (area.remove_class if markup else area.add_class)("dbxe-hidden")


def error_html(error: BaseException) -> str:
    """Return an error as markup; what is no error of this package is named by its type."""
    known = isinstance(error, errors.DbxExploreError)
    text = str(error) if known else f"Unexpected {type(error).__name__}: {error}"
    return f"<div class='dbxe-error' role='alert'>{html.escape(text)}</div>"
