"""The result for people and for programs, and the example in the documentation."""

import io
from dataclasses import replace
from pathlib import Path

import msgspec
from rich.console import Console

from tests.unit.weka_cpuset.check.nodes import GOOD, with_nri
from weka_cpuset.check.facts import (
    CgroupTree,
    CpuManagerState,
    Facts,
    KubeletConfig,
    Programs,
    RuntimeKind,
    RuntimeRelease,
    SocketState,
    Validator,
)
from weka_cpuset.check.finding import Finding, Level, Topic
from weka_cpuset.check.judge import judge
from weka_cpuset.check.show import Report, to_console, to_json
from weka_cpuset.engine import CpuSet

PAGE = Path(__file__).parents[4] / "docs" / "how-to" / "check-a-node.md"
PAGE_WIDTH = 92

EXAMPLE: Facts = replace(
    with_nri(validator=Validator()),
    release=RuntimeRelease(RuntimeKind.CONTAINERD, "1.7.24"),
    socket=SocketState.MISSING,
    agent_connected=False,
    programs=Programs(agents=0, rivals=()),
    kubelet=KubeletConfig(cpu_manager="static", cgroup_driver="systemd"),
    cpu_manager=CpuManagerState("static", 0),
    cgroups=CgroupTree(2, "kubepods.slice", CpuSet.parse("0-7"), cpuset=True, writable=True),
)
"""A node as one often finds it: containerd 1.7 as installed, kubelet's static policy."""


def shown(findings: tuple[Finding, ...], width: int, *, colour: bool = False) -> str:
    """What people see, without the blanks at the ends of lines."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        highlight=False,
        force_terminal=colour,
        color_system="standard" if colour else None,
        _environ={},
    )
    to_console(findings, console)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines())


def test_the_page_shows_what_the_command_prints() -> None:
    """The example of the how-to is the output for the example's facts."""
    block = "".join(
        f"    {line}".rstrip() + "\n" for line in shown(judge(EXAMPLE), PAGE_WIDTH).splitlines()
    )
    assert block in PAGE.read_text(), block


def test_lines_fit_the_terminal() -> None:
    """Long texts are wrapped, and nothing of them is lost."""
    for width in (60, 100, 200):
        text = shown(judge(EXAMPLE), width)
        assert max(map(len, text.splitlines())) <= width
        assert "cpuManagerPolicy:" in text


def test_colours_are_for_terminals() -> None:
    """A file gets plain text."""
    assert "\x1b" not in shown(judge(EXAMPLE), 80)
    assert "\x1b" in shown(judge(EXAMPLE), 80, colour=True)


def test_markup_in_facts_is_text() -> None:
    """What is found on a node is shown as it is, brackets included."""
    odd = Finding(Topic.RUNTIME, Level.OK, "[red]name[/red]", "[plugins.'x']")
    text = shown((odd,), 80)
    assert odd.found in text
    assert odd.remedy in text


def test_json_says_the_same() -> None:
    """The document has every finding, and the counts agree with them."""
    findings = judge(EXAMPLE)
    report = msgspec.json.decode(to_json(findings), type=Report)
    assert findings == report.findings
    assert sum(report.counts.values()) == len(findings)
    assert to_json(findings) == to_json(judge(EXAMPLE))


def test_the_json_format_is_stable() -> None:
    """Programs rely on these names; a change of them is a new format."""
    document = msgspec.json.decode(to_json(judge(GOOD)))
    assert list(document) == ["format", "counts", "findings"]
    assert document["format"] == 1
    assert list(document["counts"]) == ["ok", "warning", "problem", "unknown"]
    assert {tuple(finding) for finding in document["findings"]} == {
        ("topic", "level", "found", "remedy")
    }
    assert [finding["topic"] for finding in document["findings"]] == [
        "runtime",
        "nri-enabled",
        "nri-socket",
        "nri-timeouts",
        "validator",
        "other-plugins",
        "agent",
        "cpu-manager",
        "memory-manager",
        "topology-manager",
        "cgroup-driver",
        "cgroup-tree",
        "cgroup-writable",
        "pod-cpus",
        "cpus",
        "smt",
        "nodes",
    ]
