"""An Explorer is there, however it is opened."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab import Lab
from openings import VIEWPORT, WAYS, failure
from playwright.sync_api import Browser, BrowserContext


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(**VIEWPORT)
    yield context
    context.close()


@pytest.mark.parametrize("number", range(len(WAYS) + 3))
def test_an_explorer_is_there(context: BrowserContext, lab: Lab, number: int) -> None:
    assert failure(context, lab, number) is None
