"""What the kubelet's static policy promises with each of its options, in our words."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nodesim.machines import MACHINES
from weka_cpuset.engine import (
    NO_PREFERENCE,
    CpuSet,
    IntegerDemand,
    Numa,
    Preference,
    Smt,
    Topology,
    pick,
)

TABLE = Path(__file__).with_name("kubelet_parity.md")


def rows() -> Iterator[tuple[str, str, str, str, str]]:
    """Yield the table's rows: machine, cpus taken, cpus asked for, options, what must hold."""
    for line in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if len(cells) == 5 and cells[0] in MACHINES:
            machine, taken, asks, option, holds = cells
            yield machine, taken, asks, option, holds


ROWS = tuple(rows())


def preference_of(options: str) -> Preference:
    """Return our words for the kubelet's options."""
    found = NO_PREFERENCE
    for option in options.split():
        match option:
            case "full-pcpus-only":
                found = replace(found, smt=Smt.FULL_CORES)
            case "distribute-cpus-across-cores":
                found = replace(found, smt=Smt.SPREAD)
            case "distribute-cpus-across-numa":
                found = replace(found, numa=Numa.SPREAD)
            case "single-numa-node":
                found = replace(found, numa=Numa.STRICT)
            case "packed" | "prefer-align-cpus-by-uncorecache":
                pass
            case _:
                raise AssertionError(f"the kubelet has no option {option}")
    return found


def facts(topology: Topology, free: CpuSet, chosen: CpuSet) -> dict[str, str]:
    """Return what can be said of a choice by numbers."""
    touched = [core for core in topology.cores if not core.isdisjoint(chosen)]
    shares = sorted(len(node & chosen) for node in topology.nodes)
    return {
        "packages": str(sum(not one.isdisjoint(chosen) for one in topology.packages)),
        "nodes": str(sum(not one.isdisjoint(chosen) for one in topology.nodes)),
        "llcs": str(sum(not one.isdisjoint(chosen) for one in topology.llcs)),
        "cores": str(len(touched)),
        "whole": str(sum(core <= chosen for core in touched)),
        "broken": str(sum(core <= free and not core <= chosen for core in touched)),
        "threads": str(max(len(core & chosen) for core in touched)),
        "shares": "+".join(str(share) for share in shares if share),
    }


def test_table_is_long_enough() -> None:
    """The table has at least 60 cases, and none twice."""
    assert len(ROWS) >= 60
    assert len({row[:4] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(("machine", "taken", "asks", "option", "holds"), ROWS)
def test_promise(machine: str, taken: str, asks: str, option: str, holds: str) -> None:
    """What the kubelet's option promises holds of what we choose."""
    topology = MACHINES[machine].topology()
    free = topology.online - (CpuSet.parse(taken) if taken else CpuSet.EMPTY)
    chosen = pick(topology, free, IntegerDemand(int(asks), preference=preference_of(option)))
    if holds == "refused":
        assert chosen is None
        return
    assert chosen is not None
    assert len(chosen) == int(asks)
    assert chosen <= free
    found = facts(topology, free, chosen)
    for word in holds.split():
        name, _, value = word.partition("=")
        match name:
            case "whole" if not value:
                assert found["whole"] == found["cores"]
            case "within":
                assert chosen <= CpuSet.parse(value)
            case "without":
                assert chosen.isdisjoint(CpuSet.parse(value))
            case _:
                assert found[name] == value, f"{chosen} has {found}"
