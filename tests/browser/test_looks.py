"""How the page looks: pictures for people, and what can be checked of them."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser import scene
from tests.browser.conftest import NodeOf, Open

SERIOUS = {"serious", "critical"}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_page_is_readable(
    width: int,
    scheme: str,
    node_of: NodeOf,
    opened: Open,
    screenshots: Path,
) -> None:
    """Nothing is wider than the screen, axe finds nothing serious, and a picture is kept."""
    node = node_of("2x16-smt2")
    scene.fill(node, pods=20)
    page = opened(node, width, scheme=scheme)
    page.locator("#map .annotated").first.click()
    page.wait_for_selector("#details.kept h3")
    page.wait_for_selector("#decisions li")
    page.screenshot(path=screenshots / f"page-{width}-{scheme}.png", full_page=True)
    page.screenshot(path=screenshots / f"screen-{width}-{scheme}.png")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(page).response["violations"]
    assert [(one["id"], one["help"]) for one in found if one["impact"] in SERIOUS] == []


def test_largest_machine_fits_a_phone(node_of: NodeOf, opened: Open, screenshots: Path) -> None:
    """512 cpus and 1,000 containers make a long page, not a wide one."""
    node = node_of("2x128-smt2")
    scene.fill(node, pods=1000)
    page = opened(node, 390)
    page.screenshot(path=screenshots / "largest-390.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1440, "height": 900})
    page.screenshot(path=screenshots / "largest-1440.png")
