"""Fixtures of the tests of what is delivered: a machine of their own."""

from collections.abc import Iterator

import pytest

from tests.e2e.containerd_config import Series
from tests.vm.evidence import MACHINE
from tests.vm.image import Image
from tests.vm.machine import Machine
from tests.vm.node import Runtime


@pytest.fixture
def machine(
    built: Image,
    series: Series,
    archive: bytes,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Machine]:
    """A machine as it is after its boot, with the product in it."""
    one = Machine(built, series, tmp_path_factory.mktemp("v"))
    request.node.stash[MACHINE] = one
    try:
        one.restore()
        one.send(archive)
        yield one
    finally:
        one.close()


@pytest.fixture
def runtime(machine: Machine) -> Iterator[Runtime]:
    """Its containerd, without pods and without plugins."""
    one = Runtime(machine)
    one.wait_ready()
    yield one
    one.close()
