"""Machines in files: the form of the file, and what each mistake is told to be."""

import json

import pytest

from weka_cpuset.engine import Cpu, CpuSet, Node
from weka_cpuset.machine import Machine, nodes_with
from weka_cpuset.machine_file import SIZE_MAX, MachineFileError, decode, encode

MACHINE = Machine(
    "small",
    (Cpu(0, 0, 0, 0, 36), Cpu(1, 0, 0, 0, 36), Cpu(4, node=8), Cpu(5)),
    CpuSet.of([4, 5]),
    (
        Node(0, CpuSet.of([0, 1]), distances={0: 10, 8: 40}),
        Node(8, CpuSet.of([4]), has_memory=False),
    ),
)
TREE = json.loads(encode(MACHINE))


def test_levels_are_lists_of_cpus() -> None:
    """The file can be read by people: ids of groups, and their cpus as the kernel lists them."""
    assert TREE == {
        "format": "weka-cpuset machine",
        "version": 1,
        "name": "small",
        "present": "0-1,4-5",
        "offline": "4-5",
        "packages": {"36": "0-1"},
        "nodes": {
            "0": {"cpus": "0-1", "memory": True, "distances": {"0": 10, "8": 40}},
            "8": {"cpus": "4", "memory": False, "distances": {}},
        },
        "llcs": {"0": "0-1"},
        "cores": {"0": "0-1"},
    }


def test_what_is_written_is_what_is_read() -> None:
    """Offline cpus, gaps in ids and unknown levels included."""
    assert MACHINE == decode(encode(MACHINE), "small.json")


def test_short_file_will_do() -> None:
    """Who writes a file by hand may leave out what is not known."""
    least = {key: TREE[key] for key in ("format", "version", "name")} | {"present": "0-3"}
    machine = decode(json.dumps(least).encode(), "hand.json")
    assert machine == Machine("small", tuple(map(Cpu, range(4))), CpuSet.EMPTY, ())


def test_largest_machine_fits() -> None:
    """8192 cpus, each a core and an LLC group of its own, on 64 nodes are not too many."""
    cpus = tuple(Cpu(cpu, cpu, cpu, cpu // 128, cpu) for cpu in range(8192))
    table = {one: dict.fromkeys(range(64), 20) for one in range(64)}
    nodes = nodes_with(cpus, CpuSet.of(range(64)), table)
    data = encode(Machine("largest", cpus, CpuSet.EMPTY, nodes))
    assert len(data) < SIZE_MAX
    assert len(decode(data, "largest.json").cpus) == 8192


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"format": "pod"}, "format, version"),
        ({"version": 2}, "format, version"),
        ({"version": "1"}, "version"),
        ({"name": 5}, "name"),
        ({"name": "\ud800"}, ""),
        ({"present": "0-"}, "present"),
        ({"offline": "0-1,4-5"}, "offline"),
        ({"present": "0-9000"}, "present"),
        ({"offline": "7"}, "offline"),
        ({"offline": "x"}, "offline"),
        ({"cores": {"0": "0-1", "4": "1,4"}}, "cores.4"),
        ({"cores": {"0": "0-2"}}, "cores.0"),
        ({"cores": {"01": "0"}}, "cores"),
        ({"cores": {"-1": "0"}}, "cores"),
        ({"cores": {"4294967296": "0"}}, "cores"),
        ({"packages": {"0": [0, 1]}}, "packages[...]"),
        ({"nodes": {"0": {"cpus": "0"}}}, "nodes[...]"),
        ({"nodes": {"9000": {"cpus": "0", "memory": True}}}, "nodes"),
        ({"nodes": {"0": {"cpus": "0", "memory": True, "distances": {"5": 10}}}}, "node 0"),
        (
            {"nodes": {"0": {"cpus": "0", "memory": True, "distances": {"a": 10}}}},
            "nodes.0.distances",
        ),
    ],
)
def test_mistake_is_told_with_its_place(change: dict[str, object], place: str) -> None:
    """The error names the file and the place, what is wrong, and what would be right."""
    with pytest.raises(MachineFileError) as caught:
        decode(json.dumps(TREE | change).encode(), "wrong.json")
    assert ("wrong.json", place) == (caught.value.file, caught.value.place)
    assert caught.value.problem
    assert str(caught.value).endswith(f"; use {caught.value.allowed}")


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[]", b"null", b'"\xff"', b"\xff\xfe{}", b"[" * 500_000),
        b'{"nothing":' * 100_000,
        encode(MACHINE)[:-4],
        encode(MACHINE) + b"{}",
        b" " * (SIZE_MAX + 1),
        json.dumps({"x" * 100_000: 1}).encode(),
        json.dumps({**TREE, "cores": {"9" * 100_000: "0"}}).encode(),
        json.dumps({**TREE, "present": "0," * 100_000}).encode(),
        json.dumps({**TREE, "name": "x" * 100_000}).encode(),
        json.dumps({**TREE, "format": "x" * 100_000}).encode(),
    ],
)
def test_what_is_no_machine_is_refused_in_few_words(data: bytes) -> None:
    """Whatever the file is, the error is one that can be shown."""
    with pytest.raises(MachineFileError) as caught:
        decode(data, "hostile.json")
    assert str(caught.value).startswith("hostile.json")
    assert len(str(caught.value)) < 500
