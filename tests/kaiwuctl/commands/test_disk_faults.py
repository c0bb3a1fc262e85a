"""A disk that is full or read-only, under every command that writes: one line, and the tree as before."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from kaiwuctl.commands import COMMANDS

from ..go_operator import shop_crd, write_go_operator
from .command_line import CREATE_ONLY, INIT, CommandLine, snapshot
from .test_faults import with_mounts
from .webhook_commands import CONVERT, HOOK, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    Prepare = Callable[["Case", Path], tuple[CommandLine, list[str]]]

INIT_OF_THE_CRD = ("init", "--domain", "example.com", "--multigroup")
OF_KIND = ("--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster", "--make=false")


@dataclass(frozen=True)
class Case:
    """A command that writes.

    Attributes:
        words: The command.
        before: The commands that make the project it runs in.
    """

    words: tuple[str, ...]
    before: tuple[tuple[str, ...], ...] = ()


CASES = [
    Case(INIT),
    Case(CREATE_ONLY, (INIT,)),
    Case((*HOOK, "--defaulting", "--validation"), (INIT, CREATE_ONLY)),
    Case((*CONVERT, "--force"), (INIT, CREATE_ONLY, SECOND)),
    Case(("edit", "--multigroup", "--make=false"), (INIT, CREATE_ONLY)),
    Case(("edit", "--namespaced", "--owner", "Inspur", "--make=false"), (INIT, CREATE_ONLY)),
    Case(("delete", "api", *OF_KIND, "--with-webhooks"), (INIT, CREATE_ONLY, (*HOOK, "--validation"))),
    Case(("delete", "webhook", *OF_KIND), (INIT, CREATE_ONLY, (*HOOK, "--defaulting"))),
    Case(("import", "crd", "{sources}/shops.yaml", "--controller", "--make=false"), (INIT_OF_THE_CRD,)),
    Case(("import", "project", "{sources}/go", "--make=false")),
]
IDS = [" ".join(case.words[:3]) for case in CASES]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is imported."""
    root = tmp_path_factory.mktemp("sources")
    (root / "shops.yaml").write_text(yaml.safe_dump(shop_crd()))
    write_go_operator(root / "go")
    return root


@pytest.fixture(scope="module")
def prepared(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    """Return a function that copies the project that a command runs in, which is made once."""
    made: dict[tuple[tuple[str, ...], ...], Path] = {}

    def prepare(case: Case, root: Path) -> tuple[CommandLine, list[str]]:
        if case.before not in made:
            folder = tmp_path_factory.mktemp("prepared") / "kaiwu-operator"
            folder.mkdir()
            for words in case.before:
                CommandLine(folder).ok(*words)
            made[case.before] = folder
        target = root / "kaiwu-operator"
        shutil.copytree(made[case.before], target, symlinks=True)
        return CommandLine(target), [word.format(sources=sources) for word in case.words]

    return prepare


def test_every_command_that_writes_is_here() -> None:
    # Envtest writes its own folder, not the project's.
    writing = {row.path for row in COMMANDS} - {("completion",), ("version",)}
    assert {path for path in writing if path[0] != "envtest"} == {
        next(row.path for row in COMMANDS if case.words[: len(row.path)] == row.path) for case in CASES
    }


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_read_only_file_system(case: Case, tmp_path: Path, prepared: Prepare) -> None:
    project, words = prepared(case, tmp_path)
    before, folder = snapshot(project.folder), project.folder
    script = f'mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}; cd {folder}; exec "$@"'
    result = with_mounts(script, project, *words)
    assert result.returncode == 1
    assert result.stderr == (
        "error: .kaiwuctl-undo: Read-only file system; nothing was changed; "
        "make the directory writable and run the command again\n"
    )
    assert snapshot(folder) == before


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_read_only_file(case: Case, tmp_path: Path, prepared: Prepare) -> None:
    """Each file that the command changes is read-only in turn, as a mounted one is."""
    project, words = prepared(case, tmp_path)
    before, folder = snapshot(project.folder), project.folder
    done = tmp_path / "done" / folder.name
    shutil.copytree(folder, done, symlinks=True)
    CommandLine(done).ok(*words)
    after = snapshot(done)
    changed = [name for name, entry in before.items() if isinstance(entry.content, bytes) and after.get(name) != entry]
    # The first, the last and one of the middle: the first write, the last, and one with something to undo.
    for name in {changed[0], changed[len(changed) // 2], changed[-1]} if changed else ():
        file = folder / name
        script = f'mount --bind {file} {file}; mount -o remount,ro,bind {file}; cd {folder}; exec "$@"'
        result = with_mounts(script, project, *words)
        assert result.returncode == 1, (name, result.stderr)
        assert result.stderr.startswith("error: "), result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        assert "nothing was changed" in result.stderr
        assert snapshot(folder) == before, name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_full_disk(case: Case, tmp_path: Path, prepared: Prepare) -> None:
    """The same command on ever larger file systems: it fails cleanly on each until it fits."""
    project, words = prepared(case, tmp_path)
    folder, disk, found = project.folder, tmp_path / "disk", tmp_path / "found"
    disk.mkdir()
    before = snapshot(folder)
    size = sum(-(-len(entry.content or b"") // 4096) * 4096 for entry in before.values())
    statuses = []
    for extra in (0, 8, 24, 72, 200, 600, 1800):
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir()
        script = (
            f"mount -t tmpfs -o size={size + extra * 1024 + 4096} tmpfs {disk}; cp -a {folder}/. {disk}; cd {disk}; "
            f'status=0; "$@" || status=$?; cp -a {disk}/. {found}; exit $status'
        )
        result = with_mounts(script, project, *words)
        if "cp:" in result.stderr:
            continue
        statuses.append(result.returncode)
        if result.returncode == 0:
            break
        assert result.returncode == 1
        assert "No space left on device; nothing was changed; free some space" in result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        assert snapshot(found) == before
    assert statuses[-1] == 0
    assert 1 in statuses


@pytest.mark.parametrize("case", [CASES[0], CASES[-1]], ids=[IDS[0], IDS[-1]])
def test_a_full_folder_for_temporary_files(case: Case, tmp_path: Path, prepared: Prepare) -> None:
    """What is built there first does not fit: the message names that folder, not one of the project."""
    project, words = prepared(case, tmp_path)
    before, disk = snapshot(project.folder), tmp_path / "small"
    disk.mkdir()
    statuses = []
    for size in (8, 64, 160, 640, 2560, 10240):
        script = (
            f"mount -t tmpfs -o size={size}k tmpfs {disk}; cd {project.folder}; status=0; "
            f'TMPDIR={disk} "$@" || status=$?; ls -A {disk} >&2; exit $status'
        )
        result = with_mounts(script, project, *words)
        statuses.append(result.returncode)
        if result.returncode == 0:
            assert result.stderr == ""
            break
        assert result.returncode == 1
        assert result.stderr.startswith(f"error: {disk}: ")
        assert "No space left on device; nothing was changed; free some space" in result.stderr
        assert result.stderr.count("\n") == 1, result.stderr
        assert snapshot(project.folder) == before
    assert statuses[-1] == 0
    assert 1 in statuses


def test_no_folder_for_temporary_files(tmp_path: Path, prepared: Prepare) -> None:
    project, words = prepared(CASES[0], tmp_path)
    places = ["/tmp", "/var/tmp", *(["/usr/tmp"] if Path("/usr/tmp").is_dir() else []), str(project.folder)]
    binds = "; ".join(f"mount --bind {place} {place}; mount -o remount,ro,bind {place}" for place in places)
    result = with_mounts(f'unset TMPDIR TEMP TMP; {binds}; cd {project.folder}; exec "$@"', project, *words)
    assert (result.returncode, result.stderr) == (
        1,
        "error: no temporary directory can be written; nothing was changed; set TMPDIR to one that can\n",
    )
