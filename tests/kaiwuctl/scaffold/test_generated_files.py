"""Files of the generator are known by the marks that the generator itself looks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime.generator import _json_schema, _reference, _yaml_output
from kaiwuctl.scaffold.generated_files import MARKS, generated_content, is_generated

if TYPE_CHECKING:
    from pathlib import Path


def test_the_marks_are_the_generators() -> None:
    assert _yaml_output.GENERATED.strip().encode() == MARKS[0]
    assert _json_schema.GENERATED.encode() == MARKS[1]
    assert MARKS[1] in _reference.GENERATED.encode()


def test_a_mark_far_down_does_not_count() -> None:
    assert is_generated(b"\n" + MARKS[0])
    assert not is_generated(b"#" * 4096 + MARKS[0])


def test_a_file_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"a: 1\n")
    (tmp_path / "folder").mkdir()
    assert generated_content(tmp_path, "mine.yaml") is None
    assert generated_content(tmp_path, "folder") is None
    assert generated_content(tmp_path, "nowhere.yaml") is None
