"""What can go wrong around a run: one line each, and nothing lost."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from .command_line import CREATE, INIT, CommandLine, Entry, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CREATE_ONLY = (*CREATE, "--make=false")

BROKEN_PROJECTS: list[tuple[str, Callable[[str], str], str]] = [
    ("no-yaml", lambda text: text.replace("domain:", "domain: ["), "error: PROJECT:4: broken YAML: "),
    ("version", lambda text: text.replace('"3"', '"9"'), 'error: PROJECT:8: version "9" is not supported; '),
    ("layout", lambda text: text.replace("python.kaiwuctl.io/v1", "go.kubebuilder.io/v4"), "error: PROJECT:4: layout "),
    ("empty", lambda _: "", "error: PROJECT:1: must be a YAML mapping; "),
    ("no-name", lambda text: text.replace("projectName: kaiwu-operator\n", ""), "error: PROJECT:2: projectName is "),
]


@pytest.mark.parametrize(
    ("damage", "message"), [row[1:] for row in BROKEN_PROJECTS], ids=[row[0] for row in BROKEN_PROJECTS]
)
@pytest.mark.parametrize("command", [INIT, CREATE_ONLY], ids=["init", "create-api"])
def test_a_broken_project_file(
    project: CommandLine, command: tuple[str, ...], damage: Callable[[str], str], message: str
) -> None:
    path = project.folder / "PROJECT"
    path.write_text(damage(path.read_text()))
    before = snapshot(project.folder)
    assert project.refused(*command, status=1).startswith(message)
    assert snapshot(project.folder) == before


def test_no_project_file(empty: CommandLine) -> None:
    error = empty.refused(*CREATE_ONLY, status=1)
    assert error.startswith("error: PROJECT: not found in this folder; start a project with `kaiwuctl init`")
    assert list(empty.folder.iterdir()) == []


def test_the_project_file_further_up_is_named(project: CommandLine) -> None:
    error = CommandLine(project.folder / "config").refused(*CREATE_ONLY, status=1)
    assert error == f"error: PROJECT: not found in this folder, but in {project.folder}; run the command there\n"


@pytest.mark.parametrize("name", ["config/rbac/kustomization.yaml", "config/default/kustomization.yaml"])
def test_a_broken_kustomization(project: CommandLine, name: str) -> None:
    (project.folder / name).write_text("resources:\n- a: [\n")
    before = snapshot(project.folder)
    assert project.refused(*CREATE_ONLY, status=1).startswith(f"error: {name}:3: broken YAML: ")
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("name", ["PROJECT", "api", "config/rbac/kustomization.yaml", "controllers"])
def test_a_link_where_a_file_goes(project: CommandLine, tmp_path: Path, name: str) -> None:
    path, elsewhere = project.folder / name, tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.mkdir()
    path.symlink_to(elsewhere)
    before, outside = snapshot(project.folder), snapshot(elsewhere)
    error = project.refused(*CREATE_ONLY, "--force", status=1)
    assert error.splitlines()[0].startswith("error: nothing was written, because something other than a file")
    assert error.splitlines()[1:] == [f"  {name} is a symbolic link"]
    assert snapshot(project.folder) == before
    assert snapshot(elsewhere) == outside


def test_a_dangling_link_is_not_followed(empty: CommandLine, tmp_path: Path) -> None:
    (empty.folder / "Makefile").symlink_to(tmp_path / "nowhere")
    error = empty.refused(*INIT, status=1)
    assert error.splitlines()[1:] == ["  Makefile is a symbolic link"]
    assert not (tmp_path / "nowhere").exists()


def test_a_project_that_is_reached_through_a_link_is_fine(project: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.folder)
    CommandLine(tmp_path / "link").ok(*CREATE_ONLY)


def with_mounts(script: str, command_line: CommandLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with the command as its arguments, in a mount namespace that nobody else sees.

    Needs no root where user namespaces are allowed; elsewhere root.
    """
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this machine lets nobody mount: the same fault is tested with a limit in test_write.py")
    return subprocess.run(
        [*unshare, "sh", "-ec", script, "sh", *command_line.argv(*arguments)],
        env=command_line.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("command", [INIT, CREATE_ONLY], ids=["init", "create-api"])
def test_a_read_only_file_system(project: CommandLine, command: tuple[str, ...], tmp_path: Path) -> None:
    if command is INIT:
        shutil.rmtree(project.folder)
        project.folder.mkdir()
    before = snapshot(project.folder)
    folder = project.folder
    script = f'mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}; cd {folder}; exec "$@"'
    result = with_mounts(script, project, *command)
    assert result.returncode == 1
    assert result.stderr == (
        "error: .kaiwuctl-undo: Read-only file system; nothing was changed; "
        "make the folder writable and run the command again\n"
    )
    assert snapshot(project.folder) == before


def test_one_read_only_folder(project: CommandLine) -> None:
    folder = project.folder / "config" / "rbac"
    before = snapshot(project.folder)
    script = f'mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}; cd {project.folder}; exec "$@"'
    result = with_mounts(script, project, *CREATE_ONLY)
    assert result.returncode == 1
    assert result.stderr.startswith("error: config/rbac/")
    assert "Read-only file system; nothing was changed; make the folder writable" in result.stderr
    assert result.stderr.count("\n") == 1
    assert snapshot(project.folder) == before


def test_a_folder_without_permission(project: CommandLine) -> None:
    before = snapshot(project.folder)
    # Root may write everywhere, unless it goes without that privilege.
    unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    project.folder.chmod(0o555)
    try:
        result = subprocess.run(
            [*unprivileged, *project.argv(*CREATE_ONLY)],
            cwd=project.folder,
            env=project.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        project.folder.chmod(0o755)
    assert result.returncode == 1
    assert result.stderr == (
        "error: .kaiwuctl-undo: Permission denied; nothing was changed; "
        "make the folder writable and run the command again\n"
    )
    assert snapshot(project.folder) == before


def test_a_full_disk_at_every_size(project: CommandLine, tmp_path: Path) -> None:
    """The same command on ever larger file systems: it fails cleanly on each until it fits."""
    size = sum(-(-len(entry.content or b"") // 4096) * 4096 for entry in snapshot(project.folder).values())
    disk, result_folder = tmp_path / "disk", tmp_path / "result"
    disk.mkdir()
    before = snapshot(project.folder)
    outcomes = []
    for extra in range(0, 400 * 1024, 4 * 1024):
        shutil.rmtree(result_folder, ignore_errors=True)
        result_folder.mkdir()
        script = (
            f"mount -t tmpfs -o size={size + extra} tmpfs {disk}; cp -a {project.folder}/. {disk}; cd "
            f"{disk}; "
            f'status=0; "$@" || status=$?; cp -a {disk}/. {result_folder}; exit $status'
        )
        result = with_mounts(script, project, *CREATE_ONLY)
        if "cp:" in result.stderr:
            continue
        outcomes.append(result.returncode)
        if result.returncode == 0:
            break
        assert result.returncode == 1
        assert "No space left on device; nothing was changed; free some space" in result.stderr
        assert result.stderr.count("\n") == 1
        assert snapshot(result_folder) == before
    assert outcomes[-1] == 0
    assert outcomes.count(1) >= 1
    project.ok(*CREATE_ONLY)
    assert snapshot(result_folder) == snapshot(project.folder)


def start(command_line: CommandLine, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command_line.argv(*arguments),
        cwd=command_line.folder,
        env=command_line.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_runs_at_the_same_time(project: CommandLine) -> None:
    """Each of them succeeds or says that the other is at work; together they leave what one leaves."""
    other = ("create", "api", "--group", "kaiwu", "--version", "v1", "--kind", "Otter", "--make=false")
    refused = 0
    for _ in range(4):
        processes = [start(project, *command) for command in (CREATE_ONLY, other, CREATE_ONLY, other)]
        for process in processes:
            _, error = process.communicate(timeout=60)
            assert process.returncode in {0, 1}
            if process.returncode == 1:
                refused += 1
                assert error == (
                    f"error: {project.folder}: another kaiwuctl is at work here; run the command when it is done\n"
                )
    project.ok(*CREATE_ONLY)
    project.ok(*other)
    settled = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    project.ok(*other)
    assert snapshot(project.folder) == settled
    assert settled["PROJECT"].content is not None
    assert str(settled["PROJECT"].content).count("kind: ") == 2
    assert refused > 0


def test_a_run_waits_for_nobody(project: CommandLine) -> None:
    import fcntl

    descriptor = os.open(project.folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        before = snapshot(project.folder)
        assert "another kaiwuctl is at work here" in project.refused(*CREATE_ONLY, status=1)
        assert snapshot(project.folder) == before
    finally:
        os.close(descriptor)
    project.ok(*CREATE_ONLY)


def duration(command_line: CommandLine, *arguments: str) -> float:
    begin = time.perf_counter()
    command_line.ok(*arguments)
    return time.perf_counter() - begin


@pytest.fixture
def copies(tmp_path: Path, pristine: Path) -> Callable[[], CommandLine]:
    """Fresh copies of a project without an API, all at the same path."""

    def fresh() -> CommandLine:
        folder = tmp_path / "kaiwu-operator"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pristine, folder, symlinks=True)
        return CommandLine(folder)

    return fresh


MOMENTS = 24


def differences(found: dict[str, Entry], before: dict[str, Entry], after: dict[str, Entry]) -> dict[str, object]:
    """Return what is neither as before nor as after, for the message of a failed test."""
    names = {*found, *before, *after}
    return {
        name: found.get(name)
        for name in names
        if found.get(name) != before.get(name) or (found.get(name) != after.get(name) and name in after)
    }


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_the_middle(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    project = copies()
    before = snapshot(project.folder)
    length = duration(project, *CREATE_ONLY)
    after = snapshot(project.folder)
    stopped = 0
    for moment in range(MOMENTS):
        project = copies()
        process = start(project, *CREATE_ONLY)
        time.sleep(length * moment / MOMENTS)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        found = snapshot(project.folder)
        assert found in (before, after), (moment, process.returncode, error, differences(found, before, after))
        if process.returncode == 0:
            assert found == after
        elif process.returncode == 128 + number:
            stopped += 1
            assert error in {
                "error: interrupted; nothing was changed\n",
                "error: interrupted after everything was written\n",
            }
            assert found == (before if "nothing" in error else after)
        else:
            # Before or after kaiwuctl's own lines ran, where Python still has its own handlers.
            assert process.returncode in {-number, 1}, error
    assert stopped >= MOMENTS // 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_that_a_library_drops(copies: Callable[[], CommandLine], number: signal.Signals) -> None:
    """ruamel.yaml has bare `except:` lines; what it makes after one of them may lack a comment."""
    project = copies()
    before = snapshot(project.folder)
    code = (
        "import os, sys\n"
        "from ruamel.yaml.serializer import Serializer\n"
        "from kaiwuctl.cli import main\n"
        "original = Serializer.serialize\n"
        "def interrupted(*arguments):\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    except BaseException:\n"
        "        print('dropped')\n"
        "    return original(*arguments)\n"
        "Serializer.serialize = interrupted\n"
        f"sys.exit(main({list(CREATE_ONLY)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, text=True, check=False)
    assert "dropped" in result.stdout
    assert (result.returncode, result.stderr) == (128 + number, "error: interrupted; nothing was changed\n")
    assert snapshot(project.folder) == before


def test_the_end_of_the_process_in_the_middle(copies: Callable[[], CommandLine]) -> None:
    project = copies()
    length = duration(project, *CREATE_ONLY)
    after = snapshot(project.folder)
    killed = 0
    for moment in range(MOMENTS):
        project = copies()
        process = start(project, *CREATE_ONLY)
        time.sleep(length * moment / MOMENTS)
        process.kill()
        process.communicate(timeout=60)
        killed += process.returncode == -signal.SIGKILL
        result = project.run(*CREATE_ONLY)
        assert result.returncode == 0, moment
        assert result.stderr in {
            "",
            "warning: An earlier run was interrupted; what it had written was undone\n",
        }
        assert snapshot(project.folder) == after, moment
    # Where the machine was busy while the length was measured, later moments come after the end.
    assert killed >= MOMENTS // 4


def leave_interrupted(project: CommandLine, arguments: tuple[str, ...] = CREATE_ONLY) -> None:
    """Let a run die when it has renamed every file and only its list is still there."""
    code = (
        "import os, signal, sys\n"
        "from kaiwuctl.cli import main\n"
        "def hook(event, arguments):\n"
        "    if event == 'os.remove' and str(arguments[0]).endswith('journal.json'):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(hook)\n"
        f"sys.exit(main({list(arguments)!r}))\n"
    )
    command = [project.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=project.folder, env=project.env(), capture_output=True, check=False)
    assert result.returncode == -signal.SIGKILL


@pytest.mark.parametrize("other", [False, True], ids=["same-flags", "other-flags"])
def test_init_after_a_killed_init(empty: CommandLine, other: bool) -> None:
    """What the killed run recorded counts no more than what it wrote."""
    leave_interrupted(empty, INIT)
    assert (empty.folder / "PROJECT").is_file()
    again = ("init", "--domain", "other.org") if other else INIT
    result = empty.run(*again)
    assert result.returncode == 0, result.stderr
    assert result.stderr == "warning: An earlier run was interrupted; what it had written was undone\n"
    assert ("other.org" in (empty.folder / "PROJECT").read_text()) == other
    before = snapshot(empty.folder)
    empty.ok(*again)
    assert snapshot(empty.folder) == before


def test_create_api_after_a_killed_init(empty: CommandLine) -> None:
    leave_interrupted(empty, INIT)
    result = empty.run(*CREATE_ONLY)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith("error: PROJECT: not found in this folder; start a project")
    assert list(empty.folder.iterdir()) == []


def test_the_next_run_undoes_what_a_killed_one_left(project: CommandLine) -> None:
    before = snapshot(project.folder)
    leave_interrupted(project)
    assert snapshot(project.folder) != before
    result = project.run("init")
    assert result.returncode == 0
    assert result.stderr == "warning: An earlier run was interrupted; what it had written was undone\n"
    assert snapshot(project.folder) == before


def test_a_dry_run_does_not_undo_what_a_killed_one_left(project: CommandLine) -> None:
    leave_interrupted(project)
    before = snapshot(project.folder)
    error = project.refused(*CREATE_ONLY, "--dry-run", status=1)
    assert error == (
        "error: .kaiwuctl-undo: a run was interrupted here; run the command without --dry-run to undo it\n"
    )
    assert snapshot(project.folder) == before


def test_ctrl_c_during_make(project: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "make").write_text("#!/bin/sh\necho started\nexec sleep 60\n")
    (folder / "make").chmod(0o755)
    command_line = CommandLine(project.folder, {"PATH": f"{folder}:{os.environ['PATH']}"})
    process = start(command_line, *CREATE)
    assert process.stdout is not None
    while "started" not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert error == (
        "error: `make generate manifests` was interrupted; the scaffold is complete and recorded: correct "
        "the cause "
        "and run make generate manifests\n"
    )
    assert project.ok(*CREATE_ONLY) == "Nothing to do: everything is there already.\n"
