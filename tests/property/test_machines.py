"""Machines in files: what is written is what is read, and nothing in a file is a crash."""

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodesim.machines import MACHINES
from nodesim.sysfs_files import write_sysfs
from nodesim.topology_facts import facts_of, text_of
from tests.property.machines import machines
from weka_cpuset.engine import CpuSet
from weka_cpuset.machine import Machine
from weka_cpuset.machine_file import MachineFileError, decode, encode
from weka_cpuset.sysfs import read_machine

SMALL = encode(MACHINES["1x2"])
KEYS = ("format", "version", "name", "present", "offline", "packages", "nodes", "llcs", "cores")
LISTS = st.sampled_from(["", "0", "1", "0-1", "2", "0-8191", "0-9999999999", "x", "1-0", "\ud800"])
IDS = st.sampled_from(["0", "1", "00", "-1", "8191", "8192", "2147483648", "٣", "", "9" * 5000])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LISTS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(IDS | LISTS, inner, max_size=3),
    max_leaves=8,
)
GROUPS = st.dictionaries(IDS, LISTS, max_size=3)
NODES = st.dictionaries(
    IDS,
    st.fixed_dictionaries(
        {"cpus": LISTS, "memory": st.booleans()},
        optional={"distances": st.dictionaries(IDS, st.integers(-1, 2**32), max_size=2)},
    ),
    max_size=2,
)


def tried(data: bytes) -> Machine | MachineFileError:
    """Read a file; every error but its own would be seen."""
    try:
        return decode(data, "hostile.json")
    except MachineFileError as error:
        refused = error
    assert len(str(refused)) < 2000
    return refused


@given(machines())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_file_holds_the_whole_machine(machine: Machine) -> None:
    """A captured machine is the same machine elsewhere, and its file is the same each time."""
    data = encode(machine)
    assert machine == decode(data, "captured.json")
    assert data == encode(decode(data, "captured.json"))


@given(machines())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_sysfs_tells_all_that_counts(machine: Machine) -> None:
    """The agent groups the cpus of a simulated machine as the simulator does."""
    with tempfile.TemporaryDirectory() as folder:
        write_sysfs(machine, Path(folder))
        read = read_machine(Path(folder), machine.name)
    assert machine.topology() == read.topology()
    assert (machine.present, machine.offline) == (read.present, read.offline)
    assert machine.nodes == read.nodes
    if not machine.offline:
        assert machine == read


@given(machines(), st.data())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_set_of_online_cpus_has_a_topology(machine: Machine, data: st.DataObject) -> None:
    """Cpus come and go; each that is online is in exactly one group of each level."""
    online = CpuSet.of(
        data.draw(st.sets(st.integers(0, 4095) | st.sampled_from([*machine.present])))
    )
    topology = machine.topology(online)
    assert online & machine.present == topology.online
    for groups in (topology.cores, topology.llcs, topology.nodes, topology.packages):
        assert sum(map(len, groups)) == len(topology.online)


@given(machines())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_machine_can_be_shown(machine: Machine) -> None:
    """The picture names each online cpu's core once, whatever is not known of the machine."""
    facts = facts_of(machine)
    cores = [
        CpuSet.parse(core)
        for package in facts.packages
        for node in package.nodes
        for llc in node.llcs
        for core in llc.cores
    ]
    assert sorted(cpu for core in cores for cpu in core) == list(machine.online)
    text = text_of(facts)
    assert all(str(core) in text for core in cores)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_words(data: bytes) -> None:
    """What is no machine's file is an error that names the file."""
    error = tried(data)
    assert isinstance(error, MachineFileError)
    assert str(error).startswith("hostile.json")


@given(st.data())
@settings(max_examples=300)
def test_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    """A file with some bytes changed, cut or doubled is a machine or an error, never a crash."""
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        length = data.draw(st.integers(0, 20))
        content[at : at + length] = data.draw(st.binary(max_size=4))
    tried(bytes(content))


@given(
    st.dictionaries(st.sampled_from(KEYS), TREES, max_size=3),
    st.fixed_dictionaries({}, optional={"packages": GROUPS, "cores": GROUPS, "nodes": NODES}),
)
@settings(max_examples=300)
def test_file_of_nonsense_is_read_or_refused(
    trees: dict[str, object], near: dict[str, object]
) -> None:
    """The same for files that are JSON and say things that no machine has."""
    tried(json.dumps(json.loads(SMALL) | near | trees).encode())
    tried(json.dumps(json.loads(SMALL) | near).encode())
