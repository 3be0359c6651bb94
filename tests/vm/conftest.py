"""Fixtures of the virtual machine tier."""

import os
import shutil
import subprocess
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.containerd_config import Series
from tests.e2e.packages import PackageError
from tests.vm import debian, image, product
from tests.vm.evidence import EVIDENCE, MACHINE, SEEN
from tests.vm.image import Image
from tests.vm.kept import Kept, VmNode, lent
from tests.vm.machine import Machine

ARCHITECTURE = "x86_64"
HERE = Path(__file__).parent
TEST_TIMEOUT_S = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of this tier."""
    group = parser.getgroup("vm", "tests in a virtual machine")
    group.addoption(
        "--vm-containerd",
        choices=[series.value for series in Series],
        help="run the virtual machine tests with this release series only (default: with all)",
    )
    group.addoption(
        "--vm-rounds",
        type=int,
        default=1,
        help="rounds of forty pods created and deleted at once (default: %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Names the markers: what `make test` has, and what comes last."""
    config.addinivalue_line("markers", "quick: part of the short profile of the vm tier")
    config.addinivalue_line("markers", "costs_node: the shared node is of no use after it")
    config.stash[SEEN] = []
    config.stash[EVIDENCE] = []


@pytest.hookimpl(tryfirst=True)  # before pytest brings tests of the same containerd together
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each test the time that emulation takes; the first one may build the image, too.

    Those that cost the shared node come last: to start another one takes ten seconds.
    """
    items.sort(key=lambda item: item.get_closest_marker("costs_node") is not None)
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test once for each chosen containerd."""
    if "series" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--vm-containerd")
        series = [one for one in Series if chosen in (None, one.value)]
        metafunc.parametrize("series", series, ids=lambda one: one.value, scope="session")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says what the acceptance test saw, and what was seen of overlaps over all tests."""
    for line in config.stash[EVIDENCE]:
        terminalreporter.write_line(line)
    seen = config.stash[SEEN]
    if seen:
        terminalreporter.write_line(
            f"overlap with an owner: {sum(one.overlaps for one in seen)} sights of"
            f" {sum(one.looks for one in seen):,} looks, the longest"
            f" {max(one.longest_s for one in seen):.3f} s"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the console and the logs of the machine when a test fails."""
    report = yield
    machines = [one.stash[MACHINE] for one in item.listchain() if MACHINE in one.stash]
    if report.failed and machines:
        machine = machines[-1]
        report.sections.append(("console", machine.console_tail()))
        if report.when == "call":
            logs = "tail -n 40 /node/agent.log /node/containerd.log /var/log/observer.log; dmesg"
            report.sections.append(("logs in the machine", _said(machine, f"{logs} | tail -n 20")))
    return report


def _said(machine: Machine, script: str) -> str:
    """What a script says in a machine that may be broken."""
    try:
        return machine.run(script)
    except Exception as error:  # noqa: BLE001  # it is shown, and the test has failed already
        return str(error)


@pytest.fixture(scope="session")
def built() -> Image:
    """The image of the machine; without it the tier fails."""
    if os.uname().machine != ARCHITECTURE:
        pytest.fail(f"the virtual machine is made for {ARCHITECTURE} only", pytrace=False)
    for tool in ("apt-get", "setpriv"):
        if shutil.which(tool) is None:
            pytest.fail(f"the virtual machine tests need {tool}", pytrace=False)
    try:
        return image.build()
    except (debian.UnpackError, PackageError) as error:
        pytest.fail(str(error), pytrace=False)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{error}\n{error.stderr}", pytrace=False)


@pytest.fixture(scope="session")
def archive(built: Image, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The product, to be sent to a machine."""
    return product.archive(built, tmp_path_factory.mktemp("p"))


@pytest.fixture(scope="session")
def kept(
    built: Image, series: Series, archive: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept[VmNode]]:
    """The node that all tests of one containerd get one after the other."""

    def make(machine: Machine) -> VmNode:
        machine.send(archive)
        return VmNode.on(machine)

    one = Kept(built, series, tmp_path_factory.mktemp("k"), make)
    yield one
    one.drop()


@pytest.fixture
def node(kept: Kept[VmNode], request: pytest.FixtureRequest) -> Iterator[VmNode]:
    """A node with the agent at work; in the end no rule may have been broken at any instant."""
    with lent(kept, request) as one:
        yield one
