"""A plan is carried out whole or not at all, whatever happens at whatever moment.

Python's audit hooks report every file operation before it happens. The tests run one write once per operation
and let a fault strike exactly there: a full disk, a signal, the end of the process.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.errors import WriteError
from kaiwuctl.scaffold.journal import FOLDER, Journal
from kaiwuctl.scaffold.write import recover, write

from .interruptions import _OPERATIONS, after, execute_plan, full_disk, in_child, kill, plan_for, strike, tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with files of its own."""
    root = tmp_path / "project"
    (root / "config/crd").mkdir(parents=True)
    (root / "config/crd/kustomization.yaml").write_text("resources:\n- a\n")
    (root / "config/crd/mine.yaml").write_text("mine\n")
    (root / "PROJECT").write_text("old\n")
    (root / "PROJECT").chmod(0o600)
    (root / "api/v2/deep").mkdir(parents=True)
    (root / "api/v2/deep/old_types.py").write_text("old types\n")
    (root / "api/v2/deep").chmod(0o750)
    (root / "docs").mkdir()
    (root / "docs/page.md").write_text("page\n")
    (root / "hooks.sh").write_text("#!/bin/sh\n")
    (root / "hooks.sh").chmod(0o755)
    return root


def test_a_write_gives_the_planned_tree(root: Path) -> None:
    execute_plan(root)
    result = tree(root)
    assert {path: entry.content for path, entry in result.items() if entry.content is not None} == {
        "PROJECT": b"new\n",
        "api/v1/__init__.py": b"",
        "api/v1/kaiwu_types.py": b"types\n" * 2000,
        "config/crd/kustomization.yaml": b"resources:\n- a\n- b\n",
        "config/crd/mine.yaml": b"theirs\n",
        "docs/reference/page.md": b"page\nmoved\n",
        "hack/hooks.sh": b"#!/bin/sh\n",
        "hack/run.sh": b"#!/bin/sh\n",
    }
    # The folder that a deletion leaves empty goes; one in which something is written stays.
    assert "api/v2" not in result
    assert "docs" in result
    assert oct(result["hack/hooks.sh"].mode & 0o7777) == "0o755"
    assert oct(result["api/v1/kaiwu_types.py"].mode & 0o7777) == "0o644"
    assert oct(result["hack/run.sh"].mode & 0o7777) == "0o755"
    assert oct(result["PROJECT"].mode & 0o7777) == "0o600"


def test_the_umask_does_not_decide_the_modes(root: Path) -> None:
    previous = os.umask(0o077)
    try:
        execute_plan(root)
    finally:
        os.umask(previous)
    assert oct((root / "hack/run.sh").stat().st_mode & 0o7777) == "0o755"


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "from-then-on"])
def test_a_full_disk_at_every_moment(root: Path, tmp_path: Path, lasting: bool) -> None:
    before, planned = tree(root), after(root, tmp_path)
    fresh = tmp_path / "fresh"
    shutil.copytree(root, fresh)
    statuses = []
    for moment in range(1, 500):
        shutil.rmtree(root)
        shutil.copytree(fresh, root)
        status = in_child(strike(root, moment, full_disk, lasting=lasting))
        statuses.append(status)
        assert status in {0, 3, 6}, moment
        if not lasting and status == 3:
            assert tree(root) == before, moment
        recover(root)
        assert tree(root) == (before if status == 3 else planned), moment
        if status == 0:
            break
    assert statuses.count(3) > 20


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_every_moment(root: Path, tmp_path: Path, number: int) -> None:
    before, planned = tree(root), after(root, tmp_path)
    statuses = []
    for moment in range(1, 500):
        status = in_child(strike(root, moment, kill(number)))
        statuses.append(status)
        assert status in {0, 4, 5}, moment
        assert tree(root) == (before if status == 4 else planned), moment
        if status != 4:
            break
    assert statuses.count(4) > 20


def test_the_end_of_the_process_at_every_moment(root: Path, tmp_path: Path) -> None:
    before, planned = tree(root), after(root, tmp_path)
    outcomes = []
    for moment in range(1, 500):
        status = in_child(strike(root, moment, kill(signal.SIGKILL)))
        if status == 0:
            break
        assert status == -signal.SIGKILL, moment
        recover(root)
        outcome = tree(root)
        assert outcome in (before, planned), moment
        outcomes.append(outcome)
        if outcome == planned:
            break
    assert outcomes.count(before) > 20
    assert outcomes[-1] == planned


def test_the_end_of_the_process_while_it_is_undone(root: Path, tmp_path: Path) -> None:
    before = tree(root)

    def die_before_the_last_sync() -> None:
        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event == "os.rename" and str(arguments[1]).endswith("PROJECT"):
                os.kill(os.getpid(), signal.SIGKILL)

        changes = list(plan_for(root).changes())
        sys.addaudithook(hook)
        write(root, changes)

    for moment in range(1, 500):
        assert in_child(die_before_the_last_sync) == -signal.SIGKILL
        assert Journal.left_over(root)

        def recover_and_die(moment: int = moment) -> None:
            count = 0

            def hook(event: str, arguments: tuple[object, ...]) -> None:
                nonlocal count
                count += event in _OPERATIONS
                if count == moment:
                    os.kill(os.getpid(), signal.SIGKILL)

            sys.addaudithook(hook)
            recover(root)
            os._exit(0)

        status = in_child(recover_and_die)
        recover(root)
        assert tree(root) == before, moment
        if status == 0:
            break
    assert moment > 10


def test_what_a_killed_run_left_is_reported(root: Path) -> None:
    def die() -> None:
        changes = list(plan_for(root).changes())
        sys.addaudithook(lambda event, _: os.kill(os.getpid(), signal.SIGKILL) if event == "os.rmdir" else None)
        sys.addaudithook(
            lambda event, arguments: (
                os.kill(os.getpid(), signal.SIGKILL)
                if event == "os.remove" and str(arguments[0]).endswith("journal.json")
                else None
            )
        )
        write(root, changes)

    before = tree(root)
    assert in_child(die) == -signal.SIGKILL
    assert recover(root) == "An earlier run was interrupted; what it had written was undone"
    assert recover(root) == ""
    assert tree(root) == before
    assert in_child(die) == -signal.SIGKILL
    (root / "hack/run.sh").write_text("edited since\n")
    (root / "PROJECT").write_text("edited since\n")
    assert recover(root).endswith("; changed since and kept: hack/run.sh, PROJECT")
    assert (root / "hack/run.sh").read_text() == "edited since\n"
    assert (root / "PROJECT").read_text() == "edited since\n"
    assert not (root / "api/v1").exists()


def test_an_unreadable_list_is_reported(root: Path) -> None:
    (root / FOLDER).mkdir()
    (root / FOLDER / "journal.json").write_text("{")
    with pytest.raises(WriteError, match=r"^\.kaiwuctl-undo: .* its list is unreadable; restore the project"):
        recover(root)


def test_a_file_saved_meanwhile_is_not_replaced(root: Path) -> None:
    changes = list(plan_for(root).changes())
    (root / "config/crd/mine.yaml").write_text("saved by an editor\n")
    before = tree(root)
    with pytest.raises(WriteError, match=r"^config/crd/mine\.yaml: was changed by another program"):
        write(root, changes)
    assert tree(root) == before


def test_a_file_created_meanwhile_is_not_replaced(root: Path) -> None:
    changes = list(plan_for(root).changes())
    (root / "hack").mkdir()
    (root / "hack/run.sh").write_text("mine\n")
    before = tree(root)
    with pytest.raises(WriteError, match=r"^hack/run\.sh: was changed by another program"):
        write(root, changes)
    assert tree(root) == before


def test_a_file_saved_before_it_is_deleted_stays(root: Path) -> None:
    changes = list(plan_for(root).changes())
    (root / "api/v2/deep/old_types.py").write_text("saved by an editor\n")
    before = tree(root)
    with pytest.raises(WriteError, match=r"^api/v2/deep/old_types\.py: was changed by another program"):
        write(root, changes)
    assert tree(root) == before


def test_a_folder_that_got_a_file_meanwhile_stays(root: Path) -> None:
    changes = list(plan_for(root).changes())

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rmdir" and str(arguments[0]).endswith("deep"):
            (root / "api/v2/deep/new.py").write_text("new\n")

    def body() -> None:
        sys.addaudithook(hook)
        write(root, changes)
        os._exit(0)

    assert in_child(body) == 0
    assert [path.name for path in (root / "api/v2/deep").iterdir()] == ["new.py"]
    assert recover(root) == ""


def killed_at_the_end(root: Path) -> None:
    """Write the plan and die before the list is removed."""

    def body() -> None:
        changes = list(plan_for(root).changes())

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            if event == "os.remove" and str(arguments[0]).endswith("journal.json"):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        write(root, changes)

    assert in_child(body) == -signal.SIGKILL


def test_what_was_put_where_a_file_was_deleted_is_kept(root: Path) -> None:
    killed_at_the_end(root)
    assert not (root / "api/v2").exists()
    (root / "api/v2/deep").mkdir(parents=True)
    (root / "api/v2/deep/old_types.py").write_text("written since\n")
    assert recover(root).endswith("; changed since and kept: api/v2/deep/old_types.py")
    assert (root / "api/v2/deep/old_types.py").read_text() == "written since\n"
    assert (root / "hooks.sh").read_text() == "#!/bin/sh\n"
    assert not (root / "hack/hooks.sh").exists()


def test_a_deleted_file_is_not_restored_through_a_link(root: Path, tmp_path: Path) -> None:
    killed_at_the_end(root)
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "deep").mkdir(parents=True)
    (root / "api/v2").symlink_to(elsewhere)
    assert "kept: api/v2/deep/old_types.py" in recover(root)
    assert list((elsewhere / "deep").iterdir()) == []


def test_a_limit_on_file_sizes(root: Path) -> None:
    before = tree(root)

    def body() -> None:
        import resource

        changes = list(plan_for(root).changes())
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, 8000))
        try:
            write(root, changes)
        except WriteError as error:
            expected = "api/v1/kaiwu_types.py: File too large; nothing was changed; raise the limit"
            os._exit(3 if error.message.startswith(expected) else 1)

    assert in_child(body) == 3
    assert tree(root) == before


def test_a_folder_that_is_deleted_meanwhile_is_not_made_again(root: Path) -> None:
    """At any moment: the write fails, or it was over, or it had nothing more to do in there."""

    def delete() -> None:
        # Not shutil, whose own changes would be counted.
        subprocess.run(["rm", "-rf", str(root)], check=True)

    kept = root.with_name("kept")
    shutil.copytree(root, kept)
    for moment in range(1, 200):
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(kept, root)
        status = in_child(strike(root, moment, delete))
        if status == 0:
            break
        assert status in {3, 6}, moment
        assert not root.exists(), moment
    assert status == 0
    assert moment > 20
