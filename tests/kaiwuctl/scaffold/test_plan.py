"""A plan says what happens to every file, and refuses as a whole when one is in the way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.errors import CollisionError
from kaiwuctl.scaffold.files import Policy
from kaiwuctl.scaffold.plan import Action, Plan
from kaiwuctl.scaffold.render import RenderedFile
from kaiwuctl.scaffold.report import show_plan, summary

if TYPE_CHECKING:
    from pathlib import Path

NEW = RenderedFile("api/v1/kaiwu_types.py", b"new\n")


def put(root: Path, path: str, content: bytes) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)


@pytest.mark.parametrize(
    ("present", "recorded", "force", "action"),
    [
        (None, False, False, Action.CREATE),
        (None, True, False, Action.CREATE),
        (b"new\n", False, False, Action.KEEP),
        (b"new\n", True, True, Action.KEEP),
        (b"mine\n", True, False, Action.KEEP),
        (b"mine\n", True, True, Action.OVERWRITE),
        (b"mine\n", False, True, Action.OVERWRITE),
    ],
)
def test_action(tmp_path: Path, present: bytes | None, recorded: bool, force: bool, action: Action) -> None:
    if present is not None:
        put(tmp_path, NEW.path, present)
    plan = Plan(tmp_path, force=force)
    plan.add(NEW, recorded=recorded)
    plan.check()
    (file,) = plan.files
    assert file.action is action
    assert file.before == present
    assert file.content == (present if action is Action.KEEP else b"new\n")


def test_every_collision_is_listed(tmp_path: Path) -> None:
    for path in ("b", "a/c", "same"):
        put(tmp_path, path, b"mine\n")
    plan = Plan(tmp_path)
    for path in ("b", "a/c", "a/new"):
        plan.add(RenderedFile(path, b"theirs\n"), recorded=False)
    plan.add(RenderedFile("same", b"mine\n"), recorded=False)
    with pytest.raises(CollisionError, match="2 files exist and differ") as caught:
        plan.check()
    assert caught.value.details == ("a/c", "b")


@pytest.mark.parametrize("force", [True, False])
def test_a_shared_file_is_written_once(tmp_path: Path, force: bool) -> None:
    put(tmp_path, "api/__init__.py", b"mine\n")
    plan = Plan(tmp_path, force=force)
    plan.add(RenderedFile("api/__init__.py", b"new\n"), recorded=False, policy=Policy.ONCE)
    plan.check()
    assert plan.files[0].action is Action.KEEP


@pytest.mark.parametrize(
    ("make", "detail"),
    [
        (lambda root: (root / "api").symlink_to(root), "api is a symbolic link"),
        (lambda root: (root / "api").symlink_to("nowhere"), "api is a symbolic link"),
        (lambda root: put(root, "api", b""), "api is not a directory"),
        (lambda root: (root / NEW.path).mkdir(parents=True), "api/v1/kaiwu_types.py is a directory, not a file"),
    ],
    ids=["linked-folder", "dangling-link", "file-for-folder", "folder-for-file"],
)
@pytest.mark.parametrize("force", [True, False])
def test_what_is_no_file_is_never_replaced(tmp_path: Path, make: object, detail: str, force: bool) -> None:
    assert callable(make)
    make(tmp_path)
    plan = Plan(tmp_path, force=force)
    plan.add(NEW, recorded=False)
    plan.merge(NEW.path, lambda text: text or "x")
    with pytest.raises(CollisionError, match="nothing was written") as caught:
        plan.check()
    assert caught.value.details == (detail,)


def test_a_linked_file_is_refused_even_when_its_content_is_the_same(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere", NEW.content)
    put(tmp_path, "api/v1/other", b"")
    (tmp_path / NEW.path).symlink_to(tmp_path / "elsewhere")
    plan = Plan(tmp_path)
    plan.add(NEW, recorded=True)
    with pytest.raises(CollisionError):
        plan.check()


def test_a_merge_creates_changes_or_keeps(tmp_path: Path) -> None:
    put(tmp_path, "same", b"a\n")
    put(tmp_path, "old", b"a\n")
    plan = Plan(tmp_path)
    plan.merge("new", lambda text: f"{text or ''}b\n")
    plan.merge("old", lambda text: f"{text or ''}b\n")
    plan.merge("same", lambda _: "a\n")
    assert [(file.path, file.action, file.content) for file in plan.files] == [
        ("new", Action.CREATE, b"b\n"),
        ("old", Action.CHANGE, b"a\nb\n"),
        ("same", Action.KEEP, b"a\n"),
    ]
    assert [file.path for file in plan.changes()] == ["new", "old"]


def test_a_merge_of_what_is_no_text_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "old", b"\xff")
    with pytest.raises(CollisionError, match="old: is not UTF-8 text"):
        Plan(tmp_path).merge("old", lambda text: text or "")


def test_modes(tmp_path: Path) -> None:
    put(tmp_path, "old", b"a\n")
    (tmp_path / "old").chmod(0o640)
    plan = Plan(tmp_path, force=True)
    plan.add(RenderedFile("script", b"", executable=True), recorded=False)
    plan.add(RenderedFile("text", b""), recorded=False)
    plan.add(RenderedFile("old", b"b\n"), recorded=False)
    assert [oct(file.mode) for file in plan.files] == ["0o755", "0o644", "0o640"]


def test_diff(tmp_path: Path) -> None:
    put(tmp_path, "text", b"a\nb\n")
    put(tmp_path, "binary", b"\xff")
    plan = Plan(tmp_path, force=True)
    plan.add(RenderedFile("text", b"a\nc\n"), recorded=False)
    plan.add(RenderedFile("binary", b"\xfe"), recorded=False)
    plan.add(RenderedFile("new", b"a\n"), recorded=False)
    text, binary, new = plan.files
    assert text.diff() == ["--- a/text", "+++ b/text", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]
    assert binary.diff() == ["binary: binary"]
    assert new.diff() == []


def test_a_deletion(tmp_path: Path) -> None:
    put(tmp_path, "ours", b"a\n")
    put(tmp_path, "changed", b"b\n")
    put(tmp_path, "unknown", b"c\n")
    written = hashlib.sha256(b"a\n").hexdigest()

    def plan(force: bool) -> Plan:
        plan = Plan(tmp_path, force=force)
        for path, recorded in (("ours", written), ("changed", written), ("unknown", None), ("absent", written)):
            plan.delete(path, recorded=recorded)
        return plan

    careful = plan(force=False)
    assert [(file.path, file.action, file.content) for file in careful.files] == [("ours", Action.DELETE, None)]
    with pytest.raises(CollisionError, match="because 2 files have changes that kaiwuctl did not write") as caught:
        careful.check()
    assert caught.value.details == ("changed", "unknown")
    forced = plan(force=True)
    forced.check()
    assert [file.path for file in forced.changes()] == ["ours", "changed", "unknown"]


@pytest.mark.parametrize(
    ("present", "force", "actions"),
    [
        (None, False, [("to", Action.MOVE)]),
        (b"a\n", False, [("to", Action.KEEP), ("from", Action.DELETE)]),
        (b"b\n", True, [("to", Action.OVERWRITE), ("from", Action.DELETE)]),
        (b"b\n", False, []),
    ],
)
def test_a_move(tmp_path: Path, present: bytes | None, force: bool, actions: list[tuple[str, Action]]) -> None:
    put(tmp_path, "from", b"a\n")
    if present is not None:
        put(tmp_path, "to", present)
    plan = Plan(tmp_path, force=force)
    plan.move("from", "to")
    plan.move("absent", "elsewhere")
    assert [(file.path, file.action) for file in plan.files] == actions
    if not actions:
        with pytest.raises(CollisionError, match="1 file exists and differs"):
            plan.check()


@pytest.mark.parametrize("path", ["linked", "linked/file", "folder"])
def test_only_a_regular_file_is_deleted_or_moved(tmp_path: Path, path: str) -> None:
    put(tmp_path, "folder/file", b"a\n")
    (tmp_path / "linked").symlink_to("folder")
    for action in (Action.DELETE, Action.MOVE):
        plan = Plan(tmp_path, force=True)
        if action is Action.DELETE:
            plan.delete(path, recorded=None)
        else:
            plan.move(path, "new")
        assert plan.files == []
        with pytest.raises(CollisionError, match="something else is where a file or directory goes"):
            plan.check()


def test_a_plan_with_all_actions_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "from", b"a\n")
    put(tmp_path, "gone", b"b\n")
    plan = Plan(tmp_path, force=True)
    plan.add(RenderedFile("new", b"n\n"), recorded=False)
    plan.move("from", "to", lambda content: content + b"c\n")
    plan.delete("gone", recorded=None)
    show_plan(plan, diffs=True, kept=False)
    assert capsys.readouterr().out.splitlines() == [
        "  create    new",
        "  move      from -> to",
        "    --- a/from",
        "    +++ b/to",
        "    @@ -1 +1,2 @@",
        "     a",
        "    +c",
        "  delete    gone",
    ]
    assert summary(plan) == "1 file would be written, 1 moved, 1 deleted"
    only = Plan(tmp_path, force=True)
    only.delete("gone", recorded=None)
    only.delete("from", recorded=None)
    assert summary(only) == "2 files would be deleted"
