"""Manifests: what is written of a pod is read as the same pod, and nothing else gets through."""

from contextlib import suppress
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from nodesim import export, manifest
from nodesim.fields import Field, InputError, Place
from nodesim.workload import PodSpec
from tests.property.workloads import pods, resources

WHOLE = st.none() | resources()


@given(pods(whole=WHOLE))
def test_a_pod_is_read_from_its_own_manifest(pod: PodSpec) -> None:
    """The tree says all that a pod is."""
    tree = Field(export.pod_tree(pod), Place("pods.yaml"))
    assert (pod,) == manifest.gather([tree]).pods


@settings(deadline=None, max_examples=50)  # YAML in Python is slow
@given(pods(whole=WHOLE))
def test_a_pod_is_read_from_the_text_of_its_manifest(pod: PodSpec) -> None:
    """YAML keeps quantities, names and annotations what they are."""
    text = yaml.safe_dump(export.pod_tree(pod))
    assert (pod,) == manifest.parse(text, "pods.yaml").pods


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Draw a pod's manifest in which one value was replaced by something else."""
    tree: Any = export.pod_tree(draw(pods()))
    here: Any = tree
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        key = draw(st.sampled_from(keys))
        if not isinstance(here[key], dict | list) or not here[key] or draw(st.booleans()):
            here[key] = draw(LEAVES | st.lists(LEAVES) | st.dictionaries(st.text(), LEAVES))
            return tree
        here = here[key]


@given(damaged())
def test_a_damaged_manifest_is_read_or_refused(tree: object) -> None:
    """The only errors are those for people, wherever the damage is."""
    with suppress(InputError):
        manifest.gather([Field(tree, Place("pods.yaml"))])


@given(st.binary(max_size=60) | st.text("{}[]&*!|>'\"#%@-:,? \nab01", max_size=60))
def test_any_text_is_read_or_refused(data: str | bytes) -> None:
    """The only errors are those for people."""
    with suppress(InputError):
        manifest.parse(data, "pods.yaml")
