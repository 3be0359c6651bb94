"""An apt of the project's own: it reads the machine's archive and changes nothing there."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

KEYRING: Final = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
OS_RELEASE: Final = Path("/etc/os-release")
FETCH_TIMEOUT_S: Final = 300


class NoArchive(Exception):
    """No apt source of this machine serves the release that it runs."""

    def __init__(self, release: str) -> None:
        super().__init__(release)
        self.release = release

    def __str__(self) -> str:
        return f"no apt source of this machine serves {self.release}/main"


def apt_command(folder: Path, suites: Iterable[str], kind: str = "deb") -> list[str]:
    """An `apt-get` that knows these suites of the machine's own archive, lists updated.

    Args:
        folder: Where its state is kept; empty.
        suites: Code names such as `trixie`.
        kind: What is looked for: `deb` packages, or `deb-src` for their sources.

    Returns:
        The start of a command line.

    Raises:
        NoArchive: the machine's apt has no source for its own release.
        CalledProcessError: apt failed.
    """
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "archive.sources").write_text(_source_of(suites, kind))
    settings = {
        "Dir::Etc::sourcelist": str(folder / "archive.sources"),
        "Dir::Etc::sourceparts": "-",
        "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-",
        "Dir::State::lists": str(folder / "lists"),
        "Dir::Cache": str(folder / "cache"),
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in settings.items())]
    run([*apt, "update"], folder)
    return apt


def machine_release() -> str:
    """The code name of the Debian release this machine runs, such as `bookworm`."""
    pairs = (line.partition("=") for line in OS_RELEASE.read_text().splitlines())
    return {key: value.strip('"') for key, _, value in pairs}.get("VERSION_CODENAME", "unknown")


def run(command: list[str], folder: Path) -> str:
    """Run a command of the packaging tools in a folder, and return what it printed.

    Raises:
        CalledProcessError: it failed.
        TimeoutExpired: it took longer than a download may.
    """
    result = subprocess.run(  # noqa: S603  # argument lists of this project
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=FETCH_TIMEOUT_S
    )
    return result.stdout


def _source_of(suites: Iterable[str], kind: str) -> str:
    """An apt source for some suites, at the archive the machine itself uses."""
    release = machine_release()
    lines = run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(COMPONENT) $(REPO_URI)"], Path("/")
    ).splitlines()
    prefix = f"{release} main "
    uris = [line.removeprefix(prefix) for line in lines if line.startswith(prefix)]
    if not uris:
        raise NoArchive(release)
    named = " ".join(sorted(suites))
    return (
        f"Types: {kind}\nURIs: {uris[0]}\nSuites: {named}\nComponents: main\nSigned-By: {KEYRING}\n"
    )
