"""Engine values as plain ones (texts, numbers, lists, objects) and back.

The form follows from the types alone: a field that an event or the ledger is given
tomorrow is recorded without a change here. A cpu set is the kernel's list, an enum its
value, a dataclass or named tuple an object of its fields without those that have their
default. A value that can be one of several classes says which under the key `is`. A
topology is written as its groups and built again from these.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping, Sequence
from enum import Enum

from weka_cpuset.engine import Cpu, CpuSet, Demand, Event, Node, Notice, Refusal, Topology

Plain = str | int | float | bool | None | list["Plain"] | dict[str, "Plain"]
"""What JSON can say."""

KIND_KEY = "is"
"""The key that names the class where several are possible."""

_NONE = object()


class NotPlain(Exception):
    """A plain value is not of the form that its type has.

    Args:
        kind: What was expected.
        problem: What is wrong.
    """

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(kind, problem)
        self.kind = kind
        self.problem = problem

    def __str__(self) -> str:
        return f"not a valid {self.kind}: {self.problem}"


def to_plain(value: object) -> Plain:
    """Return the plain form of an engine's value.

    Args:
        value: Any value that an event, a decision or a ledger is made of.

    Raises:
        NotPlain: The value has a type that no rule is known for: a defect of ours.
    """
    match value:
        case Enum():
            return to_plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case CpuSet():
            return _list_of(value)
        case Topology():
            return _plain_topology(value)
        case Mapping():
            return {str(to_plain(key)): to_plain(one) for key, one in value.items()}
        case frozenset():
            return sorted(map(to_plain, value), key=repr)
        case _ if _is_record(type(value)):
            return _plain_fields(value)
        case tuple() | list():
            return [to_plain(one) for one in value]
    raise NotPlain("value", f"no form is known for {type(value).__name__}")


def from_plain(kind: object, plain: object) -> typing.Any:
    """Return the value that `to_plain` has made plain.

    Args:
        kind: The value's type, as in an annotation.
        plain: Its plain form.

    Raises:
        NotPlain: The plain form is not one of that type.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    try:
        if origin in (types.UnionType, typing.Union):
            return _one_of(arguments, plain)
        if origin in (tuple, Sequence):
            return tuple(from_plain(arguments[0], one) for one in _list(plain))
        if origin is frozenset:
            return frozenset(from_plain(arguments[0], one) for one in _list(plain))
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {
                # JSON has texts for keys only.
                from_plain(arguments[0], int(key) if arguments[0] is int else key): from_plain(
                    arguments[1], one
                )
                for key, one in _object(plain).items()
            }
        return _simple(kind, plain)
    except (ValueError, TypeError, LookupError) as error:
        raise NotPlain(_name(kind), str(error)) from error


def _simple(kind: object, plain: object) -> object:
    """Return a value of a type without arguments."""
    if kind is types.NoneType:
        kind = None
    if kind is None and plain is None:
        return None
    if kind is CpuSet:
        return CpuSet.parse(_text(plain))
    if kind is Topology:
        return _topology(_object(plain))
    if not isinstance(kind, type):
        raise TypeError(f"no form is known for {_name(kind)}")
    if issubclass(kind, Enum):
        return kind(plain)
    if _is_record(kind):
        return _fields(kind, _object(plain))
    if type(plain) is not kind:
        raise TypeError(f"{plain!r} is given")
    return plain


def _one_of(kinds: tuple[object, ...], plain: object) -> object:
    if plain is None and types.NoneType in kinds:
        return None
    rest = [kind for kind in kinds if kind is not types.NoneType]
    if len(rest) == 1:
        return from_plain(rest[0], plain)
    named = {_name(kind): kind for kind in rest}
    values = dict(_object(plain))
    return from_plain(named[_text(values.pop(KIND_KEY, ""))], values)


def _is_record(kind: typing.Any) -> bool:
    """Tell whether values of a type have named fields."""
    return dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")


@functools.cache
def _says_its_kind(kind: type) -> bool:
    unions = (Event, Demand, Notice)
    members = {one for union in unions for one in typing.get_args(union)}
    return kind in members or issubclass(kind, Refusal)


@functools.cache
def _hints(kind: typing.Any) -> Mapping[str, object]:
    return typing.get_type_hints(kind)


@functools.cache
def _defaults(kind: typing.Any) -> Mapping[str, object]:
    """Return each field's default; no value equals that of one without."""
    if not dataclasses.is_dataclass(kind):
        return {name: kind._field_defaults.get(name, _NONE) for name in kind._fields}
    defaults: dict[str, object] = {}
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            defaults[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            defaults[field.name] = field.default_factory()
        else:
            defaults[field.name] = _NONE
    return defaults


@functools.lru_cache(maxsize=1024)
def _list_of(cpus: CpuSet) -> str:
    """Return the kernel list; most updates of a reply have the same."""
    return str(cpus)


def _plain_fields(value: typing.Any) -> Plain:
    kind: typing.Any = type(value)
    plain: dict[str, Plain] = {KIND_KEY: kind.__name__} if _says_its_kind(kind) else {}
    for name, default in _defaults(kind).items():
        one = getattr(value, name)
        if one != default:
            plain[name] = to_plain(one)
    return plain


def _fields(kind: typing.Any, plain: Mapping[str, object]) -> object:
    hints, known = _hints(kind), _defaults(kind)
    unknown = plain.keys() - known.keys()
    if unknown:
        raise LookupError(f"{sorted(unknown)} are no fields of it in this version")
    return kind(**{name: from_plain(hints[name], one) for name, one in plain.items()})


def _list(plain: object) -> list[object]:
    if not isinstance(plain, list):
        raise TypeError("a list is expected")
    return plain


def _object(plain: object) -> dict[str, object]:
    if not isinstance(plain, dict):
        raise TypeError("an object is expected")
    return plain


def _text(plain: object) -> str:
    if not isinstance(plain, str):
        raise TypeError("a text is expected")
    return plain


def _name(kind: object) -> str:
    return getattr(kind, "__name__", str(kind))


def _plain_topology(topology: Topology) -> Plain:
    """Return the groups as kernel lists; the nodes by their ids where they have one."""
    return {
        "cores": [_list_of(group) for group in topology.cores],
        "llcs": [_list_of(group) for group in topology.llcs],
        "nodes": [_list_of(group) for group in topology.nodes],
        "packages": [_list_of(group) for group in topology.packages],
        "numa": [to_plain(node) for node in topology.numa.values()],
    }


def _topology(plain: Mapping[str, object]) -> Topology:
    numa = from_plain(tuple[Node, ...], plain["numa"])
    cores, llcs, nodes, packages = (
        {
            cpu: number
            for number, group in enumerate(from_plain(tuple[CpuSet, ...], plain[name]))
            for cpu in group
        }
        for name in ("cores", "llcs", "nodes", "packages")
    )
    # A group whose node the machine did not list has an id that no listed node has.
    beyond = max((node.id for node in numa), default=-1) + 1
    homes = {cpu: node.id for node in numa for cpu in node.cpus}
    return Topology.build(
        (
            Cpu(cpu, cores[cpu], llcs[cpu], homes.get(cpu, beyond + nodes[cpu]), packages[cpu])
            for cpu in cores
        ),
        numa,
    )
