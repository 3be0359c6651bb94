"""Fixtures of the end-to-end tier: a node with a real containerd and the agent on it."""

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e import packages
from tests.e2e.agent import Agent
from tests.e2e.containerd import Containerd, tail
from tests.e2e.containerd_config import Series
from tests.e2e.kubelet import Kubelet
from tests.e2e.node import HostNode

LOGS = pytest.StashKey[dict[str, Path]]()
LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of this tier."""
    group = parser.getgroup("e2e", "end-to-end tests with a real containerd")
    group.addoption(
        "--without-e2e", action="store_true", help="leave the end-to-end tests out, and say so"
    )
    group.addoption(
        "--containerd",
        choices=[series.value for series in Series],
        help="run the end-to-end tests with this release series only (default: with all)",
    )
    group.addoption(
        "--stress-rounds",
        type=int,
        default=3,
        help="rounds of forced deletion in the acceptance test (default: %(default)s)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs each test once for each chosen containerd."""
    if "series" in metafunc.fixturenames:
        series = _chosen(metafunc.config)
        metafunc.parametrize("series", series, ids=lambda one: one.value, scope="session")


def _chosen(config: pytest.Config) -> list[Series]:
    """The containerds to test with."""
    chosen = config.getoption("--containerd")
    return [one for one in Series if chosen in (None, one.value)]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the tier out if that is asked for; nothing else leaves it out."""
    if config.getoption("--without-e2e"):
        here = Path(__file__).parent
        left_out = [item for item in items if here in item.path.parents]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
        config.stash[LEFT_OUT] = len(left_out)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leaving out all there was, as asked for, is no failure."""
    left_out = session.config.stash.get(LEFT_OUT, 0)
    if left_out and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Says that the tier was left out."""
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"{left_out} end-to-end tests LEFT OUT (--without-e2e)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the end of the logs of the runtime and the agent when a test fails."""
    report = yield
    if report.failed:
        report.sections += [(name, tail(path)) for name, path in item.stash.get(LOGS, {}).items()]
    return report


@pytest.fixture(scope="session")
def machine() -> None:
    """A machine on which containerd can run; the tier fails on any other."""
    if os.geteuid() != 0:
        pytest.fail("the end-to-end tests run containerd, which needs root", pytrace=False)
    try:
        packages.fetch()
    except packages.PackageError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def folder(
    machine: None,  # noqa: ARG001  # first of all
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A folder with a path short enough for unix sockets."""
    return tmp_path_factory.mktemp("n")


@pytest.fixture
def runtime(folder: Path, series: Series, request: pytest.FixtureRequest) -> Iterator[Containerd]:
    """A running containerd without pods and without plugins."""
    containerd = Containerd(series, folder)
    request.node.stash[LOGS] = {"containerd": containerd.layout.log}
    try:
        containerd.start()
        yield containerd
    finally:
        containerd.close()


@pytest.fixture
def runtimes(
    machine: None,  # noqa: ARG001  # first of all
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[list[Containerd]]:
    """Each chosen containerd, running, without pods and without plugins."""
    logs = request.node.stash[LOGS] = {}
    with ExitStack() as running:
        containerds = []
        for series in _chosen(request.config):
            one = Containerd(series, tmp_path_factory.mktemp("n"))
            running.callback(one.close)
            logs[series.value] = one.layout.log
            one.start()
            containerds.append(one)
        yield containerds


@pytest.fixture
def kubelet(runtime: Containerd, folder: Path) -> Kubelet:
    """Runs pods on the runtime."""
    return Kubelet(runtime, folder / "pods")


@pytest.fixture
def agent(runtime: Containerd, request: pytest.FixtureRequest) -> Iterator[Agent]:
    """The agent, not yet started."""
    process = Agent(runtime)
    request.node.stash[LOGS]["agent"] = process.log
    yield process
    process.close()


@pytest.fixture
def node(runtime: Containerd, agent: Agent, kubelet: Kubelet) -> Iterator[HostNode]:
    """A node with the agent at work; in the end the agent must be well and end as asked."""
    agent.start()
    whole = HostNode(runtime, agent, kubelet)
    yield whole
    whole.assert_undisturbed()
    assert agent.stop() == 0
