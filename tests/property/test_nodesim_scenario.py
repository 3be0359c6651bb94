"""What is written of a scenario is read as the same scenario."""

from contextlib import suppress
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim import scenario
from nodesim.actions import Scenario
from nodesim.fields import InputError
from nodesim.machines import MACHINES
from nodesim.storm import storm
from tests.property.scenarios import scenarios

NOWHERE = Path("no/such/folder")


@settings(deadline=None, max_examples=50)  # YAML in Python is slow
@given(scenarios())
def test_a_scenario_is_written_as_it_is_read(one: Scenario) -> None:
    """Nothing is lost, the text is ASCII, and it is the same each time."""
    text = scenario.dump(one)
    assert text.isascii()
    assert text == scenario.dump(one)
    assert one == scenario.parse(text, "s.yaml", NOWHERE)


@settings(deadline=None, max_examples=20)  # YAML in Python is slow
@given(st.sampled_from(sorted(MACHINES)), st.integers(0, 1 << 32))
def test_a_storm_is_written_as_it_is_read(machine: str, seed: int) -> None:
    """A random run that failed can be replayed from its file."""
    one = storm(machine, seed, 100)
    assert one == scenario.parse(scenario.dump(one), "s.yaml", NOWHERE)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
WORDS = st.sampled_from(
    ["apply", "break", "container", "cpus", "delete", "expect", "fault", "names", "pool", "repeat"]
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=12,
)


@given(TREES)
def test_any_tree_of_steps_is_read_or_refused(tree: object) -> None:
    """Whatever a person writes, the only errors are those that name a place."""
    text = yaml.safe_dump({"machine": "m", "steps": [tree]})
    with suppress(InputError):
        assert scenario.parse(text, "s.yaml", NOWHERE).machine == "m"
