"""The plain form of engine values: everything that can be asked comes back as it was."""

import dataclasses
import typing
from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.machines import LAPTOP, SERVER, container, flat, grid, pod
from weka_cpuset.engine import (
    ContainerFacts,
    Cpu,
    CpuSet,
    Create,
    Event,
    IntegerDemand,
    Ledger,
    Node,
    PodFacts,
    Refusal,
    Topology,
    decide,
)
from weka_cpuset.record.plain import KIND_KEY, NotPlain, from_plain, to_plain

CPU_SETS = st.frozensets(st.integers(0, 300)).map(CpuSet.of)
TEXTS = st.text(max_size=8)
st.register_type_strategy(CpuSet, CPU_SETS)
FACTS = st.builds(
    ContainerFacts,
    id=TEXTS,
    pod_id=TEXTS,
    shares=st.integers(0, 1 << 40),
    oom_score_adj=st.none() | st.integers(-1000, 1000),
    cpus=TEXTS,
)
PODS = st.builds(PodFacts, id=TEXTS, annotations=st.dictionaries(TEXTS, TEXTS, max_size=2))
st.register_type_strategy(ContainerFacts, FACTS)
st.register_type_strategy(PodFacts, PODS)


def there_and_back(kind: object, value: object) -> object:
    """Return a value that went through JSON."""
    return from_plain(kind, msgspec.json.decode(msgspec.json.encode(to_plain(value))))


@given(st.sampled_from(typing.get_args(Event)).flatmap(st.from_type))
def test_every_event_comes_back(event: Event) -> None:
    """Whatever kinds of events there are, each has a plain form."""
    assert there_and_back(Event, event) == event


@given(st.data())
def test_every_topology_comes_back(data: st.DataObject) -> None:
    """A machine is written as its groups, and is the same when built from them."""
    level = st.none() | st.integers(0, 3)
    ids = data.draw(st.frozensets(st.integers(0, 40), min_size=1, max_size=12))
    cpus = [Cpu(one, *(data.draw(level) for _ in range(4))) for one in sorted(ids)]
    listed = data.draw(st.frozensets(st.integers(0, 4)))
    nodes = [
        Node(one, CpuSet.EMPTY, data.draw(st.booleans()), dict.fromkeys(listed, 20))
        for one in sorted(listed)
    ]
    topology = Topology.build(cpus, nodes)
    assert there_and_back(Topology, topology) == topology


@pytest.mark.parametrize("topology", [LAPTOP, SERVER, flat(3), grid(2, 2, 2, 2, 4)])
def test_a_ledger_comes_back(topology: Topology) -> None:
    """The ledger after some events is read as it was, in the same order."""
    ledger = Ledger.empty(topology)
    for number, whole in enumerate((1, 0, 2, 0)):
        its_pod = pod(f"p{number}", guaranteed=whole > 0, forbid="0" if number == 3 else "")
        ledger = decide(ledger, Create(its_pod, container(f"p{number}", whole=whole))).ledger
    again = there_and_back(Ledger, ledger)
    assert again == ledger
    assert isinstance(again, Ledger)
    again.check()
    for name in ("exclusive", "shared", "told", "families", "forbids"):
        before: Mapping[object, object] = getattr(ledger, name)
        assert list(before) == list(getattr(again, name))


def test_what_is_the_default_is_left_out() -> None:
    """A recording is as short as the runtime's messages are."""
    assert {"id": "a", "pod_id": "b"} == to_plain(ContainerFacts("a", "b"))


@pytest.mark.parametrize("kind", Refusal.__subclasses__())
def test_every_refusal_says_its_kind(kind: type[Refusal]) -> None:
    """Refusals are told apart by their class and fields, not by their text."""
    types = typing.get_type_hints(kind)
    hints = {one.name: types[one.name] for one in dataclasses.fields(kind)}  # type: ignore[arg-type]  # each is a dataclass
    values = {
        CpuSet: CpuSet.of([1, 2]),
        str: "text",
        int: 2,
        tuple[str, ...]: ("one",),
        tuple[int, ...]: (1,),
    }
    plain = to_plain(kind(**{name: values[one] for name, one in hints.items()}))
    assert isinstance(plain, dict)
    assert kind.__name__ == plain[KIND_KEY]
    assert {KIND_KEY, *hints} == plain.keys()


@pytest.mark.parametrize(
    ("kind", "plain"),
    [
        (CpuSet, "3-1"),
        (CpuSet, 3),
        (ContainerFacts, {"id": "a"}),
        (ContainerFacts, {"id": "a", "pod_id": "b", "colour": "red"}),
        (Event, {"is": "Explode"}),
        (Event, []),
        (IntegerDemand, {"count": "two"}),
        (tuple[str, ...], "text"),
        (Topology, {"cores": ["0"]}),
        (Topology, {"cores": ["0"], "llcs": [], "nodes": [], "packages": [], "numa": []}),
    ],
)
def test_what_is_no_value_is_told(kind: object, plain: object) -> None:
    """Whatever a damaged file says ends in one kind of error that names the type."""
    with pytest.raises(NotPlain) as caught:
        from_plain(kind, plain)
    assert "not a valid" in str(caught.value)


def test_a_type_without_a_form_is_a_defect() -> None:
    """A value of a type that no rule is known for is not recorded as something else."""
    with pytest.raises(NotPlain, match="object"):
        to_plain(object())
    with pytest.raises(NotPlain, match="complex"):
        from_plain(complex, "1")
