"""Files are replaced whole or not at all, and files of others are not removed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.generator._output import remove_stale, write_files

if TYPE_CHECKING:
    from pathlib import Path


def actions(results: list[object]) -> list[tuple[str, str]]:
    return [(r.action, r.path.name) for r in results]  # type: ignore[attr-defined]


def test_write_and_write_again(tmp_path: Path) -> None:
    files = {tmp_path / "deep" / "b": "2\n", tmp_path / "a": "1\n"}
    assert actions(list(write_files(files))) == [("wrote", "a"), ("wrote", "b")]
    stamps = {path: path.stat().st_mtime_ns for path in files}
    assert actions(list(write_files(files))) == [("unchanged", "a"), ("unchanged", "b")]
    assert {path: path.stat().st_mtime_ns for path in files} == stamps
    (tmp_path / "a").write_text("other")
    assert actions(list(write_files(files))) == [("wrote", "a"), ("unchanged", "b")]
    assert (tmp_path / "a").read_text() == "1\n"


def test_the_mode_follows_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_files({tmp_path / "a": ""})
    finally:
        os.umask(old)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("mine")
    (tmp_path / "a").symlink_to(tmp_path / "real")
    with pytest.raises(ConfigurationError, match="a is a symbolic link: remove it"):
        write_files({tmp_path / "a": "x"})
    assert (tmp_path / "real").read_text() == "mine"


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot write .*a: Is a directory"):
        write_files({tmp_path / "a": "x"})


def test_a_file_where_a_folder_goes_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot write .*b: (Not a directory|File exists)"):
        write_files({tmp_path / "a" / "b": "x"})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    real = os.fdopen

    def full(descriptor: int, mode: str) -> object:
        stream = real(descriptor, mode)

        class Full:
            def __enter__(self) -> Full:
                return self

            def __exit__(self, *_: object) -> None:
                stream.close()

            def write(self, _: bytes) -> None:
                raise OSError(28, "No space left on device")

        return Full()

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(ConfigurationError, match=r"cannot write .*a: No space left on device"):
        write_files({target: "new"})
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_an_interruption_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "a"
    target.write_text("old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_files({target: "new"})
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_only_our_own_stale_files_are_removed(tmp_path: Path) -> None:
    for name, content in {"kept": "mark", "gone": "# mark", "theirs": "hand-written", "other.txt": "mark"}.items():
        (tmp_path / (name if "." in name else f"{name}.yaml")).write_text(content)
    (tmp_path / "link.yaml").symlink_to(tmp_path / "other.txt")
    (tmp_path / "folder.yaml").mkdir()
    results = remove_stale(tmp_path, "*.yaml", [tmp_path / "kept.yaml"], "mark")
    assert actions(list(results)) == [("removed", "gone.yaml")]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "folder.yaml",
        "kept.yaml",
        "link.yaml",
        "other.txt",
        "theirs.yaml",
    ]


def test_a_missing_folder_has_nothing_stale(tmp_path: Path) -> None:
    assert remove_stale(tmp_path / "no", "*.yaml", [], "mark") == []
