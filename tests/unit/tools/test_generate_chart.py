"""What is generated from the chart and the settings' table."""

import yaml

from tools import generate_chart
from tools.generate_chart import CHART, MANIFESTS
from weka_cpuset import __version__
from weka_cpuset.settings import TABLE


def test_committed_files_are_what_is_generated_now() -> None:
    """Schema, reference page, manifests and kustomization; if not, run tools/generate_chart.py."""
    assert [] == [
        path
        for path, text in generate_chart.generated().items()
        if not path.exists() or path.read_text() != text
    ]


def test_every_manifest_is_in_the_kustomization() -> None:
    """The folder has nothing else."""
    tree = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
    files = {path.name for path in MANIFESTS.iterdir()}
    assert files == {"kustomization.yaml", *tree["resources"]}


def test_image_can_be_set_in_the_kustomization() -> None:
    """It replaces the very image that the manifests name."""
    tree = yaml.safe_load((MANIFESTS / "kustomization.yaml").read_text())
    daemon_set = yaml.safe_load((MANIFESTS / "daemonset.yaml").read_text())
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    (image,) = tree["images"]
    assert container["image"] == f"{image['name']}:{image['newTag']}"


def test_every_setting_is_reachable() -> None:
    """The schema has a value for each setting of the agent, and no other."""
    properties = generate_chart.settings_schema()["properties"]
    reachable = {
        f"{group}.{name}" if "properties" in below else group
        for group, below in properties.items()
        for name in below.get("properties", [""])
    }
    assert {row.key for row in TABLE} == reachable


def test_version_is_that_of_the_program() -> None:
    """The chart and the image that it names have the program's version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (__version__, __version__) == (chart["version"], chart["appVersion"])
