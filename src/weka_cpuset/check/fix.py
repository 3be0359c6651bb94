"""Proposing changes of the runtime's configuration that make a node fit for the agent.

Nothing is read or written here but text. What the configuration says already stays as it is; a
key is set only where the check would complain. Source for the templates of k3s and RKE2: their
documentation on configuring containerd.
"""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from weka_cpuset.check import toml_edit
from weka_cpuset.check.facts import Facts, NriConfig, RuntimeConfig, RuntimeKind, Unknown
from weka_cpuset.check.releases import HAS_VALIDATORS, Support, support
from weka_cpuset.check.runtime_config import NRI_SECTION, drop_ins
from weka_cpuset.check.runtime_rules import (
    LONGEST_REQUEST_S,
    SHORTEST_REGISTRATION_S,
    SHORTEST_REQUEST_S,
    same_path,
)
from weka_cpuset.check.toml_edit import Value

Keys: TypeAlias = dict[str, Value]
Read: TypeAlias = Callable[[Path], str | None]
"""Returns a file's text, or None if there is no such file."""

DROP_IN = "99-weka-cpuset.conf"
"""The drop-in that is written for CRI-O."""

_SECTION = ("plugins", NRI_SECTION)
_CRIO_SECTION = ("crio", "nri")
_VALIDATOR = "default_validator"
_GENERATED = ("DO NOT EDIT", "config.toml.tmpl")
_HEAD_CHARS = 500
_BASE = '{{ template "base" . }}\n'
_DEFAULT = NriConfig()

_KEYS: Mapping[RuntimeKind, Mapping[str, str]] = {
    RuntimeKind.CONTAINERD: {
        "connections": "disable_connections",
        "socket": "socket_path",
        "request": "plugin_request_timeout",
        "registration": "plugin_registration_timeout",
        "validator": "enable",
        "required": "required_plugins",
        "tolerate": "tolerate_missing_plugins_annotation",
    },
    RuntimeKind.CRIO: {
        "connections": "nri_disable_connections",
        "socket": "nri_listen",
        "request": "nri_plugin_request_timeout",
        "registration": "nri_plugin_registration_timeout",
        "validator": "nri_enable_default_validator",
        "required": "nri_validator_required_plugins",
        "tolerate": "nri_validator_tolerate_missing_plugins_annotation",
    },
}


class CannotFix(Exception):
    """The configuration cannot be changed by a program.

    Args:
        subject: The file, or what else this is about.
        reason: Why not.
        remedy: What to do instead.
    """

    def __init__(self, subject: Path | str, reason: str, remedy: str) -> None:
        super().__init__(subject, reason, remedy)
        self.subject = subject
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.subject}: {self.reason}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it should be.

    Attributes:
        path: The file.
        before: Its text; None: there is no such file.
        after: Its text with the change.
    """

    path: Path
    before: str | None
    after: str

    def diff(self) -> str:
        """Return the change as `diff -u` shows it."""
        old = (self.before or "").splitlines(keepends=True)
        new = self.after.splitlines(keepends=True)
        before = "/dev/null" if self.before is None else str(self.path)
        return "".join(difflib.unified_diff(old, new, before, str(self.path)))


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for beyond a node that the agent can work on.

    Attributes:
        fail_closed: Whether containers shall be refused while the agent is away.
        tolerate: The pod annotation that exempts a pod from that.
    """

    fail_closed: bool = False
    tolerate: str = ""


def propose(facts: Facts, wish: Wish, read: Read) -> Change | None:
    """Return the change that the node needs, or None if it needs none.

    Args:
        facts: What is known of the node.
        wish: What else is asked for.
        read: How to read a file.

    Raises:
        CannotFix: A person has to do it.
    """
    config, release = facts.config, facts.release
    if isinstance(config, Unknown):
        raise CannotFix("configuration", config.reason, "name it with --runtime-config")
    if isinstance(release, Unknown):
        raise CannotFix("runtime", release.reason, "name it: --runtime 'containerd 2.1.9'")
    known = support(release)
    if known is None or known.nri is None:
        raise CannotFix("runtime", f"{release.version} has no NRI", "use a newer one")
    keys = _needed(config, facts.wanted.socket, known)
    validator = _validator(config, facts.wanted.name, known, wish) if wish.fail_closed else {}
    if not keys and not validator:
        return None
    try:
        return _change(config, keys, validator, read)
    except toml_edit.NotToml as error:
        raise CannotFix(config.files[0], str(error), "correct it") from error


def _needed(config: RuntimeConfig, socket: Path, known: Support) -> Keys:
    """Return the keys of NRI's section that have to be set."""
    nri, names = config.nri, _KEYS[config.kind]
    keys: Keys = {}
    if not (known.on_by_default if nri.enabled is None else nri.enabled):
        keys |= {"enable_nri": True} if config.kind is RuntimeKind.CRIO else {"disable": False}
    if not nri.connections:
        keys[names["connections"]] = False
    if not same_path(nri.socket, socket):
        keys[names["socket"]] = str(socket)
    # 0 stands for the built-in default in both runtimes.
    request_s = nri.request_timeout_s or _DEFAULT.request_timeout_s
    if not SHORTEST_REQUEST_S <= request_s <= LONGEST_REQUEST_S:
        keys[names["request"]] = f"{_DEFAULT.request_timeout_s:g}s"
    registration_s = nri.registration_timeout_s or _DEFAULT.registration_timeout_s
    if registration_s < SHORTEST_REGISTRATION_S:
        keys[names["registration"]] = f"{_DEFAULT.registration_timeout_s:g}s"
    return keys


def _validator(config: RuntimeConfig, name: str, known: Support, wish: Wish) -> Keys:
    """Return the keys that let the runtime refuse containers while the agent is away."""
    if known.nri is None or known.nri < HAS_VALIDATORS:
        newer = "containerd 2.2, CRI-O 1.34 and newer can"
        raise CannotFix("runtime", "this release cannot require a plugin", newer)
    now, names = config.nri.validator, _KEYS[config.kind]
    required = list(now.required)
    if not any(entry == name or entry[2:] == f"-{name}" for entry in required):
        required.append(name)
    tolerate = wish.tolerate or now.tolerate
    if now.enabled and tuple(required) == now.required and tolerate == now.tolerate:
        return {}
    keys: Keys = {names["validator"]: True, names["required"]: required}
    return keys | ({names["tolerate"]: tolerate} if tolerate else {})


def _change(config: RuntimeConfig, keys: Keys, validator: Keys, read: Read) -> Change:
    if config.kind is RuntimeKind.CRIO:
        path = drop_ins(config.files[0]) / DROP_IN
        before = read(path)
        return Change(path, before, _edited(before or "", _CRIO_SECTION, keys, validator))
    main = config.files[0]
    text = read(main)
    if text is None:
        # Every containerd that has NRI reads a file of version 2.
        return Change(main, None, _edited("version = 2\n", _SECTION, keys, validator))
    if all(mark in text[:_HEAD_CHARS] for mark in _GENERATED):
        return _change_template(main, text, keys, validator, read)
    if not config.has_plugin_names:
        migrate = "convert it with `containerd config migrate`"
        raise CannotFix(main, "is of version 1, which has no such names of plugins", migrate)
    path, before = _last_with_section(config, read)
    after = toml_edit.without(before, "disabled_plugins", NRI_SECTION)
    return Change(path, before, _edited(after, _SECTION, keys, validator))


def _edited(text: str, section: tuple[str, ...], keys: Keys, validator: Keys) -> str:
    changed = toml_edit.set_keys(text, section, keys)
    return toml_edit.set_keys(changed, (*section, _VALIDATOR), validator)


def _last_with_section(config: RuntimeConfig, read: Read) -> tuple[Path, str]:
    """Return the file whose word on NRI counts: a later one, if it has the section."""
    for path in reversed(config.files[1:]):
        text = read(path)
        if text is not None and toml_edit.has_table(text, _SECTION):
            return path, text
    return config.files[0], read(config.files[0]) or ""


def _change_template(generated: Path, text: str, keys: Keys, validator: Keys, read: Read) -> Change:
    """Return the change of the template that k3s or RKE2 makes its configuration from."""
    name = "config.toml.tmpl" if "version = 2" in text else "config-v3.toml.tmpl"
    path = generated.with_name(name)
    before = read(path)
    if NRI_SECTION in text or NRI_SECTION in (before or ""):
        wanted = ", ".join([*keys, *validator])
        raise CannotFix(
            path if before else generated,
            "is made from a template that has NRI's section already",
            f"set there by hand: {wanted}",
        )
    after = toml_edit.add_table(_BASE if before is None else before, _SECTION, keys)
    if validator:
        after = toml_edit.add_table(after, (*_SECTION, _VALIDATOR), validator)
    return Change(path, before, after)
