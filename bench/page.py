"""How soon a change can be seen in a browser, on a small node and on the largest one.

    python -m bench.page

From the moment at which the runtime asks for a container to the moment at which it is in the page's
list, and how long the page could not answer its user meanwhile (the browser's "long tasks", which
are those of more than 50 ms). Both nodes are shown by the same browser, in turn.
"""

import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

from nodesim.machines import MACHINES
from tests.browser.node import ShownNode, shown_node

ROUNDS = 15
NODES = {"laptop": 10, "2x128-smt2": 1000}
"""Machines, each with its number of shared containers."""

APPEARED = """(name) => [...document.querySelectorAll("#containers button")]
  .some((one) => one.textContent === name) && Date.now()"""
"""Returns the time at which a container is in the list, in milliseconds since 1970."""

LONG_WORK = """() => {
  window.longWork = [];
  new PerformanceObserver((list) => {
    window.longWork.push(...list.getEntries().map((one) => one.duration));
  }).observe({ entryTypes: ["longtask"] });
}"""
"""Takes note of work of more than 50 ms, in milliseconds."""


@dataclass(frozen=True)
class Seen:
    """What was measured on one node.

    Attributes:
        waits_ms: From a container's creation until it could be seen, in milliseconds, sorted.
        longest_ms: The longest work that kept the page from answering; 0 if none took 50 ms.
    """

    waits_ms: list[float]
    longest_ms: float


def measure(browser: Browser, machine: str, pods: int) -> Seen:
    """Create containers one after the other, and see when each is shown."""
    with shown_node(MACHINES[machine].topology()) as node:
        for number in range(pods):
            node.shared(f"web-{number}")
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(node.url)
        page.wait_for_selector("#ready:not(:empty)")
        page.evaluate(LONG_WORK)
        waits_ms = sorted(_wait_ms(node, page, number) for number in range(ROUNDS))
        longest_ms = max([0.0, *page.evaluate("window.longWork")])
        page.close()
    return Seen(waits_ms, longest_ms)


def _wait_ms(node: ShownNode, page: Page, number: int) -> float:
    name = f"new-{number}"
    began_ms = time.time() * 1000
    node.integer(name, 1)
    seen = page.wait_for_function(APPEARED, arg=f"default/{name}/main").json_value()
    node.end(name)
    page.wait_for_function(f"name => !({APPEARED})(name)", arg=f"default/{name}/main")
    return float(seen) - began_ms


def report(out: Callable[[str], None] = print) -> None:
    """Measure, and print the figures."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # nothing but our own page is opened
    out(f"From a container's creation until a browser shows it ({ROUNDS} each):")
    medians = []
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=options)
        for machine, pods in NODES.items():
            seen = measure(browser, machine, pods)
            medians.append(statistics.median(seen.waits_ms))
            out(
                f"  {machine:10} with {pods:5,} containers: median {medians[-1]:.0f} ms, "
                f"longest {seen.waits_ms[-1]:.0f} ms, longest work {seen.longest_ms:.0f} ms"
            )
        browser.close()
    out(f"  ratio {medians[-1] / medians[0]:.1f}")


if __name__ == "__main__":
    report()
