"""Metrics: the table says what there is, and the values are the agent's."""

import asyncio
import re
from collections.abc import Mapping

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

import nri
from nri import services
from tests.agents import RUNTIME, agent_of
from tests.requests import EIGHT, create, start
from weka_cpuset import rivals
from weka_cpuset.daemon import Agent
from weka_cpuset.engine import CORES_ANNOTATION
from weka_cpuset.metrics import table
from weka_cpuset.metrics.table import TABLE, Kind
from weka_cpuset.metrics.text import Exposition
from weka_cpuset.metrics.values import Sources
from weka_cpuset.settings import Way

NAME = re.compile(r"(weka_cpuset|process)_[a-z_]+")


@pytest.fixture
def agent() -> Agent:
    """An agent of a machine with eight cpus, connected."""
    agent = agent_of(EIGHT)
    agent.uptime.up(RUNTIME)
    return agent


def families(agent: Agent, *, names: bool = False) -> Mapping[str, Family]:
    """Return an agent's metrics as Prometheus reads them."""
    sources = Sources(agent, {}, lambda: 0, lambda: 0, names=names)
    text = asyncio.run(Exposition(sources).text()).decode()
    return {one.name: one for one in text_string_to_metric_families(text)}


def values(agent: Agent, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a metric by its labels' values, in the order of their names."""
    family = families(agent)[name.removesuffix("_total").removesuffix("_bucket")]
    samples = (one for one in family.samples if one.name == name)
    return {tuple(one.labels.values()): one.value for one in samples}


def test_names_are_unique_and_as_prometheus_wants_them() -> None:
    names = [one.name for one in TABLE]
    assert len(names) == len(set(names))
    for one in TABLE:
        assert NAME.fullmatch(one.name)
        assert one.help.endswith(".")
        assert one.name.endswith("_total") == (one.kind is Kind.COUNTER)


def test_every_label_has_its_values_or_says_what_they_are() -> None:
    for one in TABLE:
        for label in one.labels:
            assert bool(label.values) != bool(label.note)


def test_everything_shown_is_in_the_table_with_its_kind_and_labels(agent: Agent) -> None:
    """And everything in the table is shown, apart from queues that this agent does not have."""
    start(agent.handlers, create("own", 2000))
    agent.handlers.on_answered("CreateContainer", 0.001)
    rows = {one.name.removesuffix("_total"): one for one in TABLE}
    shown = families(agent, names=True)
    assert rows.keys() == shown.keys()
    for name, family in shown.items():
        row = rows[name]
        assert row.kind.value == family.type
        allowed = {label.name: label.values for label in row.labels}
        for sample in family.samples:
            labels = {key: value for key, value in sample.labels.items() if key != "le"}
            assert labels.keys() == allowed.keys()
            for key, value in labels.items():
                assert not allowed[key] or value in allowed[key]


def test_requests_are_those_of_the_protocol() -> None:
    """No answer can be counted under a name that the table does not have."""
    assert {one.name for one in services.PLUGIN_METHODS} >= set(table.REQUESTS)


def test_containers_and_cpus_are_counted_by_class(agent: Agent) -> None:
    start(agent.handlers, create("own", 2000))
    start(agent.handlers, create("named", 100, {CORES_ANNOTATION: "6"}))
    start(agent.handlers, create("shared", 100))
    assert {("annotated",): 1, ("integer",): 1, ("shared",): 1} == values(
        agent, "weka_cpuset_containers"
    )
    cpus = values(agent, "weka_cpuset_cpus")
    assert 8 == sum(cpus.values())
    assert {"annotated": 1, "integer": 2, "pool": 5} == {use: n for (_, use), n in cpus.items()}


def test_owners_are_named_only_where_that_is_asked_for(agent: Agent) -> None:
    """With the cpus that each has; shared containers own none."""
    start(agent.handlers, create("own", 2000))
    start(agent.handlers, create("named", 100, {CORES_ANNOTATION: "6"}))
    start(agent.handlers, create("shared", 100))
    assert families(agent)["weka_cpuset_container_cpus"].samples == []
    shown = families(agent, names=True)["weka_cpuset_container_cpus"].samples
    assert {(one.labels["pod"], one.labels["class"], one.value) for one in shown} == {
        ("own", "integer", 2),
        ("named", "annotated", 1),
    }


def test_refusals_are_counted_by_reason_and_there_from_the_start(agent: Agent) -> None:
    """A counter that appears with its first value has no increase that an alert could see."""
    before = values(agent, "weka_cpuset_refusals_total")
    assert {0} == set(before.values())
    with pytest.raises(nri.Refusal):
        agent.handlers.create_container(create("large", 99_000))
    after = values(agent, "weka_cpuset_refusals_total")
    assert before.keys() == after.keys()
    assert {("NotEnoughCpus",): 1} == {key: value for key, value in after.items() if value}


def test_times_are_in_buckets(agent: Agent) -> None:
    for took_s in (0.0001, 0.001, 0.001, 5.0):
        agent.handlers.on_answered("StopContainer", took_s)
    buckets = values(agent, "weka_cpuset_request_seconds_bucket")
    counts = list(buckets.values())
    assert counts == sorted(counts)
    assert (1, 3, 4) == (counts[0], counts[-2], counts[-1])


def test_updates_are_counted_by_way(agent: Agent) -> None:
    agent.settler.status.settled_by[Way.CGROUP] += 3
    agent.settler.status.failed_by[Way.UPDATE] += 2
    agent.settler.status.repaired_by[Way.CGROUP] += 1
    assert 3 == values(agent, "weka_cpuset_updates_sent_total")[("cgroup",)]
    assert 2 == values(agent, "weka_cpuset_updates_failed_total")[("update",)]
    assert 1 == values(agent, "weka_cpuset_updates_repaired_total")[("cgroup",)]


def test_rivals_and_overlaps_are_told(agent: Agent) -> None:
    agent.handlers.rivals.seen[rivals.Rival.KUBELET] = 4
    agent.auditor.status.overlap_s = 1.5
    assert 4 == values(agent, "weka_cpuset_rivals_total")[("kubelet",)]
    assert 1.5 == values(agent, "weka_cpuset_overlap_seconds_total")[()]
