"""Fixtures of the browser tier: a browser, and nodes whose pages can be opened."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    ViewportSize,
    sync_playwright,
)

from nodesim.machines import MACHINES
from tests.browser.node import ShownNode, shown_node

OUTPUT = Path(__file__).parents[2] / ".cache" / "screenshots"
"""Where the screenshots are kept."""

Scheme = Literal["light", "dark"]
Open = Callable[..., Page]
NodeOf = Callable[[str], ShownNode]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The distribution's Chromium; without it the tier fails, and says so."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("The browser tests need the Debian package chromium (debian-packages.txt)")
    # Chromium's sandbox does not work for root. Nothing but our own page is opened.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        browser.close()


@pytest.fixture
def node_of() -> Iterator[NodeOf]:
    """Makes a node of a named machine of the simulator."""
    with ExitStack() as stack:
        yield lambda name: stack.enter_context(shown_node(MACHINES[name].topology()))


@pytest.fixture
def troubles() -> Iterator[list[str]]:
    """What browsers complain about; nothing may be left but what a test has taken out."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def opened(browser: Browser, troubles: list[str]) -> Iterator[Open]:
    """Opens a node's page; no script may fail, and nothing but the page may be loaded."""

    def trouble(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            troubles.append(message.text)

    def request(made: Request) -> None:
        if not made.url.startswith(("http://127.0.0.1:", "data:,")):
            troubles.append(f"loaded {made.url}")

    with ExitStack() as stack:

        def open_page(node: ShownNode, width: int = 1440, *, scheme: Scheme = "light") -> Page:
            size = ViewportSize(width=width, height=900)
            context = browser.new_context(viewport=size, color_scheme=scheme)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(10_000)
            page.on("console", trouble)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("request", request)
            page.goto(node.url)
            page.wait_for_selector("#ready:not(:empty)")
            return page

        yield open_page


@pytest.fixture(scope="session")
def screenshots() -> Path:
    """The folder of the screenshots."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    return OUTPUT
