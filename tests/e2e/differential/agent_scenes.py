"""The scenes of the end-to-end tests, with the agent at work: what it does on both runtimes.

Each says which tests it plays; the list of those that are not played has the reasons. The
witness only listens here.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from tests.e2e.differential.scenes import BRIEF, NO_PROGRAM, Scene
from tests.e2e.differential.steps import (
    AwaitExit,
    Create,
    Kill,
    RemovePod,
    Resize,
    RunPod,
    Start,
    StartAgent,
    StartRuntime,
    Step,
    Stop,
    StopAgent,
    StopPod,
    StopRuntime,
    Together,
)
from tests.e2e.pods import DEAF, ContainerSpec, PodSpec, annotated, integer, shared

FORBIDDEN: Final = {"weka.io/forbid-core-ids": "0"}
HALF: Final = ContainerSpec("half", cpu_limit="500m", memory_limit="50Mi")
WHOLE: Final = ContainerSpec("whole", cpu_limit="1", memory_limit="50Mi")
WISH: Final = ContainerSpec(cpu_request="1", memory_limit="50Mi")


def _known(spec: PodSpec) -> PodSpec:
    """Give a pod a uid that is the same each time."""
    return replace(spec, uid=f"uid-{spec.name}")


def _up(*specs: PodSpec) -> tuple[Step, ...]:
    """Run pods, one after the other."""
    return tuple(
        step
        for spec in specs
        for step in (
            RunPod(spec.name),
            *(
                step
                for one in spec.containers
                for step in (
                    Create(f"{spec.name}/{one.name}"),
                    Start(f"{spec.name}/{one.name}"),
                )
            ),
        )
    )


def _down(*specs: PodSpec) -> tuple[Step, ...]:
    """Stop and remove pods, one after the other."""
    return tuple(step for spec in specs for step in (StopPod(spec.name), RemovePod(spec.name)))


def _scene(name: str, plays: tuple[str, ...], pods: tuple[PodSpec, ...], *steps: Step) -> Scene:
    """Make a scene in which the agent starts first, and all pods are deleted in the end."""
    ends = [RemovePod(one.name) for one in pods if RemovePod(one.name) not in steps]
    stops = [StopPod(one.pod) for one in ends]
    return Scene(name, pods, (StartAgent(), *steps, *stops, *ends), plays=plays)


SHARED: Final = _known(shared("shared"))
OTHER: Final = _known(shared("other", DEAF))
OWNER: Final = _known(integer("owner", 1))
ALL: Final = _known(integer("all", 2))
LISTED: Final = _known(annotated("listed", "0"))
SECOND: Final = _known(annotated("second", "0"))
AWAY: Final = _known(annotated("away", "1"))
BRIEF_OWNER: Final = _known(integer("brief", 1, BRIEF))
BAD: Final = _known(annotated("bad", "0-4000000000"))
EVERY: Final = _known(annotated("every", "0-1"))
MANY: Final = _known(integer("many", 3))
BROKEN: Final = _known(integer("broken", 2, NO_PROGRAM))
KEPT_OFF: Final = replace(SHARED, name="kept-off", uid="uid-kept-off", annotations=FORBIDDEN)
OFF_OWNER: Final = replace(OWNER, name="off-owner", uid="uid-off-owner", annotations=FORBIDDEN)
MIXED: Final = _known(PodSpec("mixed", (HALF, WHOLE)))
WISHES: Final = _known(PodSpec("wishes", (WISH, ContainerSpec("none"))))

AGENT_SCENES: Final = (
    _scene(
        "agent: classes",
        (
            "test_shared_runs_on_all_cpus",
            "test_integer_owns_its_cpu",
            "test_shared_grows_after_a_deletion",
            "test_what_is_not_a_whole_limit_is_shared",
            "test_containers_of_one_pod_have_classes_of_their_own",
            "test_shared_has_left_before_the_first_instruction",
        ),
        (SHARED, OWNER, WISHES, MIXED),
        *_up(SHARED, OWNER, WISHES),
        *_down(OWNER),
        *_up(MIXED),
    ),
    _scene(
        "agent: a whole node",
        ("test_integer_takes_all_that_nobody_shares",),
        (ALL,),
        *_up(ALL),
    ),
    _scene(
        "agent: annotated",
        (
            "test_annotated_runs_where_it_says",
            "test_annotated_may_overlap",
            "test_annotated_moves_integer_away",
        ),
        (SHARED, LISTED, SECOND, OWNER, AWAY),
        *_up(SHARED, LISTED, SECOND),
        *_down(SHARED, LISTED, SECOND),
        *_up(OWNER, AWAY),
        *_down(AWAY),
        *_up(LISTED),
    ),
    _scene(
        "agent: forbidden cpus",
        ("test_forbidden_cpus_are_avoided",),
        (KEPT_OFF, OFF_OWNER, LISTED),
        *_up(KEPT_OFF, LISTED),
        *_down(LISTED, KEPT_OFF),
        *_up(OFF_OWNER, LISTED),
    ),
    _scene(
        "agent: refusals",
        (
            "test_invalid_list_is_refused_at_once",
            "test_pool_never_runs_dry",
            "test_more_than_the_node_has",
            "test_refused_container_gets_in_later",
            "test_shared_waits_for_a_pool",
        ),
        (SHARED, BAD, EVERY, ALL, MANY),
        *_up(SHARED)[:2],
        RunPod("bad"),
        Create("bad/main"),
        RunPod("every"),
        Create("every/main"),
        RunPod("all"),
        Create("all/main"),
        RunPod("many"),
        Create("many/main"),
        Start("shared/main"),
        Create("every/main"),
        *_down(SHARED),
        Create("all/main"),
        Start("all/main"),
        *_up(SHARED)[:2],
        *_down(ALL),
        Create("shared/main"),
        Start("shared/main"),
    ),
    _scene(
        "agent: release",
        (
            "test_released_at_stop_not_at_removal",
            "test_shared_grows_after_a_natural_end",
            "test_failed_start_gives_way_to_the_next_attempt",
            "test_killed_after_its_grace_period",
        ),
        (BROKEN, SHARED, OWNER, BRIEF_OWNER, OTHER),
        *_up(BROKEN),
        Create("broken/main"),
        *_down(BROKEN),
        *_up(SHARED, OWNER),
        Stop("owner/main"),
        *_up(BRIEF_OWNER),
        AwaitExit("brief/main"),
        *_up(OTHER),
        Stop("other/main", 1),
    ),
    _scene(
        "agent: resizes",
        (
            "test_integer_grows_and_shrinks",
            "test_integer_becomes_shared_and_back",
            "test_impossible_growth_is_refused",
            "test_annotated_stays_where_it_is",
            "test_same_values_again",
        ),
        (OWNER, SHARED, AWAY),
        *_up(OWNER),
        Resize("owner/main", "2"),
        Resize("owner/main", "1"),
        *_up(SHARED),
        Resize("owner/main", "500m"),
        Resize("owner/main", "1"),
        Resize("owner/main", "2"),
        Resize("owner/main", "1"),
        Resize("shared/main", "100m"),
        *_down(OWNER),
        *_up(AWAY),
        Resize("away/main", "1"),
        Resize("away/main", "300m"),
    ),
    _scene(
        "agent: restarts of the agent",
        (
            "test_agent_restart_moves_nothing",
            "test_pods_from_the_agents_absence_are_put_right",
        ),
        (OWNER, SHARED, LISTED, OTHER),
        *_up(OWNER, SHARED),
        StopAgent(),
        StartAgent(),
        StopAgent(kill=True),
        StartAgent(),
        StopAgent(kill=True),
        *_down(OWNER),
        *_up(LISTED, OTHER),
        StartAgent(),
    ),
    _scene(
        "agent: restarts of the runtime",
        (
            "test_runtime_restart_keeps_the_agent",
            "test_container_that_ended_while_the_runtime_was_away",
            "test_agent_waits_for_a_runtime",
        ),
        (OWNER, SHARED, AWAY, OTHER),
        *_up(OWNER, SHARED),
        StopRuntime(),
        StartRuntime(),
        StopRuntime(),
        Kill("owner/main"),
        StartRuntime(),
        *_up(AWAY),
        StopRuntime(),
        StopAgent(),
        StartRuntime(),
        StartAgent(),
        *_up(OTHER),
    ),
    _scene(
        "agent: storms",
        (
            "test_forced_deletion_of_all_pods",
            "test_recreation_while_the_old_pods_end",
        ),
        (OWNER, SHARED, OTHER, LISTED, BRIEF_OWNER),
        *_up(SHARED, OWNER, OTHER),
        Together((Stop("owner/main"), Stop("shared/main"), Stop("other/main"))),
        Together((StopPod("owner"), StopPod("shared"), StopPod("other"))),
        Together((RemovePod("owner"), RemovePod("shared"), RemovePod("other"))),
        *_up(LISTED, SHARED),
        Together((Stop("listed/main"), Stop("shared/main"), RunPod("brief"))),
        Create("brief/main"),
        Start("brief/main"),
        AwaitExit("brief/main"),
    ),
)

NOT_PLAYED: Final[Mapping[str, str]] = {
    "test_launched_agent_places_pods": "The simulated runtime does not launch plugins.",
    "test_launched_agent_ends_with_the_runtime": "The simulated runtime does not launch plugins.",
    "test_launched_agent_that_was_too_slow": "The simulated runtime does not launch plugins.",
    "test_mistake_in_the_settings_does_not_stop_the_node": (
        "The simulated runtime does not launch plugins."
    ),
    "test_executable_needs_nothing_of_the_host": "It looks at a file, not at events.",
    "test_executable_has_all_of_the_program": "It looks at a file, not at events.",
    "test_release_gives_every_container_the_machine_back": "The command works without an agent.",
    "test_release_that_stays_ends_as_soon_as_it_is_asked": "The command works without an agent.",
    "test_release_can_be_ended_while_it_waits_for_the_runtime": (
        "The command works without an agent."
    ),
    "test_agent_takes_over_from_its_predecessor": "There is one agent in a simulation.",
    "test_dropped_agent_comes_back": "The simulated agent cannot be suspended. "
    "The scenes with answers that come too late drop a plugin in the same way.",
    "test_second_agent_waits_for_the_first": "There is one agent in a simulation.",
    "test_every_message_is_a_header_frame_and_a_body_frame": "It looks at bytes, not at events.",
    "test_owners_one_after_the_other_cost_one_update_of_each_neighbour": "It plays the same "
    "on both runtimes itself, and compares how many updates there are.",
}
"""The end-to-end tests of the agent that no scene plays, and why."""
