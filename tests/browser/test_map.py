"""The map is the machine, and shows who owns what."""

import pytest
from playwright.sync_api import Page

from nodesim.machines import MACHINES
from tests.browser.conftest import NodeOf, Open
from weka_cpuset.engine import CpuSet

GROUPS = """(selector) => [...document.querySelectorAll(selector)].map(
    (group) => [...group.querySelectorAll("[data-cpu]")].map((cell) => Number(cell.dataset.cpu))
)"""
"""Returns the cpus of each group of the map."""


def groups(page: Page, selector: str) -> set[CpuSet]:
    """Return the groups of the map of one level."""
    return {CpuSet.of(cpus) for cpus in page.evaluate(GROUPS, selector)}


def coloured(page: Page, use: str) -> CpuSet:
    """Return the cpus that the map shows in the colour of a use."""
    cells = page.locator(f"#map .cpu.{use}").evaluate_all("all => all.map(it => +it.dataset.cpu)")
    return CpuSet.of(cells)


@pytest.mark.parametrize("name", MACHINES)
def test_map_has_the_groups_of_the_machine(name: str, node_of: NodeOf, opened: Open) -> None:
    """Package, node, LLC, core and cpu are those of the topology; owners have their colours."""
    node = node_of(name)
    integer = node.integer("whole", 1)
    named = next(iter(node.ledger.pool))
    node.annotated("named", str(named))
    page = opened(node)
    topology = node.ledger.topology
    assert groups(page, "#map") == {topology.online}
    assert groups(page, ".package") == set(topology.packages)
    assert groups(page, ".llc") == set(topology.llcs)
    assert groups(page, ".core") == set(topology.cores)
    in_packages = {cpus for one in topology.packages for cpus in topology.nodes_in(one)}
    assert groups(page, ".node") == in_packages
    assert coloured(page, "integer") == integer
    assert coloured(page, "annotated") == CpuSet.of([named])
    assert coloured(page, "pool") == node.ledger.pool
