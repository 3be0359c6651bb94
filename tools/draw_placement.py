"""Draws the pictures of docs/explanation/placement.md from real decisions of the engine.

A picture stands below a comment that says how it comes about:

    <!-- drawn: laptop; smt=full-cores; a 2; b 1 cores=3; a -> 4; stop b -->

First the machine, then settings of `placement`, then what happens: a container by its name with
a number of cpus and its pod's annotations (`cores`, `forbid`, `smt`, `numa`), a resize, a
stop. Run `python tools/draw_placement.py` after a change of the page or of the rules, or
with `--check` to find out whether the pictures are what the engine decides now.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from nodesim.machines import MACHINES
from weka_cpuset.engine import (
    Class,
    ContainerFacts,
    Create,
    Decision,
    Event,
    Ledger,
    Llc,
    Numa,
    PodFacts,
    Preference,
    Rules,
    Smt,
    Stop,
    Update,
    decide,
)
from weka_cpuset.show.cpumap import map_of
from weka_cpuset.show.scene import Host, Occupant, look

PAGE = Path(__file__).parent.parent / "docs/explanation/placement.md"
PICTURE = re.compile(r"(<!-- drawn: (.+?) -->\n\n```text\n).*?(```)", re.DOTALL)
ANNOTATIONS = {
    "cores": "weka.io/cores-ids",
    "forbid": "weka.io/forbid-core-ids",
    "smt": "weka.io/smt",
    "numa": "weka.io/numa",
}
WIDTH = 100
"""How many columns a picture has at most."""


def generate(page: str) -> str:
    """Return a page with all its pictures drawn anew.

    Args:
        page: The page's text.
    """
    return PICTURE.sub(lambda found: f"{found[1]}{draw(found[2])}{found[3]}", page)


def draw(script: str) -> str:
    """Return the picture of what has happened at the end of a script.

    Args:
        script: As in a comment of the page.
    """
    machine, *parts = (part.strip() for part in script.split(";"))
    words = dict(part.split("=") for part in parts if re.fullmatch(r"[a-z]+=[a-z-]+", part))
    preference = Preference(
        Smt(words.get("smt", Smt.PREFER_SIBLINGS)),
        Numa(words.get("numa", Numa.PACK)),
        Llc(words.get("llc", Llc.PREFER)),
    )
    ledger = Ledger.empty(MACHINES[machine].topology(), Rules(preference=preference))
    refusals = []
    for part in parts:
        if part in (f"{key}={word}" for key, word in words.items()):
            continue
        decision = _happen(ledger, part)
        ledger = decision.ledger
        if decision.refusal is not None:
            refusals.append(f"{part.split()[0]} is refused: {decision.refusal}")
    ledger.check()
    return "\n".join((*_map(ledger), *_wrapped(refusals), ""))


def _happen(ledger: Ledger, part: str) -> Decision:
    """Let one thing happen."""
    name, *rest = part.split()
    event: Event
    if name == "stop":
        return decide(ledger, Stop(rest[0]))
    if rest[0] == "->":
        held = ledger.holding(name)
        event = Update(held.pod if held else None, _container(name, int(rest[1])))
        return decide(ledger, event)
    count, annotations = int(rest[0]), dict(word.split("=") for word in rest[1:])
    parent = "/kubepods/pod" if count else "/kubepods/burstable/pod"
    named = {ANNOTATIONS[key]: text for key, text in annotations.items()}
    pod = PodFacts(f"pod-{name}", name, "", name, named, parent + name)
    return decide(ledger, Create(pod, _container(name, count)))


def _container(name: str, whole: int) -> ContainerFacts:
    return ContainerFacts(
        name, f"pod-{name}", name, 1024 * whole or 2, 100_000 * whole, 100_000, 1 << 30
    )


def _map(ledger: Ledger) -> Iterator[str]:
    """Yield the map of the machine, and who has which cpus."""
    host = Host(ledger.topology, ledger.topology.online)
    occupants = [
        Occupant(one.id, one.kind, ledger.cpus_of(one.id), running=True)
        for one in ledger.holdings()
        if one.kind is not Class.SHARED
    ]
    scene = look(host, occupants)
    for line in map_of(scene, WIDTH):
        yield line.plain.rstrip()
    yield ""
    for one in scene.occupants:
        yield f"{scene.tags[one.label]}  {one.label}  {one.cpus}"


def _wrapped(lines: list[str]) -> Iterator[str]:
    """Yield lines cut between words."""
    for line in lines:
        rest = line
        while len(rest) > WIDTH:
            head, _, _ = rest[:WIDTH].rpartition(" ")
            yield head
            rest = "  " + rest[len(head) + 1 :]
        yield rest


def main(arguments: list[str]) -> int:
    """Draw the pictures, or check them.

    Args:
        arguments: `--check`, or nothing.

    Returns:
        The exit status: 1 if a picture is not what is decided now.
    """
    before = PAGE.read_text()
    after = generate(before)
    if "--check" in arguments:
        return int(before != after)
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
