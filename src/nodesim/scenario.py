"""Scenarios as YAML: what is done to which machine, step by step.

A scenario is written by people, or by `dump` when a random run has failed. The page
docs/reference/scenario.md describes the form for people; `steps` has the single steps.
"""

from enum import Enum, IntEnum, StrEnum
from pathlib import Path

import yaml

from nodesim import documents, export, machines, runtimes
from nodesim.actions import OtherPluginKind, Scenario
from nodesim.documents import UnreadableFile
from nodesim.fields import BadField, Field, Place
from nodesim.kernel import CgroupVersion
from nodesim.steps import StepReader, check_size, step_tree
from weka_cpuset import settings as agent_settings

_KEYS = ("machine", "runtime", "other_plugin", "cgroup", "settings", "tail", "steps")
_DEFAULT = Scenario("", ())


def load(path: Path) -> Scenario:
    """Read a scenario; the files that it names are looked for in its folder.

    Args:
        path: The file.

    Raises:
        UnreadableFile: It, or a file of pods, cannot be read, is too large, or is not YAML.
        BadField: A value is not allowed.
    """
    return parse(documents.read(path), str(path), path.parent)


def parse(data: str | bytes, file: str, folder: Path) -> Scenario:
    """Read a scenario.

    Args:
        data: YAML, one document.
        file: A name for it, for errors.
        folder: The folder that the files it names are looked for in.

    Raises:
        UnreadableFile: It, or a file of pods, cannot be read, is too large, or is not YAML.
        BadField: A value is not allowed.
    """
    trees = documents.parse(data, file)
    if len(trees) != 1:
        raise UnreadableFile(file, f"has {len(trees)} documents; a scenario is one")
    whole = Field(trees[0].value, Place(file))
    for key in whole.fields():
        if key not in _KEYS:
            raise BadField(whole.place, key, f"only {', '.join(_KEYS)}")
    steps = whole.get("steps")
    actions = StepReader(folder).read(steps)
    check_size(actions, steps.place)
    return Scenario(
        machine=_machine_of(whole.get("machine"), folder),
        actions=actions,
        runtime=_runtime_of(whole.get("runtime")),
        settings=_settings_of(whole.get("settings")),
        tail_s=whole.get("tail").number(_DEFAULT.tail_s),
        other_plugin=_other_plugin_of(whole.get("other_plugin")),
        cgroup=_cgroup_of(whole.get("cgroup")),
    )


def dump(scenario: Scenario) -> str:
    """Write a scenario as YAML, pods in full: `parse` makes an equal one of it.

    Args:
        scenario: The scenario. Its text is in ASCII, whatever is in it; that of several
            thousand pods is larger than what `parse` reads.
    """
    tree = {
        "machine": scenario.machine,
        "runtime": scenario.runtime,
        **_given("other_plugin", scenario.other_plugin, _DEFAULT.other_plugin),
        **_given("cgroup", scenario.cgroup, _DEFAULT.cgroup),
        **({"settings": dict(scenario.settings)} if scenario.settings else {}),
        "tail": export.seconds(scenario.tail_s),
        "steps": [step_tree(action) for action in scenario.actions],
    }
    return yaml.safe_dump(tree, sort_keys=False, width=100)


def _given(key: str, value: StrEnum | IntEnum, default: Enum) -> dict[str, str | int]:
    """Return a key with its value, or nothing if that is the default."""
    return {} if value is default else {key: value.value}


# ---- the keys beside `steps` ----


def _machine_of(field: Field, folder: Path) -> str:
    if not field.given:
        raise field.bad("the name of a machine such as 2x8-smt2, or a file of one")
    name = field.text()
    if name in machines.MACHINES:
        return name
    try:
        is_file = (folder / name).is_file()
    except OSError:  # a name that no file can have
        is_file = False
    return str(folder / name) if is_file else name


def _runtime_of(field: Field) -> str:
    name = field.text() if field.given else _DEFAULT.runtime
    if name not in runtimes.RUNTIMES:
        raise field.bad(f"one of {', '.join(runtimes.RUNTIMES)}")
    return name


def _other_plugin_of(field: Field) -> OtherPluginKind:
    if not field.given:
        return _DEFAULT.other_plugin
    if field.value not in list(OtherPluginKind):
        raise field.bad(f"one of {', '.join(OtherPluginKind)}")
    return OtherPluginKind(field.value)


def _cgroup_of(field: Field) -> CgroupVersion:
    if not field.given:
        return _DEFAULT.cgroup
    version = field.count()
    if version not in list(CgroupVersion):
        raise field.bad("1 or 2")
    return CgroupVersion(version)


def _settings_of(field: Field) -> tuple[tuple[str, str], ...]:
    """Read the agent's settings, and let the agent's own reader check them."""
    known = [row.key for row in agent_settings.TABLE]
    for key in field.fields():
        if key not in known:
            raise BadField(field.place, key, f"one of {', '.join(known)}")
    found = tuple((key, _setting_of(one)) for key, one in field.fields().items())
    try:
        agent_settings.load(None, {}, dict(found))
    except agent_settings.SettingError as error:
        raise BadField(field.get(error.key).place, error.value, error.allowed) from None
    return found


def _setting_of(field: Field) -> str:
    return str(field.value).lower() if isinstance(field.value, bool) else field.plain()
