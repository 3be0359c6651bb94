"""The truth: what the kernel enforces, read from /proc and the cgroup files.

Nothing here asks the runtime or the agent. The parser of CPU lists is written again on
purpose, so that the product's own one is not the judge of itself.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from nodestress import cgroups

CPUS: Final = Path("/sys/devices/system/cpu")

Cpus = frozenset[int]

GONE: Final = (FileNotFoundError, ProcessLookupError)
"""What reading a file of a process raises once it has ended: before the file was opened, or
between that and the read."""


def parse_cpus(text: str) -> Cpus:
    """Parses the kernel's list format, such as `0,2-3`; empty text is the empty set."""
    cpus: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.update(range(int(first), int(last or first) + 1))
    return frozenset(cpus)


def online_cpus() -> Cpus:
    """The cpus the kernel can run anything on."""
    return parse_cpus((CPUS / "online").read_text())


def allowed_cpus(pid: int) -> Cpus:
    """The cpus a process may run on (`Cpus_allowed_list`)."""
    return parse_cpus(_status(pid)["Cpus_allowed_list"])


def allowed_mems(pid: int) -> Cpus:
    """The NUMA nodes a process may have memory on (`Mems_allowed_list`)."""
    return parse_cpus(_status(pid)["Mems_allowed_list"])


def cgroup_cpus(pid: int) -> Cpus:
    """The cpus that the cgroup of a process gives to each process that starts in it."""
    unified = cgroups.hierarchy_of("cpuset").unified
    name = "cpuset.cpus.effective" if unified else "cpuset.effective_cpus"
    return parse_cpus((cpuset_folder(pid) / name).read_text())


def cpuset_folder(pid: int) -> Path:
    """The folder of the cgroup, in the cpuset hierarchy, that a process is in."""
    hierarchy = cgroups.hierarchy_of("cpuset")
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", maxsplit=2)
        if "cpuset" in controllers.split(",") or (hierarchy.unified and not controllers):
            return hierarchy.root / path.lstrip("/")
    raise AssertionError(f"process {pid} is in no cgroup that has a cpuset")


def nodes_of(cpus: Iterable[int]) -> Cpus:
    """The NUMA nodes that cpus belong to."""
    links = (link for cpu in cpus for link in CPUS.glob(f"cpu{cpu}/node[0-9]*"))
    return frozenset(int(link.name.removeprefix("node")) for link in links)


def command_line(pid: int) -> list[str]:
    """The arguments of a process, its program first; empty for a zombie."""
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def is_alive(pid: int) -> bool:
    """Whether a process exists and is not a zombie."""
    try:
        return not _status(pid)["State"].startswith("Z")
    except GONE:
        return False


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
