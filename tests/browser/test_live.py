"""The page follows the node: at once, and touching only what has changed."""

import pytest
from playwright.sync_api import Page

from tests.browser import scene
from tests.browser.conftest import NodeOf, Open

WATCH = """() => {
  window.touched = new Set();
  new MutationObserver((records) => {
    for (const { target, addedNodes } of records) {
      const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
      for (const one of [element, ...addedNodes]) {
        const cell = one.closest?.("[data-cpu]");
        if (cell) window.touched.add(`cpu ${cell.dataset.cpu}`);
        const row = one.closest?.("#containers tr");
        if (row) window.touched.add(row.querySelector("button").textContent);
      }
    }
  }).observe(document.body, {
    subtree: true, childList: true, characterData: true, attributes: true,
  });
}"""
"""Takes note of the cpus and rows that are touched."""

LISTED = """(name) => [...document.querySelectorAll("#containers button")]
  .some((one) => one.textContent === name)"""
"""Tells whether a container is in the list."""


def wait_for(page: Page, name: str) -> None:
    """Return when a container is there to see."""
    page.wait_for_function(LISTED, arg=f"default/{name}/main")


def test_changes_come_by_themselves_on_the_largest_machine(node_of: NodeOf, opened: Open) -> None:
    """With 1,000 containers: the one that comes is in the list, and leaves it when it goes."""
    node = node_of("2x128-smt2")
    scene.fill(node, pods=1000)
    page = opened(node)
    wait_for(page, "moved")
    for number in range(3):
        node.integer(f"new-{number}", 1)
        wait_for(page, f"new-{number}")
        node.end(f"new-{number}")
        page.wait_for_function(f"name => !({LISTED})(name)", arg=f"default/new-{number}/main")


def test_only_what_changed_is_touched(node_of: NodeOf, opened: Open) -> None:
    """A container that changes the pool of nobody touches its own row and cpu, nothing else."""
    node = node_of("2x16-smt2")
    scene.fill(node, pods=20)
    page = opened(node)
    wait_for(page, "weka-monitor")
    page.evaluate(WATCH)
    node.annotated("weka-second", "63")
    wait_for(page, "weka-second")
    touched = set(page.evaluate("[...window.touched]"))
    assert touched == {"cpu 63", "default/weka-second/main"}


def test_end_of_a_container_frees_its_cpus(node_of: NodeOf, opened: Open) -> None:
    """It leaves the list, its cpus turn to the pool's colour, and the decision is shown."""
    node = node_of("laptop")
    owned = node.integer("short", 2)
    page = opened(node)
    cell = page.locator(f"[data-cpu='{owned.lowest}']")
    cell.click()
    page.wait_for_selector("#details h3:has-text('default/short/main')")
    node.end("short")
    page.wait_for_selector(f".pool[data-cpu='{owned.lowest}']")
    assert "may run on it" in page.locator("#details-body").inner_text()
    assert page.locator("#containers tr").count() == 0
    assert "released" in page.locator("#decisions li").first.inner_text()


def test_page_says_that_the_agent_is_gone_and_comes_back(
    node_of: NodeOf, opened: Open, troubles: list[str]
) -> None:
    """Old figures are not taken for new ones; what happened meanwhile is there afterwards."""
    node = node_of("laptop")
    page = opened(node)
    node.silence()
    page.wait_for_selector(".lost #live:has-text('no answer from the agent')")
    node.integer("meanwhile", 1)
    node.serve()
    wait_for(page, "meanwhile")
    assert page.locator("#live").inner_text() == "live"
    failed = [one for one in troubles if "net::ERR_" in one]
    troubles[:] = [one for one in troubles if one not in failed]


def test_lost_runtime_is_a_problem(node_of: NodeOf, opened: Open) -> None:
    """Health, title and badge say so, and why."""
    node = node_of("laptop")
    page = opened(node)
    assert page.locator("#ready").inner_text() == "ready"
    node.disconnect("connection refused")
    page.wait_for_selector("#problems .problem:has-text('connection refused')")
    assert page.locator("#ready").inner_text() == "not ready"
    assert "NOT READY" in page.title()


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>", "</script><b>", "&lt;i&gt;"])
def test_name_of_a_pod_stays_text(name: str, node_of: NodeOf, opened: Open) -> None:
    """Whatever a pod is named: it is shown as it is, in all places."""
    node = node_of("laptop")
    owned = node.integer(name, 1)
    page = opened(node)
    page.locator(f"[data-cpu='{owned.lowest}']").click()
    shown = f"default/{name}/main"
    wait_for(page, name)
    page.wait_for_selector("#decisions li")
    assert page.locator("#details h3").text_content() == shown
    assert shown in (page.locator("#decisions").text_content() or "")
    assert (
        page.locator("main img, main b, main i").count()
        == page.locator("#legend b, .decision > b").count()
    )
