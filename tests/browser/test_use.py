"""The page is used with a keyboard, with filters, and by pointing."""

from playwright.sync_api import Page

from tests.browser import scene
from tests.browser.conftest import NodeOf, Open


def focused(page: Page) -> str:
    """Return what a screen reader says of the element that has the focus."""
    said = page.evaluate("document.activeElement.ariaLabel")
    return str(said)


def test_map_is_walked_with_arrow_keys(node_of: NodeOf, opened: Open) -> None:
    """The map is one stop of the Tab key; arrows move in it; Enter keeps; Escape lets go."""
    node = node_of("2x16-smt2")
    scene.fill(node, pods=2)
    page = opened(node)
    page.locator("#map [tabindex='0']").focus()
    assert page.locator("#map [tabindex='0']").count() == 1
    assert focused(page).startswith("cpu 0, pool")
    page.keyboard.press("ArrowRight")
    assert focused(page).startswith("cpu 32,")
    page.keyboard.press("End")
    assert "default/weka-monitor/main since" in focused(page)
    page.keyboard.press("Enter")
    page.wait_for_selector("#details.kept h3:has-text('default/weka-monitor/main')")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    below = page.evaluate("document.activeElement.getBoundingClientRect().top")
    assert below > page.locator("[data-cpu='0']").evaluate("it => it.getBoundingClientRect().top")
    page.keyboard.press("ArrowUp")
    assert focused(page).startswith("cpu 0,")
    assert page.locator("#map [tabindex='0']").count() == 1
    page.keyboard.press("Escape")
    page.wait_for_selector("#details:not(.kept)")


def test_pointing_at_a_cpu_marks_all_of_its_owner(node_of: NodeOf, opened: Open) -> None:
    """The details show who owns it, since when and why; another cpu of the same owner is marked."""
    node = node_of("2x16-smt2")
    owned = node.integer("database", 4)
    page = opened(node)
    page.locator(f"[data-cpu='{owned.lowest}']").hover()
    page.wait_for_selector("#map .marked")
    marked = page.locator("#map .marked").evaluate_all("all => all.map(it => +it.dataset.cpu)")
    assert sorted(marked) == list(owned)
    details = page.locator("#details-body").inner_text()
    assert "default/database/main" in details
    assert "Since" in details
    assert "its pod is Guaranteed and its cpu limit is a whole number" in details
    page.locator("h1").hover()
    page.wait_for_selector("#map:not(:has(.marked))")


def test_list_is_filtered(node_of: NodeOf, opened: Open) -> None:
    """By name, by class and by cpu; from a cpu to the containers on it."""
    node = node_of("2x16-smt2")
    scene.fill(node, pods=20)
    page = opened(node)
    rows = page.locator("#containers tr")
    page.locator("#filter-name").fill("WEB-1")
    page.wait_for_selector("#containers-count:has-text('11 of 27')")
    assert rows.count() == 11
    page.locator("#filters [type='reset']").click()
    page.wait_for_selector("#containers-count:has-text('27 of 27')")
    page.locator("#filter-class").select_option("annotated")
    page.wait_for_selector("#containers-count:has-text('3 of 27')")
    page.locator("[data-cpu='63']").click()
    page.locator("#details-list").click()
    page.wait_for_selector("#containers-count:has-text('2 of 27')")
    names = {"default/weka-client/main", "default/weka-monitor/main"}
    assert set(page.locator("#containers button").all_inner_texts()) == names


def test_long_list_is_shown_in_parts(node_of: NodeOf, opened: Open) -> None:
    """Of 1,000 containers the first ones are shown, and more when asked for."""
    node = node_of("laptop")
    node.shared(*(f"web-{number}" for number in range(1000)))
    page = opened(node)
    page.wait_for_selector("#containers-count:has-text('1000 of 1000 containers, the first 200')")
    page.locator("#containers-more").click()
    page.wait_for_selector("#containers-count:has-text('the first 400')")
    assert page.locator("#containers tr").count() == 400


def test_chosen_container_is_shown_on_the_map(node_of: NodeOf, opened: Open) -> None:
    """A name in the list leads to its cpus."""
    node = node_of("laptop")
    owned = node.integer("database", 2)
    page = opened(node)
    page.locator("#containers button").click()
    page.wait_for_selector("#map .marked")
    marked = page.locator("#map .marked").evaluate_all("all => all.map(it => +it.dataset.cpu)")
    assert sorted(marked) == list(owned)
    assert page.locator("#containers button").get_attribute("aria-pressed") == "true"
