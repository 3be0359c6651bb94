"""The archive of modules in the self-contained executable."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.release import modules


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small standard library."""
    folder = tmp_path_factory.mktemp("built") / "standard"
    (folder / "json").mkdir(parents=True)
    (folder / "json" / "__init__.py").write_text("ANSWER = 42\n")
    (folder / "unittest").mkdir()
    (folder / "unittest" / "__init__.py").write_text("")
    return folder


@pytest.fixture(scope="module")
def archive(standard: Path) -> Path:
    """An archive with that library."""
    target = standard.with_name("modules.zip")
    modules.pack(target, standard)
    return target


def test_archive_has_what_is_needed(archive: Path) -> None:
    """The standard library, the libraries, ours, their data, and the way in; no sources."""
    with zipfile.ZipFile(archive) as opened:
        names = set(opened.namelist())

    wanted = {
        "json/__init__.pyc",
        "click/__init__.pyc",
        "google/",
        "google/protobuf/__init__.pyc",
        "weka_cpuset/cli.pyc",
        "nri/session.pyc",
        "nodestress/seed/crash-test-pods.yaml",
        "entry.pyc",
    }
    assert wanted <= names
    assert not {name for name in names if name.endswith(".py")}
    assert "unittest/__init__.pyc" not in names


def test_licences_come_along(archive: Path) -> None:
    """Each library's licence, or what states it, is in the archive."""
    with zipfile.ZipFile(archive) as opened:
        folders = {name.partition("/")[0] for name in opened.namelist() if ".dist-info/" in name}

    assert len(folders) == len(modules.distributions())


def test_same_sources_give_the_same_bytes(archive: Path, standard: Path, tmp_path: Path) -> None:
    """Nothing of the time or the place of the build is in the archive."""
    again = tmp_path / "elsewhere" / "modules.zip"
    again.parent.mkdir()

    modules.pack(again, standard)

    assert archive.read_bytes() == again.read_bytes()


def test_modules_are_imported_from_the_archive(archive: Path) -> None:
    """Compiled modules without sources are found there."""
    program = "import json; print(json.ANSWER, json.__file__)"

    shown = subprocess.run(
        [
            sys.executable,
            "-S",
            "-c",
            f"import sys; sys.path.insert(0, {str(archive)!r}); {program}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert f"42 {archive}/json/__init__.pyc" == shown.stdout.strip()


def test_invalid_module_is_named(tmp_path: Path) -> None:
    """A module that does not compile fails the build, not the agent."""
    (tmp_path / "broken.py").write_text("def\n")

    with pytest.raises(modules.NotCompilable, match=r"broken\.py"):
        modules.pack(tmp_path / "modules.zip", tmp_path)


def test_what_is_needed_at_run_time() -> None:
    """Dependencies of dependencies count; extras do not, nor what rich does not use here."""
    found = modules.distributions()

    assert {"click", "msgspec", "protobuf", "pyyaml", "rich", "tomlkit"} <= set(found)
    assert {"pytest", "grpcio", "pygments"}.isdisjoint(found)
