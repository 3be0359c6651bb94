"""The steps of a scenario: what each one means, and what is refused."""

from pathlib import Path
from typing import Any

import pytest

from nodesim.actions import (
    UNTIMED_FAULTS,
    Action,
    Apply,
    Break,
    Delete,
    Expect,
    Fault,
    FaultKind,
    Looked,
    Offline,
    Online,
    Repeat,
    Resize,
    RestartAgent,
    RestartRuntime,
    Wait,
)
from nodesim.documents import UnreadableFile
from nodesim.fields import BadField, Field, Place
from nodesim.steps import SIZE_MAX, StepReader, check_size, step_tree
from nodesim.workload import ContainerSpec, PodSpec, Resources
from weka_cpuset.engine import CpuSet

POD = {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "app"}]}}
WEB = PodSpec("web", (ContainerSpec("app"),))
NOWHERE = Path("no/such/folder")
CONTAINER = "shop/web/app"


def read(*steps: object, folder: Path = NOWHERE) -> tuple[Action, ...]:
    """Read steps."""
    return StepReader(folder).read(Field(list(steps), Place("s.yaml", "", "steps")))


def refused(*steps: object) -> BadField:
    """Return the error of steps that are refused."""
    with pytest.raises(BadField) as caught:
        read(*steps)
    return caught.value


@pytest.mark.parametrize(
    ("expected", "step"),
    [
        (Apply((WEB,)), {"apply": [POD]}),
        (Apply(()), {"apply": []}),
        (Delete(("*",)), {"delete": "*"}),
        (Delete(("shop/web",)), {"delete": "shop/web"}),
        (
            Delete(("shop/web", "shop/Deployment/db")),
            {"delete": ["shop/web", "shop/Deployment/db"]},
        ),
        (Delete(("*",), 0.0, force=True), {"delete": {"names": "*", "grace": 0, "force": True}}),
        (Delete(("*",), 1.5), {"delete": {"names": ["*"], "grace": 1.5}}),
        (
            Resize(CONTAINER, Resources(1000, 2000)),
            {
                "resize": {
                    "container": CONTAINER,
                    "resources": {"requests": {"cpu": 1}, "limits": {"cpu": "2"}},
                }
            },
        ),
        (Resize(CONTAINER, Resources()), {"resize": {"container": CONTAINER, "resources": {}}}),
        (RestartAgent(), {"restart-agent": None}),
        (RestartAgent(1.0), {"restart-agent": {"away": 1}}),
        (RestartRuntime(), {"restart-runtime": {}}),
        (RestartRuntime(2.0), {"restart-runtime": {"away": 2}}),
        (Offline(CpuSet.parse("3-5")), {"offline": "3-5"}),
        (Online(CpuSet.of([3])), {"online": 3}),
        (Wait(15.0), {"wait": 15}),
        (Break(Fault(FaultKind.CUT)), {"break": {"fault": "cut"}}),
        (
            Break(Fault(FaultKind.DELAY, "SYNCHRONIZE", 2, 0.5)),
            {"break": {"fault": "delay", "event": "SYNCHRONIZE", "count": 2, "seconds": 0.5}},
        ),
        (
            Expect(Looked.PHASE, "shop/web", "Running"),
            {"expect": {"pod": "shop/web", "phase": "Running"}},
        ),
        (
            Expect(Looked.CPUS, CONTAINER, "2-3"),
            {"expect": {"container": CONTAINER, "cpus": "2-3"}},
        ),
        (Expect(Looked.CPUS, CONTAINER, "2"), {"expect": {"container": CONTAINER, "cpus": 2}}),
        (
            Expect(Looked.CPU_COUNT, CONTAINER, "2"),
            {"expect": {"container": CONTAINER, "cpu_count": 2}},
        ),
        (
            Expect(Looked.WITHIN, CONTAINER, "0-7"),
            {"expect": {"container": CONTAINER, "within": "0-7"}},
        ),
        (
            Expect(Looked.APART_FROM, CONTAINER, "shop/db/app"),
            {"expect": {"container": CONTAINER, "apart_from": "shop/db/app"}},
        ),
        (Expect(Looked.POOL, "", "27"), {"expect": {"pool": 27}}),
        (Expect(Looked.AGENT_RESTARTS, "", "0"), {"expect": {"agent_restarts": 0}}),
        (Expect(Looked.LOG, "", "Removing"), {"expect": {"log": "Removing"}}),
        (Expect(Looked.NO_LOG, "", "12"), {"expect": {"no_log": "12"}}),
        (
            Repeat(2, (Wait(1.0), Repeat(3, ()))),
            {"repeat": {"times": 2, "steps": [{"wait": 1}, {"repeat": {"times": 3, "steps": []}}]}},
        ),
    ],
)
def test_each_step_means_an_action(expected: Action, step: dict[str, Any]) -> None:
    """And the action is written as a step that means the same."""
    assert (expected,) == read(step)
    assert (expected,) == read(step_tree(expected))


def test_defaults_are_not_written() -> None:
    """A person sees what matters."""
    assert step_tree(Delete(("*",))) == {"delete": ["*"]}
    assert step_tree(Break(Fault(FaultKind.CUT))) == {"break": {"fault": "cut"}}
    assert step_tree(Wait(15.0)) == {"wait": 15}


def test_pods_come_from_a_file_in_the_scenarios_folder(tmp_path: Path) -> None:
    """It is read once, however often it is applied."""
    (tmp_path / "pods.yaml").write_text(
        "{kind: Pod, metadata: {name: web}, spec: {containers: [{name: app}]}}"
    )
    first, second = read({"apply": "pods.yaml"}, {"apply": "pods.yaml"}, folder=tmp_path)
    assert isinstance(first, Apply)
    assert isinstance(second, Apply)
    assert (WEB,) == first.pods
    assert first.pods is second.pods


def test_a_missing_file_of_pods_is_refused() -> None:
    """The error names the file that was looked for."""
    with pytest.raises(UnreadableFile) as caught:
        read({"apply": "pods.yaml"})
    assert str(NOWHERE / "pods.yaml") == caught.value.file


@pytest.mark.parametrize(
    ("place", "allowed", "step"),
    [
        ("step 1", "one key that says what is done: apply, delete", "wait"),
        ("step 1", "one key that says what is done: apply, delete", {}),
        ("step 1", "one key that says what is done: apply, delete", {"wait": 1, "offline": 3}),
        ("step 1", "one key that says what is done: apply, delete", None),
        ("step 1", "text as a key", {1: 2}),
        ("step 1", "one of apply, delete", {"sleep": 5}),
        ("step 1, apply", "a file of manifests, or a list of them", {"apply": None}),
        ("step 1, apply", "a list", {"apply": {"kind": "Pod"}}),
        ("step 1, apply[0].spec.containers", "at least one", {"apply": [{**POD, "spec": {}}]}),
        ("step 1, delete", "namespace/name", {"delete": None}),
        ("step 1, delete", "namespace/name", {"delete": "web"}),
        ("step 1, delete[1]", "namespace/name", {"delete": ["*", 5]}),
        ("step 1, delete[0]", "namespace/name", {"delete": ["a/b/c/d"]}),
        ("step 1, delete", "a list", {"delete": 5}),
        ("step 1, delete", "only names, grace, force", {"delete": {"pods": "*"}}),
        ("step 1, delete.names", "namespace/name", {"delete": {"force": True}}),
        ("step 1, delete.grace", "a number", {"delete": {"names": "*", "grace": -1}}),
        ("step 1, delete.force", "true or false", {"delete": {"names": "*", "force": "yes"}}),
        ("step 1, resize.container", "namespace/pod/container", {"resize": {"resources": {}}}),
        ("step 1, resize.container", "namespace/pod/container", {"resize": {"container": "a/b"}}),
        (
            "step 1, resize.resources",
            "the new `requests` and `limits`",
            {"resize": {"container": CONTAINER}},
        ),
        (
            "step 1, resize.resources.limits.cpu",
            "a quantity",
            {"resize": {"container": CONTAINER, "resources": {"limits": {"cpu": "x"}}}},
        ),
        ("step 1, restart-agent", "a mapping", {"restart-agent": 5}),
        ("step 1, restart-agent", "only away", {"restart-agent": {"after": 5}}),
        ("step 1, restart-agent.away", "a number", {"restart-agent": {"away": "1s"}}),
        ("step 1, restart-runtime", "only away", {"restart-runtime": {"kill": True}}),
        ("step 1, offline", "a cpu list", {"offline": None}),
        ("step 1, offline", "a cpu list", {"offline": "3-"}),
        ("step 1, online", "a cpu list", {"online": [3]}),
        ("step 1, online", "a cpu list", {"online": 9000}),
        ("step 1, wait", "a number", {"wait": None}),
        ("step 1, wait", "a number", {"wait": 1e10}),
        ("step 1, break", "a mapping", {"break": "cut"}),
        ("step 1, break.fault", "one of cut, cut-before", {"break": {}}),
        ("step 1, break.fault", "one of cut, cut-before", {"break": {"fault": "cutt"}}),
        ("step 1, break.fault", "one of cut, cut-before", {"break": {"fault": [1]}}),
        (
            "step 1, break.event",
            "CREATE_CONTAINER",
            {"break": {"fault": "cut", "event": "CreateContainer"}},
        ),
        *(
            (
                "step 1, break.event",
                "strikes no single event",
                {"break": {"fault": kind.value, "event": "CREATE_CONTAINER"}},
            )
            for kind in UNTIMED_FAULTS
        ),
        ("step 1, break.count", "a whole number", {"break": {"fault": "cut", "count": 1.5}}),
        ("step 1, break.seconds", "a number", {"break": {"fault": "delay", "seconds": "1"}}),
        ("step 1, expect", "one of phase, cpus", {"expect": {}}),
        ("step 1, expect", "one of phase, cpus", {"expect": {"pool": 3, "log": "x"}}),
        ("step 1, expect", "only pod, container, phase", {"expect": {"cpu": 3}}),
        ("step 1, expect.pod", "a pod as namespace/name", {"expect": {"phase": "Running"}}),
        (
            "step 1, expect.pod",
            "a pod as namespace/name",
            {"expect": {"pod": CONTAINER, "phase": "Running"}},
        ),
        (
            "step 1, expect.pod",
            "`container` here",
            {"expect": {"pod": "a/b", "container": CONTAINER, "cpus": "3"}},
        ),
        ("step 1, expect.container", "as namespace/pod/container", {"expect": {"cpus": "3"}}),
        ("step 1, expect.pod", "neither pod nor container", {"expect": {"pod": "a/b", "pool": 1}}),
        (
            "step 1, expect.phase",
            "one of Pending, Running",
            {"expect": {"pod": "a/b", "phase": "running"}},
        ),
        (
            "step 1, expect.cpus",
            "a cpu list",
            {"expect": {"container": CONTAINER, "cpus": "all"}},
        ),
        (
            "step 1, expect.cpu_count",
            "a whole number",
            {"expect": {"container": CONTAINER, "cpu_count": "2"}},
        ),
        ("step 1, expect.pool", "a whole number", {"expect": {"pool": -1}}),
        ("step 1, expect.log", "text; quote it", {"expect": {"log": 5}}),
        ("step 1, repeat", "only times, steps", {"repeat": {"count": 2}}),
        ("step 1, repeat.times", "a whole number", {"repeat": {"steps": []}}),
        ("step 1, repeat.steps", "a list of steps", {"repeat": {"times": 2}}),
        ("step 1.2", "one of apply", {"repeat": {"times": 2, "steps": [{"wait": 1}, {"sit": 1}]}}),
    ],
)
def test_a_wrong_step_is_refused(place: str, allowed: str, step: object) -> None:
    """The error names the step, the value, and what would be right."""
    message = str(refused(step))
    assert message.startswith(f"s.yaml, {place}: ")
    assert allowed in message


def test_steps_are_numbered_from_one_and_those_within_a_step_below_it() -> None:
    """As a person counts them in the file."""
    inner = {"repeat": {"times": 1, "steps": [{"wait": 1}, {"wait": "x"}]}}
    assert "step 3" == refused({"wait": 1}, {"wait": 1}, {"wait": "x"}).place.part
    outer = {"repeat": {"times": 1, "steps": [{"wait": 1}, inner]}}
    assert "step 2.2.2" == refused({"wait": 1}, outer).place.part


@pytest.mark.parametrize("innermost", [[], [{"wait": 1}], [{"repeat": {"times": 0, "steps": []}}]])
def test_repeated_repetition_is_refused_before_it_takes_for_ever(innermost: list[Any]) -> None:
    """Even if nothing is repeated."""
    steps = innermost
    for _ in range(3):
        steps = [{"repeat": {"times": 1000, "steps": steps}}]
    error = refused(*steps)
    assert f"at most {SIZE_MAX}" in error.allowed
    assert error.place.part.startswith("step 1")


def test_each_pod_that_is_applied_counts() -> None:
    """The limit is one on work."""
    apply = Apply((WEB,) * 1000)
    check_size((apply,) * (SIZE_MAX // 1000), Place("s.yaml"))
    with pytest.raises(BadField, match="actions"):
        check_size((*(apply,) * (SIZE_MAX // 1000), Wait(1.0)), Place("s.yaml"))
