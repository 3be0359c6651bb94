"""A machine as a file that a person can read, compare and write by hand.

JSON; the format is described in docs/reference/machines.md. Each level of the machine is a
mapping from the ids of its groups to their cpus, in the kernel's list format; a cpu that
no group of a level names is one of which that level is not known.
"""

import json
import reprlib
from collections.abc import Iterable, Mapping
from typing import Annotated

import msgspec

from weka_cpuset.engine import Cpu, CpuListError, CpuSet
from weka_cpuset.machine import ID_MAX, Machine, MachineInvalid, nodes_with

FORMAT = "weka-cpuset machine"
"""What the file says it is."""

VERSION = 1
"""The version of the format; another one is for a change that old readers would get wrong."""

SIZE_MAX = 1 << 20
"""Largest file that is looked at, in bytes. The largest machine that Linux runs on, with 8192
cpus and each a core and an LLC group of its own, takes half of it."""


class MachineFileError(Exception):
    """A file does not describe a machine.

    Attributes:
        file: Its name.
        place: Where in it, such as `cores.5`; empty: the whole file.
        problem: What is wrong there.
        allowed: What would be right, in words.
    """

    def __init__(self, file: str, place: str, problem: str, allowed: str) -> None:
        super().__init__(file, place, problem, allowed)
        self.file = file
        self.place = place
        self.problem = problem
        self.allowed = allowed

    def __str__(self) -> str:
        where = f"{self.file}, {self.place}" if self.place else self.file
        return f"{where}: {self.problem}; use {self.allowed}"


_Number = Annotated[int, msgspec.Meta(ge=0, le=ID_MAX)]
_Groups = dict[str, str]


class _NodeEntry(msgspec.Struct, forbid_unknown_fields=True):
    cpus: str
    memory: bool
    distances: dict[str, _Number] = {}


class _MachineEntry(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    name: str
    present: str
    offline: str = ""
    packages: _Groups = {}
    nodes: dict[str, _NodeEntry] = {}
    llcs: _Groups = {}
    cores: _Groups = {}


def encode(machine: Machine) -> bytes:
    """Write a machine: the same bytes for the same machine.

    Args:
        machine: The machine.

    Returns:
        UTF-8 text that ends in a newline.
    """
    entries = {
        "format": FORMAT,
        "version": VERSION,
        "name": machine.name,
        "present": str(machine.present),
        "offline": str(machine.offline),
        "packages": _groups((cpu.id, cpu.package) for cpu in machine.cpus),
        "nodes": {
            str(node.id): {
                "cpus": str(node.cpus),
                "memory": node.has_memory,
                "distances": {
                    str(other): node.distances[other] for other in sorted(node.distances)
                },
            }
            for node in machine.nodes
        },
        "llcs": _groups((cpu.id, cpu.llc) for cpu in machine.cpus),
        "cores": _groups((cpu.id, cpu.core) for cpu in machine.cpus),
    }
    return (json.dumps(entries, indent=2, ensure_ascii=False) + "\n").encode()


def decode(data: bytes, file: str) -> Machine:
    """Read a machine.

    Args:
        data: The content of its file, from whoever.
        file: What the file is called, for errors.

    Returns:
        The machine: what `encode` was given.

    Raises:
        MachineFileError: This is none.
    """
    if len(data) > SIZE_MAX:
        raise MachineFileError(file, "", f"longer than {SIZE_MAX} bytes", "a shorter file")
    try:
        entry = msgspec.json.decode(data, type=_MachineEntry)
    except msgspec.ValidationError as error:
        problem, _, place = _short(error).partition(" - at ")
        raise MachineFileError(file, place.strip("`").removeprefix("$."), problem, _LIKE) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MachineFileError(file, "", f"no JSON: {_short(error)}", _LIKE) from error
    try:
        return _machine(entry)
    except MachineInvalid as error:
        raise MachineFileError(file, error.place, error.problem, error.allowed) from error


_SHOWN_MAX = 200
"""Longest part of another error's text that an error repeats, in characters."""

_LIKE = "a file as `weka-cpuset topology --capture` writes it"


def _short(error: Exception) -> str:
    """Return an error's text, cut to a bearable length: it may repeat what the file says."""
    text = str(error)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _groups(places: Iterable[tuple[int, int | None]]) -> dict[str, str]:
    members: dict[int, list[int]] = {}
    for cpu, group in places:
        if group is not None:
            members.setdefault(group, []).append(cpu)
    return {str(group): str(CpuSet.of(members[group])) for group in sorted(members)}


def _machine(entry: _MachineEntry) -> Machine:
    if (entry.format, entry.version) != (FORMAT, VERSION):
        found = f"{reprlib.repr(entry.format)} version {reprlib.repr(entry.version)}"
        raise MachineInvalid("format, version", found, f"{FORMAT!r} version {VERSION}")
    present = _cpus("present", entry.present)
    package_of = _level("packages", entry.packages, present)
    node_of = _level("nodes", {key: node.cpus for key, node in entry.nodes.items()}, present)
    llc_of = _level("llcs", entry.llcs, present)
    core_of = _level("cores", entry.cores, present)
    cpus = tuple(
        Cpu(one, core_of.get(one), llc_of.get(one), node_of.get(one), package_of.get(one))
        for one in present
    )
    nodes = {_id("nodes", key): node for key, node in entry.nodes.items()}
    distances = {
        one: {_id(f"nodes.{one}.distances", key): far for key, far in node.distances.items()}
        for one, node in nodes.items()
    }
    memory = _node_ids(one for one, node in nodes.items() if node.memory)
    _node_ids(nodes)
    offline = _cpus("offline", entry.offline)
    return Machine(entry.name, cpus, offline, nodes_with(cpus, memory, distances))


def _node_ids(ids: Iterable[int]) -> CpuSet:
    try:
        return CpuSet.of(ids)
    except ValueError as error:
        raise MachineInvalid("nodes", str(error), "the kernel's node ids") from error


def _level(level: str, groups: Mapping[str, str], present: CpuSet) -> dict[int, int]:
    """Return the group of each cpu that one of a level's groups names."""
    found: dict[int, int] = {}
    taken = CpuSet.EMPTY
    for key, text in groups.items():
        group = _id(level, key)
        cpus = _cpus(f"{level}.{key}", text)
        if not cpus <= present:
            problem = f"cpus {cpus - present} are not present"
            raise MachineInvalid(f"{level}.{key}", problem, "cpus of `present`")
        if not cpus.isdisjoint(taken):
            problem = f"cpus {cpus & taken} are in another group too"
            raise MachineInvalid(f"{level}.{key}", problem, "each cpu in one group of a level")
        taken |= cpus
        found |= dict.fromkeys(cpus, group)
    return found


def _cpus(place: str, text: str) -> CpuSet:
    try:
        return CpuSet.parse(text)
    except CpuListError as error:
        raise MachineInvalid(place, str(error), "a list of cpus such as `0-3,8`") from error


def _id(place: str, key: str) -> int:
    """Read an id; only its plain form counts, so that no id can be given twice."""
    plain = key.isascii() and key.isdecimal() and len(key) <= len(str(ID_MAX))
    if not plain or str(int(key)) != key or int(key) > ID_MAX:
        raise MachineInvalid(place, f"{reprlib.repr(key)} is no id", f"a number from 0 to {ID_MAX}")
    return int(key)
