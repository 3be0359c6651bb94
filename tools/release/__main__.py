"""The command behind `make dist`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.release import bill, chart, executable
from tools.release.sources import ROOT, BuildError
from weka_cpuset import __version__

DIST: Final = ROOT / "dist"
BUILT_AT: Final = "1735689600"
"""The time in all archives, in seconds since 1970: a release does not depend on the clock."""


class WrongTag(BuildError):
    """The commit is tagged as another version than the one in the source.

    Args:
        tags: The commit's tags.
    """

    def __init__(self, tags: list[str]) -> None:
        super().__init__(tags)
        self.tags = tags

    def __str__(self) -> str:
        return f"the commit is tagged {', '.join(self.tags)}, the source says {__version__}"


def main() -> int:
    """Build everything; print each file with its size."""
    try:
        check_tag()
        files = build()
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for path in files:
        sys.stdout.write(f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes\n")
    return 0


def check_tag() -> None:
    """Make sure that a tagged commit builds the version of its tag.

    Raises:
        WrongTag: It would build another.
    """
    shown = _run("git", "tag", "--points-at", "HEAD", "v*")
    tags = shown.split()
    if tags and f"v{__version__}" not in tags:
        raise WrongTag(tags)


def build() -> list[Path]:
    """Build all files of the release into `dist/`, which is emptied first.

    Returns:
        The files.
    """
    shutil.rmtree(DIST, ignore_errors=True)
    DIST.mkdir()
    _run(sys.executable, "-m", "hatchling", "build", "--directory", str(DIST))
    machine = os.uname().machine
    executable.build(DIST / f"weka-cpuset-{__version__}-linux-{machine}")
    chart.pack(DIST / f"{chart.CHART.name}-{__version__}.tgz")
    bill.write(DIST / f"weka-nri-cpuset-{__version__}.cdx.json", __version__, DIST.iterdir())
    files = sorted(DIST.iterdir())
    sums = "".join(f"{bill.digest(path)}  {path.name}\n" for path in files)
    (DIST / "SHA256SUMS").write_text(sums)
    return [*files, DIST / "SHA256SUMS"]


def _run(*command: str) -> str:
    return subprocess.run(  # noqa: S603  # argument lists of this file
        command,
        cwd=ROOT,
        env=os.environ | {"SOURCE_DATE_EPOCH": BUILT_AT},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout


if __name__ == "__main__":
    sys.exit(main())
