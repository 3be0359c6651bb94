"""Installing the agent on a host, and taking it away again, below a folder as its root."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from weka_cpuset import settings
from weka_cpuset.cli import commands
from weka_cpuset.install import plan
from weka_cpuset.install.plan import Host, Program, Way
from weka_cpuset.install.steps import Copy, Remove, Run, Step, StepFailed, Write, do

ELSEWHERE = Path("/opt/nri/plugins/77-cpus")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The self-contained executable."""
    path = tmp_path / "weka-cpuset"
    path.write_bytes(b"\x7fELF")
    return Program(path, is_executable=True)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host without anything, of which systemd does not run here."""
    return Host(tmp_path / "root", has_systemd=False)


def files(host: Host) -> set[str]:
    """All files of a host, as it sees them."""
    return {f"/{path.relative_to(host.root)}" for path in host.root.rglob("*") if path.is_file()}


def carry_out(steps: list[Step]) -> None:
    """Do all steps."""
    for step in steps:
        do(step)


def test_systemd_gets_a_unit_and_the_program(host: Host, program: Program) -> None:
    """The unit starts the copy of the executable; there are settings to edit."""
    carry_out(plan.install(Way.SYSTEMD, host, program))

    assert files(host) == {str(plan.UNIT), str(plan.PROGRAM), str(plan.SETTINGS)}
    assert f"ExecStart={plan.PROGRAM} run\n" in host.at(plan.UNIT).read_text()
    assert host.at(plan.PROGRAM).stat().st_mode & 0o777 == 0o755
    settings.load(host.at(plan.SETTINGS), {}, {})


def test_program_of_a_python_is_started_where_it_is(host: Host) -> None:
    """What pip has installed is not copied: it would not find its Python."""
    program = Program(Path("/opt/venv/bin/weka-cpuset"), is_executable=False)

    carry_out(plan.install(Way.SYSTEMD, host, program))

    assert files(host) == {str(plan.UNIT), str(plan.SETTINGS)}
    assert f"ExecStart={program.path} run\n" in host.at(plan.UNIT).read_text()


def test_runtime_gets_one_executable_and_nothing_else(host: Host, program: Program) -> None:
    """Any other executable in its folder would keep the runtime from starting."""
    carry_out(plan.install(Way.RUNTIME_LAUNCHED, host, program))

    folder = host.at(plan.PLUGIN).parent
    assert [path.name for path in folder.iterdir()] == [plan.PLUGIN.name]
    assert host.at(plan.PLUGIN).read_bytes() == program.path.read_bytes()
    assert settings.load(host.at(plan.SETTINGS), {}, {}).log.file == str(plan.LOG)
    assert host.at(plan.LOG).exists()


def test_new_release_takes_the_place_of_the_old(host: Host, program: Program) -> None:
    """Installing again replaces the program, whatever runs of it, and keeps the settings."""
    carry_out(plan.install(Way.RUNTIME_LAUNCHED, host, program))
    host.at(plan.SETTINGS).write_text("cpus:\n  reserved: '0'\n")
    with host.at(plan.PLUGIN).open("rb") as running:
        program.path.write_bytes(b"\x7fELF, newer")

        carry_out(plan.install(Way.RUNTIME_LAUNCHED, host, program))

        assert running.read() == b"\x7fELF"
    assert host.at(plan.PLUGIN).read_bytes() == b"\x7fELF, newer"
    assert "reserved" in host.at(plan.SETTINGS).read_text()


@pytest.mark.parametrize("way", Way)
def test_uninstall_leaves_the_settings_only(host: Host, program: Program, way: Way) -> None:
    """What was installed is gone; a second time finds nothing to complain about."""
    carry_out(plan.install(way, host, program))

    for _ in range(2):
        carry_out(plan.uninstall(way, host))

    assert files(host) <= {str(plan.SETTINGS), str(plan.LOG)}


@pytest.mark.parametrize("way", Way)
def test_second_way_is_refused(host: Host, program: Program, way: Way) -> None:
    """Two agents on a host would make each creation of a container fail."""
    carry_out(plan.install(way, host, program))
    (other,) = set(Way) - {way}

    with pytest.raises(plan.OtherWay, match=f"uninstall --{way}"):
        plan.install(other, host, program)


def test_runtime_cannot_launch_a_program_of_a_python(host: Host) -> None:
    """It gives its plugins no environment, and stops if one does not start."""
    with pytest.raises(plan.NoExecutable):
        plan.install(Way.RUNTIME_LAUNCHED, host, Program(Path("/x"), is_executable=False))


def test_settings_with_which_the_agent_would_not_start_are_refused(
    host: Host, program: Program
) -> None:
    """They are found before anything is changed, not by a runtime that does not start."""
    file = host.at(plan.SETTINGS)
    file.parent.mkdir(parents=True)
    file.write_text("cpus:\n  reserved: many\n")

    with pytest.raises(settings.SettingError, match=r"cpus\.reserved"):
        plan.install(Way.RUNTIME_LAUNCHED, host, program)


def test_running_systemd_is_told(program: Program, tmp_path: Path) -> None:
    """The unit is read, enabled and started; at the end it is stopped before it is removed."""
    host = Host(tmp_path / "root", has_systemd=True)

    runs = [step for step in plan.install(Way.SYSTEMD, host, program) if isinstance(step, Run)]
    first, *_, last = plan.uninstall(Way.SYSTEMD, host)

    assert ["daemon-reload", "enable", "restart"] == [run.command[1] for run in runs]
    assert ("systemctl", "disable", "--now", plan.UNIT.name) == getattr(first, "command", None)
    assert Run(("systemctl", "daemon-reload")) == last


def test_unit_is_one_that_systemd_takes(tmp_path: Path) -> None:
    """systemd-analyze finds nothing to say."""
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None, "systemd-analyze is missing; install the Debian package systemd"
    file = tmp_path / plan.UNIT.name
    file.write_text(plan.unit(Path("/bin/true")))

    shown = subprocess.run(
        [analyze, "verify", "--man=no", str(file)], capture_output=True, text=True, check=False
    )

    assert (0, "", "") == (shown.returncode, shown.stdout, shown.stderr)


def invoke(host: Host, *arguments: str) -> Result:
    """Run the command on a host."""
    return CliRunner().invoke(commands, [*arguments, "--root", str(host.root)])


def test_command_tells_and_changes_nothing(host: Host) -> None:
    """Only --write changes anything."""
    shown = invoke(host, "install", "--systemd")

    assert shown.exit_code == 0
    assert f"would write {host.at(plan.UNIT)}" in shown.output
    assert not host.root.exists()


def test_command_installs_and_uninstalls(host: Host) -> None:
    """With --write it does what it tells, and says what is left to do."""
    installed = invoke(host, "install", "--systemd", "--write")
    assert installed.exit_code == 0
    assert "systemctl enable --now weka-cpuset" in installed.output
    assert host.at(plan.UNIT).exists()

    assert invoke(host, "uninstall", "--systemd", "--write").exit_code == 0
    assert not host.at(plan.UNIT).exists()


def test_command_refuses_by_exit_status(host: Host) -> None:
    """What must not be installed ends with 1, and an unclear command with 2."""
    assert invoke(host, "install", "--runtime-launched", "--write").exit_code == 1
    assert invoke(host, "install").exit_code == 2
    assert invoke(host, "install", "--systemd", "--plugin", "99-weka-cpuset").exit_code == 2


def test_other_plugin_file_is_used(host: Host, program: Program) -> None:
    """The runtime's folder and the plugin's index are the operator's to choose."""
    elsewhere = Host(host.root, has_systemd=False, plugin=ELSEWHERE)

    carry_out(plan.install(Way.RUNTIME_LAUNCHED, elsewhere, program))

    assert elsewhere.at(ELSEWHERE).exists()
    assert "launches its plugins" in plan.afterwards(Way.RUNTIME_LAUNCHED, elsewhere)[0]


@pytest.mark.parametrize(
    "step",
    [
        Write(Path("/proc/none/file"), ""),
        Copy(Path("/proc/none"), Path("/proc/none/file"), Path("/proc")),
        Remove(Path("/proc/self/stat")),
        Run(("false",)),
        Run(("no-such-program",)),
    ],
    ids=lambda step: type(step).__name__,
)
def test_step_that_fails_says_which(step: Step) -> None:
    """The message has the step and the reason, and no traceback."""
    with pytest.raises(StepFailed, match=f"cannot {step}"):
        do(step)
