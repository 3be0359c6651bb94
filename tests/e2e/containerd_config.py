"""The configuration file of a containerd instance, and where the instance's files are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import assert_never

from tests.e2e import images, packages


class Series(Enum):
    """The containerd release series under test; the value names it in test ids."""

    V1_7 = "containerd-1.7"
    V2_1 = "containerd-2.1"

    @property
    def package(self) -> packages.Package:
        """The Debian package with this release."""
        match self:
            case Series.V1_7:
                return packages.CONTAINERD_1_7
            case Series.V2_1:
                return packages.CONTAINERD_2_1
            case _ as never:
                assert_never(never)


@dataclass(frozen=True, slots=True)
class NriTimeouts:
    """How long the runtime waits for a plugin, in seconds; the defaults are its own."""

    registration_s: int = 5
    request_s: int = 2


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one instance."""

    folder: Path

    @property
    def config(self) -> Path:
        """The configuration of containerd."""
        return self.folder / "config.toml"

    @property
    def socket(self) -> Path:
        """Where containerd serves CRI."""
        return self.folder / "containerd.sock"

    @property
    def nri_socket(self) -> Path:
        """Where containerd accepts NRI plugins."""
        return self.folder / "nri.sock"

    @property
    def plugins(self) -> Path:
        """The plugins that containerd launches itself, by file name."""
        return self.folder / "plugins"

    @property
    def plugin_configs(self) -> Path:
        """Configuration files of the launched plugins."""
        return self.folder / "plugin-conf"

    @property
    def log(self) -> Path:
        """What containerd wrote to its standard error, over all restarts."""
        return self.folder / "containerd.log"


Table = Mapping[str, object]
"""One TOML table: name -> value."""


def render(series: Series, layout: Layout, nri: NriTimeouts) -> str:
    """The text of an instance's configuration file."""
    folder = layout.folder
    version, own = _own_part(series, folder)
    top = {"version": version, "root": folder / "data", "state": folder / "state"}
    sections: dict[str, Table] = {
        "grpc": {"address": layout.socket},
        "plugins.'io.containerd.internal.v1.opt'": {"path": folder / "opt"},
        "plugins.'io.containerd.nri.v1.nri'": _nri(layout, nri),
        **own,
    }
    return "\n".join([_lines(top), *(f"[{name}]\n{_lines(sections[name])}" for name in sections)])


def _own_part(series: Series, folder: Path) -> tuple[int, dict[str, Table]]:
    """What differs between the series: the file's version, and the CRI tables."""
    match series:
        case Series.V1_7:
            return 2, _cri_1_7(folder)
        case Series.V2_1:
            return 3, _cri_2_1(folder)
        case _ as never:
            assert_never(never)


def _nri(layout: Layout, nri: NriTimeouts) -> Table:
    return {
        "disable": False,
        "socket_path": layout.nri_socket,
        "plugin_path": layout.plugins,
        "plugin_config_path": layout.plugin_configs,
        "plugin_registration_timeout": f"{nri.registration_s}s",
        "plugin_request_timeout": f"{nri.request_s}s",
    }


def _cri_1_7(folder: Path) -> dict[str, Table]:
    name = "plugins.'io.containerd.grpc.v1.cri'"
    return {name: _runtime() | {"sandbox_image": images.PAUSE_IMAGE}, **_runc(name, folder)}


def _cri_2_1(folder: Path) -> dict[str, Table]:
    name = "plugins.'io.containerd.cri.v1.runtime'"
    pinned = "plugins.'io.containerd.cri.v1.images'.pinned_images"
    return {name: _runtime(), pinned: {"sandbox": images.PAUSE_IMAGE}, **_runc(name, folder)}


def _runtime() -> dict[str, object]:
    # Without this no pod starts where a process may not lower its oom_score_adj.
    return {"restrict_oom_score_adj": True}


def _runc(cri: str, folder: Path) -> dict[str, Table]:
    """Gives runc a folder of the instance's own; its default is shared by all instances."""
    runc = f"{cri}.containerd.runtimes.runc"
    return {
        runc: {"runtime_type": "io.containerd.runc.v2"},
        f"{runc}.options": {"Root": folder / "runc"},
    }


def _lines(table: Table) -> str:
    """The lines of a table; booleans and numbers plain, all else as a string."""
    return "".join(f"{name} = {_value(value)}\n" for name, value in table.items())


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case _:
            return f"'{value}'"
