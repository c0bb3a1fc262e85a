"""The record says what kaiwuctl wrote, and a damaged one is one line."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from kaiwuctl import __version__
from kaiwuctl.errors import ContentError
from kaiwuctl.scaffold.plan import Plan
from kaiwuctl.scaffold.record import RECORD_FILE, Record, WrittenFile, add_record
from kaiwuctl.scaffold.render import RenderedFile
from kaiwuctl.scaffold.write import write

from ..commands.command_line import CREATE_ONLY, INIT, CommandLine, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def run(root: Path, change: Callable[[Plan], None], *, force: bool = False) -> Record:
    """Carry out a plan with its record, and return the record that is there afterwards."""
    plan = Plan(root, force=force)
    change(plan)
    add_record(plan, Record.load(root))
    plan.check()
    write(root, list(plan.changes()))
    return Record.load(root)


def test_what_is_written_is_recorded(tmp_path: Path) -> None:
    record = run(tmp_path, lambda plan: plan.add(RenderedFile("a/b", b"1\n"), recorded=False))
    assert record.files == {"a/b": WrittenFile(digest(b"1\n"), __version__)}
    assert record.is_unchanged("a/b", b"1\n")
    assert not record.is_unchanged("a/b", b"2\n")
    assert not record.is_unchanged("c", b"1\n")


def test_what_the_user_has_changed_keeps_its_entry(tmp_path: Path) -> None:
    run(tmp_path, lambda plan: plan.add(RenderedFile("a", b"1\n"), recorded=False))
    (tmp_path / "a").write_text("mine\n")

    def again(plan: Plan) -> None:
        plan.add(RenderedFile("a", b"1\n"), recorded=True)
        plan.add(RenderedFile("b", b"2\n"), recorded=False)

    assert run(tmp_path, again).files["a"].sha256 == digest(b"1\n")
    assert run(tmp_path, again, force=True).files["a"].sha256 == digest(b"1\n")
    assert (tmp_path / "a").read_text() == "1\n"


def test_a_merge_into_a_file_of_the_users_leaves_it_the_users(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x\n")

    def merge(plan: Plan) -> None:
        for path in ("ours", "theirs"):
            plan.merge(path, lambda text: f"{text or ''}y\n")

    assert run(tmp_path, merge).files.keys() == {"ours"}
    record = run(tmp_path, merge)
    assert record.files.keys() == {"ours"}
    assert record.is_unchanged("ours", b"y\ny\n")
    (tmp_path / "ours").write_text("edited\n")
    assert not run(tmp_path, merge).is_unchanged("ours", (tmp_path / "ours").read_bytes())


def test_moves_and_deletions_are_recorded(tmp_path: Path) -> None:
    def create(plan: Plan) -> None:
        for path in ("gone", "moved", "edited"):
            plan.add(RenderedFile(path, b"1\n"), recorded=False)

    run(tmp_path, create)
    (tmp_path / "edited").write_text("mine\n")

    def change(plan: Plan) -> None:
        plan.delete("gone", recorded=digest(b"1\n"))
        plan.move("moved", "new/moved", lambda _: b"2\n")
        plan.move("edited", "new/edited")

    record = run(tmp_path, change)
    assert record.files.keys() == {"new/moved", "new/edited"}
    assert record.is_unchanged("new/moved", b"2\n")
    assert not record.is_unchanged("new/edited", b"mine\n")


def test_a_plan_that_changes_nothing_leaves_no_record(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n")
    assert run(tmp_path, lambda plan: plan.add(RenderedFile("a", b"1\n"), recorded=False)) == Record()
    assert not (tmp_path / RECORD_FILE).exists()


def test_the_commands_record_answers_options_and_files(empty: CommandLine) -> None:
    header = empty.folder.parent / "header.txt"
    header.write_text("Ours.\n")
    empty.ok(*INIT, "--owner", "Jos\u00e9 Ltd", "--license-file", str(header))
    empty.ok(*CREATE_ONLY, "--namespaced=false")
    text = (empty.folder / RECORD_FILE).read_text(encoding="utf-8")
    loaded = json.loads(text)
    assert text == json.dumps(loaded, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    assert loaded["init"] == {
        "domain": "inspur.com",
        "license": "custom",
        "multigroup": False,
        "namespaced": False,
        "owner": "Jos\u00e9 Ltd",
        "project_name": "kaiwu-operator",
        "repo": "github.com/inspur/kaiwu-operator",
    }
    (options,) = loaded["create"]
    assert options == {
        "controller": True,
        "controller_name": "kaiwucluster",
        "group": "kaiwu",
        "kind": "KaiwuCluster",
        "namespaced": False,
        "plural": "kaiwuclusters",
        "resource": True,
        "version": "v1",
    }
    present = {
        path: entry.content for path, entry in snapshot(empty.folder).items() if isinstance(entry.content, bytes)
    }
    del present[RECORD_FILE]
    assert loaded["files"] == {
        path: {"sha256": digest(content), "version": __version__} for path, content in present.items()
    }
    before = snapshot(empty.folder)
    assert empty.ok(*CREATE_ONLY) == "Nothing to do: everything is there already.\n"
    assert empty.ok("init") == "Nothing to do: everything is there already.\n"
    assert snapshot(empty.folder) == before


def test_a_project_of_an_older_version(project: CommandLine) -> None:
    """Everything in it is the user's; what is added now is recorded."""
    shutil.rmtree(project.folder / ".kaiwuctl")
    assert project.ok("init") == "Nothing to do: everything is there already.\n"
    assert not (project.folder / RECORD_FILE).exists()
    project.ok(*CREATE_ONLY)
    record = Record.load(project.folder)
    assert record.init == {}
    assert len(record.create) == 1
    assert "api/v1/kaiwucluster_types.py" in record.files
    assert "Makefile" not in record.files
    assert "config/rbac/kustomization.yaml" not in record.files


GOOD: dict[str, Any] = {
    "version": 1,
    "init": {
        "domain": "inspur.com",
        "license": "none",
        "multigroup": False,
        "namespaced": False,
        "owner": "",
        "project_name": "kaiwu",
        "repo": "example.com/kaiwu",
    },
    "create": [],
    "files": {"a": {"sha256": "0" * 64, "version": "0.1.0"}},
}
ENTRY = GOOD["files"]["a"]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "line 1: not valid JSON"),
        ("{\n<<<<<<< ours\n", "line 2: not valid JSON"),
        (b"\xff", "not UTF-8 text"),
        ("[" * 100_000, "not valid JSON"),
        ("1" * 5000, "not valid JSON"),
        ([], "must be a JSON object"),
        ({**GOOD, "version": 2}, "version must be 1, the one that this kaiwuctl knows"),
        ({**GOOD, "more": 1}, "unknown key 'more'"),
        ({**GOOD, "init": 1}, "init must be an object with domain, license"),
        ({**GOOD, "init": {"domain": "inspur.com"}}, "init must be an object with domain, license"),
        ({**GOOD, "init": {**GOOD["init"], "domain": "X Y"}}, "init.domain 'X Y': must be lower-case DNS labels"),
        ({**GOOD, "init": {**GOOD["init"], "owner": "a\nb"}}, "init.owner"),
        ({**GOOD, "init": {**GOOD["init"], "license": 3}}, "init.license must be text"),
        ({**GOOD, "init": {**GOOD["init"], "multigroup": "yes"}}, "init.multigroup must be true or false"),
        ({**GOOD, "create": {}}, "create must be a list"),
        ({**GOOD, "create": [{}]}, r"create\[0\] must be an object with controller"),
        ({**GOOD, "files": []}, "files must be an object"),
        ({**GOOD, "files": {"../a": ENTRY}}, "'../a' is not a path below the project"),
        ({**GOOD, "files": {"/a": ENTRY}}, "'/a' is not a path below the project"),
        ({**GOOD, "files": {"a": "x"}}, "'a' must be an object with sha256 and version"),
        ({**GOOD, "files": {"a": {**ENTRY, "sha256": "0"}}}, "'a': sha256 must be 64 hexadecimal digits"),
        ({**GOOD, "files": {"a": {**ENTRY, "version": "x y"}}}, "'a': version must be a version of kaiwuctl"),
    ],
)
def test_a_damaged_record_is_one_line(tmp_path: Path, content: object, problem: str) -> None:
    (tmp_path / ".kaiwuctl").mkdir()
    raw = (
        content
        if isinstance(content, bytes)
        else (content if isinstance(content, str) else json.dumps(content)).encode()
    )
    (tmp_path / RECORD_FILE).write_bytes(raw)
    with pytest.raises(ContentError) as caught:
        Record.load(tmp_path)
    assert re.match(rf"\.kaiwuctl/scaffold\.json: {problem}", caught.value.message), caught.value.message
    assert caught.value.message.endswith(
        "; restore it from version control, or remove it, and every file counts as yours"
    )
    assert "\n" not in caught.value.message


def test_a_good_record_is_read(tmp_path: Path) -> None:
    (tmp_path / ".kaiwuctl").mkdir()
    (tmp_path / RECORD_FILE).write_text(json.dumps(GOOD))
    record = Record.load(tmp_path)
    assert json.loads(record.dumps()) == GOOD


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd"), lambda path: path.mkdir()])
def test_a_record_that_is_not_a_regular_file_is_refused(project: CommandLine, make: Callable[[Path], None]) -> None:
    (project.folder / RECORD_FILE).unlink()
    make(project.folder / RECORD_FILE)
    before = set(project.folder.rglob("*"))
    assert RECORD_FILE in project.refused(*CREATE_ONLY, status=1)
    assert set(project.folder.rglob("*")) == before
