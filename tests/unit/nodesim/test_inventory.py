"""The records of a runtime."""

import pytest

from nodesim.inventory import Inventory
from nodesim.kubernetes import CgroupDriver
from nodesim.observer import CriError
from nodesim.records import Container, Phase, Sandbox
from tests.unit.nodesim.hosts import POD


@pytest.fixture(params=CgroupDriver)
def inventory(request: pytest.FixtureRequest) -> Inventory:
    """A pod with one container, for each way to name cgroups."""
    inventory = Inventory()
    sandbox = Sandbox.make("s", POD, request.param)
    container = Container.make("c", sandbox, POD.containers[0], request.param)
    inventory.sandboxes[sandbox.id], inventory.containers[container.id] = sandbox, container
    sandbox.containers.append(container)
    inventory.told.update(("s", "c"))
    return inventory


def test_what_is_there_is_found(inventory: Inventory) -> None:
    """By its id, by its cgroup, by its pod, by its phase."""
    container = inventory.container("c")
    assert container is inventory.find(container.path)
    assert container.sandbox is inventory.sandbox("s")
    assert "s" == inventory.sandbox_of(POD.uid)
    assert [container] == list(inventory.in_phase(Phase.CREATED))
    assert [] == list(inventory.in_phase(Phase.RUNNING, Phase.EXITED))


def test_what_is_not_there_is_said_in_the_runtimes_words(inventory: Inventory) -> None:
    """A kubelet gets an error; who only looks gets nothing."""
    with pytest.raises(CriError, match="sandbox x not found"):
        inventory.sandbox("x")
    with pytest.raises(CriError, match="container x not found"):
        inventory.container("x")
    assert None is inventory.find("/kubepods/x")
    assert "" == inventory.sandbox_of("x")


def test_what_was_dropped_leaves_nothing_and_can_be_dropped_again(inventory: Inventory) -> None:
    """Calls that remove the same thing may overlap."""
    container = inventory.container("c")
    for _ in range(2):
        inventory.drop_container(container)
        inventory.drop_sandbox(container.sandbox)
    assert ({}, {}, set()) == (inventory.containers, inventory.sandboxes, inventory.told)
    assert [] == container.sandbox.containers
