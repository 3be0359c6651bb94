"""Judging the container runtime: its release, NRI's settings, and who else is there."""

import os
import re

from weka_cpuset.check.facts import (
    Facts,
    NriConfig,
    RuntimeConfig,
    RuntimeKind,
    RuntimeRelease,
    SocketState,
    Unknown,
    Validator,
)
from weka_cpuset.check.finding import Finding, Level, Topic, not_known
from weka_cpuset.check.releases import (
    HAS_VALIDATORS,
    LAUNCHED_ARE_SYNCHRONIZED,
    REGISTRATION_IS_SAFE,
    UPDATES_ARE_SAFE,
    Support,
    Version,
    support,
    text,
)

SHORTEST_REQUEST_S = 1.0
"""With less than half of the usual 2 s, in seconds, a busy node can cost the agent its
connection."""

LONGEST_REQUEST_S = 10.0
"""Any plugin that hangs stops all pods of the node for so long, in seconds, at each event."""

SHORTEST_REGISTRATION_S = 1.0
"""A process that is starting needs so long, in seconds, on a busy node."""

_DEFAULT = NriConfig()
_PLUGIN_FILE = re.compile(r"[0-9]{2}-.*", re.DOTALL)
_SETS_CPUSETS = re.compile(r"nri-resource-policy-.*|dracpu|cri-resmgr")

_ENABLE = {
    RuntimeKind.CONTAINERD: (
        "set `disable = false` under [plugins.'io.containerd.nri.v1.nri'] in containerd's "
        "configuration and restart it; running pods go on"
    ),
    RuntimeKind.CRIO: (
        "set `enable_nri = true` under [crio.nri] in CRI-O's configuration and restart it; "
        "running pods go on"
    ),
}
_CONNECTIONS_KEY = {
    RuntimeKind.CONTAINERD: "disable_connections",
    RuntimeKind.CRIO: "nri_disable_connections",
}
_VALIDATOR_KEYS = {
    RuntimeKind.CONTAINERD: (
        "[plugins.'io.containerd.nri.v1.nri'.default_validator]",
        "enable",
        "required_plugins",
        "tolerate_missing_plugins_annotation",
    ),
    RuntimeKind.CRIO: (
        "[crio.nri.default_validator]",
        "nri_enable_default_validator",
        "nri_validator_required_plugins",
        "nri_validator_tolerate_missing_plugins_annotation",
    ),
}
_NEEDED = {RuntimeKind.CONTAINERD: "containerd 1.7.26", RuntimeKind.CRIO: "CRI-O 1.31"}
_WITH_VALIDATORS = {RuntimeKind.CONTAINERD: "containerd 2.2", RuntimeKind.CRIO: "CRI-O 1.34"}


def same_path(one: os.PathLike[str], other: os.PathLike[str]) -> bool:
    """Tell whether two paths of a host are one place.

    /var/run is a link to /run nearly everywhere; this module does not look.
    """
    return os.fspath(one).removeprefix("/var") == os.fspath(other).removeprefix("/var")


def sets_cpusets(program: str) -> bool:
    """Tell whether a program of this name is known to set cpusets of containers."""
    return _SETS_CPUSETS.fullmatch(re.sub(r"^[0-9]{2}-", "", program)) is not None


def judge_runtime(facts: Facts) -> Finding:
    """Judge the runtime's release by the NRI that is in it."""
    topic = Topic.RUNTIME
    if isinstance(facts.release, Unknown):
        return not_known(topic, facts.release, _NAME_THE_RELEASE)
    release = facts.release
    name = f"{release.kind} {release.version}"
    known = support(release)
    if known is None:
        return Finding(
            topic,
            Level.UNKNOWN,
            f"{name}: the version cannot be understood",
            _NAME_THE_RELEASE,
        )
    if known.nri is None:
        return Finding(
            topic,
            Level.PROBLEM,
            f"{name} has no usable NRI",
            f"upgrade to {_NEEDED[release.kind]} or newer",
        )
    return _judge_nri(name, release.kind, known.nri, launched=bool(_launched(facts)))


def _judge_nri(name: str, kind: RuntimeKind, nri: Version, *, launched: bool) -> Finding:
    found = f"{name} with NRI {text(nri)}"
    upgrade = f"upgrade to {_NEEDED[kind]} or newer"
    if nri < REGISTRATION_IS_SAFE:
        return Finding(
            Topic.RUNTIME,
            Level.WARNING,
            f"{found}: a plugin that connects while pods start or stop can dead-lock the runtime",
            upgrade,
        )
    if nri < LAUNCHED_ARE_SYNCHRONIZED and launched:
        return Finding(
            Topic.RUNTIME,
            Level.WARNING,
            f"{found}: a plugin that the runtime launches is not told of the containers there are",
            f"run the agent as a service or a DaemonSet, or {upgrade}",
        )
    if nri < UPDATES_ARE_SAFE:
        found += "; corrections go to the cgroup files, since a call could dead-lock the runtime"
    return Finding(Topic.RUNTIME, Level.OK, found)


def judge_enabled(facts: Facts) -> Finding:
    """Judge whether the runtime lets plugins in."""
    topic = Topic.NRI_ENABLED
    if isinstance(facts.config, Unknown):
        return not_known(topic, facts.config, _NAME_THE_CONFIG)
    config, kind = facts.config.nri, facts.config.kind
    known = _support(facts)
    enabled = config.enabled
    if enabled is None and known is not None:
        enabled = known.on_by_default
    if enabled is None:
        return Finding(
            topic,
            Level.UNKNOWN,
            "the configuration does not say, and the default depends on the runtime's version",
            _NAME_THE_RELEASE,
        )
    said = "by default" if config.enabled is None else "in the configuration"
    if not enabled:
        return Finding(topic, Level.PROBLEM, f"NRI is disabled {said}", _ENABLE[kind])
    if not config.connections and not _launched(facts):
        return Finding(
            topic,
            Level.PROBLEM,
            "NRI is enabled, but plugins may not connect",
            f"set `{_CONNECTIONS_KEY[kind]} = false` and restart the runtime, or install the "
            f"agent in {config.plugin_folder}",
        )
    return Finding(topic, Level.OK, f"NRI is enabled {said}")


def judge_socket(facts: Facts) -> Finding:
    """Judge whether the agent will find the runtime at its socket."""
    path = facts.wanted.socket
    config = facts.config
    if isinstance(config, RuntimeConfig) and not same_path(config.nri.socket, path):
        return Finding(
            Topic.NRI_SOCKET,
            Level.PROBLEM,
            f"the agent looks at {path}, the runtime listens at {config.nri.socket}",
            f"set nri.socket (--socket) to {config.nri.socket}",
        )
    if isinstance(facts.socket, Unknown):
        return not_known(Topic.NRI_SOCKET, facts.socket)
    level, remedy = _SOCKETS[facts.socket]
    return Finding(Topic.NRI_SOCKET, level, f"{path} {facts.socket.value}", remedy)


_RESTART = "start the runtime with NRI enabled; it makes the socket when it starts"

_SOCKETS = {
    SocketState.MISSING: (Level.PROBLEM, _RESTART),
    SocketState.NO_SOCKET: (Level.PROBLEM, f"remove it, then {_RESTART}"),
    SocketState.LISTENING: (Level.OK, ""),
    SocketState.SILENT: (
        Level.WARNING,
        f"{_RESTART}; if it runs, look from the node's network name space, or use --connect",
    ),
    SocketState.ACCEPTS: (Level.OK, ""),
    SocketState.REFUSES: (Level.PROBLEM, f"the socket is left from before; {_RESTART}"),
}


def judge_timeouts(facts: Facts) -> Finding:
    """Judge how long the runtime waits for plugins."""
    topic = Topic.NRI_TIMEOUTS
    if isinstance(facts.config, Unknown):
        return not_known(topic, facts.config, _NAME_THE_CONFIG)
    config = facts.config.nri
    found = (
        f"registration {config.registration_timeout_s:g} s, request {config.request_timeout_s:g} s"
    )
    # 0 stands for the built-in default in both runtimes.
    request_s = config.request_timeout_s or _DEFAULT.request_timeout_s
    registration_s = config.registration_timeout_s or _DEFAULT.registration_timeout_s
    if request_s < SHORTEST_REQUEST_S:
        return Finding(
            topic,
            Level.WARNING,
            f"{found}: a moment's load can cost the agent its connection",
            f"set the request timeout to {_DEFAULT.request_timeout_s:g} s, its default",
        )
    if request_s > LONGEST_REQUEST_S:
        return Finding(
            topic,
            Level.WARNING,
            f"{found}: any plugin that hangs stops all pods of the node for so long",
            f"set the request timeout to at most {LONGEST_REQUEST_S:g} s",
        )
    if registration_s < SHORTEST_REGISTRATION_S:
        return Finding(
            topic,
            Level.WARNING,
            f"{found}: a plugin that starts on a busy node may come too late",
            f"set the registration timeout to {_DEFAULT.registration_timeout_s:g} s, its default",
        )
    return Finding(topic, Level.OK, found)


def judge_validator(facts: Facts) -> Finding:
    """Judge what happens to containers that are created while the agent is away."""
    topic = Topic.VALIDATOR
    if isinstance(facts.config, Unknown):
        return not_known(topic, facts.config, _NAME_THE_CONFIG)
    known, kind = _support(facts), facts.config.kind
    if known is not None and (known.nri is None or known.nri < HAS_VALIDATORS):
        return Finding(
            topic,
            Level.WARNING,
            "fails open: containers created while the agent is away start unplaced, and the "
            "agent corrects them when it is back; this runtime cannot require a plugin",
            f"{_WITH_VALIDATORS[kind]} and newer can refuse such containers",
        )
    validator = facts.config.nri.validator
    name, index = facts.wanted.name, facts.wanted.index
    table, enable, required, tolerate = _VALIDATOR_KEYS[kind]
    if not validator.enabled or not _names_us(validator, name):
        return Finding(
            topic,
            Level.WARNING,
            "fails open: containers created while the agent is away start unplaced, and the "
            "agent corrects them when it is back",
            f'to refuse them, set `{enable} = true` and `{required} = ["{name}"]` under {table}',
        )
    wrong = _wrong_names(validator, name, index)
    if wrong:
        return Finding(
            topic,
            Level.PROBLEM,
            f"the runtime requires {', '.join(wrong)}, and the agent connects as {index}-{name}: "
            "no container will be created",
            f'set `{required} = ["{name}"]`',
        )
    if not validator.tolerate and not _launched(facts):
        return Finding(
            topic,
            Level.WARNING,
            f"fails closed: no container is created without {name}; if the agent runs in a pod, "
            "that pod is refused too and can never start",
            f'set `{tolerate}` to an annotation, and give it to the agent\'s pod as "true"',
        )
    return Finding(topic, Level.OK, f"fails closed: no container is created without {name}")


def judge_other_plugins(facts: Facts) -> Finding:
    """Judge whether anything else sets cpusets, or keeps the runtime from starting."""
    topic = Topic.OTHER_PLUGINS
    plugins = () if isinstance(facts.plugins, Unknown) else facts.plugins
    bad = [name for name in plugins if not _PLUGIN_FILE.fullmatch(name)]
    if bad:
        return Finding(
            topic,
            Level.PROBLEM,
            f"the runtime will not start with {', '.join(bad)} in its plugin folder",
            "name each executable there NN-name, with two digits, or take away its x bits",
        )
    running = () if isinstance(facts.programs, Unknown) else facts.programs.rivals
    rivals = sorted({*running, *filter(sets_cpusets, plugins)})
    if rivals:
        return Finding(
            topic,
            Level.PROBLEM,
            f"{', '.join(rivals)} sets cpusets too: two that set the cpuset of one container "
            "make its creation fail",
            "keep one of them on a node",
        )
    for fact in (facts.plugins, facts.programs):
        if isinstance(fact, Unknown):
            return not_known(topic, fact)
    own = _launched(facts)
    others = [name for name in plugins if name != own]
    found = f"launched by the runtime: {', '.join(others)}" if others else "none that sets cpusets"
    return Finding(topic, Level.OK, found)


def judge_agent(facts: Facts) -> Finding:
    """Judge whether there is one agent."""
    topic = Topic.AGENT
    if not isinstance(facts.programs, Unknown) and facts.programs.agents > 1:
        return Finding(
            topic,
            Level.PROBLEM,
            f"{facts.programs.agents} agents run: where two are connected no container can be "
            "created",
            "keep one; the component of the same name that this one replaces counts as well",
        )
    if isinstance(facts.agent_connected, Unknown):
        return not_known(topic, facts.agent_connected)
    if facts.agent_connected:
        return Finding(topic, Level.OK, "an agent is connected to the runtime")
    if isinstance(facts.programs, Unknown):
        return not_known(topic, facts.programs)
    return Finding(topic, Level.OK, "no agent is connected to the runtime now")


_NAME_THE_RELEASE = "name the runtime: --runtime 'containerd 2.1.9'"
_NAME_THE_CONFIG = "name the runtime and its configuration file: --runtime, --runtime-config"


def _support(facts: Facts) -> Support | None:
    return support(facts.release) if isinstance(facts.release, RuntimeRelease) else None


def _launched(facts: Facts) -> str | None:
    """Return the agent's file in the plugin folder, if the runtime launches it."""
    plugins = () if isinstance(facts.plugins, Unknown) else facts.plugins
    return next((name for name in plugins if name[3:] == facts.wanted.name), None)


def _names_us(validator: Validator, name: str) -> bool:
    return any(entry == name or entry[2:] == f"-{name}" for entry in validator.required)


def _wrong_names(validator: Validator, name: str, index: str) -> list[str]:
    return [
        entry
        for entry in validator.required
        if entry[2:] == f"-{name}" and entry != f"{index}-{name}"
    ]
