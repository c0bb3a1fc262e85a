"""Whatever stands in a model: a CRD, or one line that names file, class and field."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest

from kaiwu_runtime.generator._cli import main

from .odd_annotations import ANNOTATIONS
from .odd_types import DEFINITIONS, PLACES, module_of


def complaint(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str) -> str:
    """Return the error that the generator prints for a module of types; empty for a CRD."""
    file = folder / "api/v1/odd_types.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    monkeypatch.chdir(folder)
    for name in [name for name in sys.modules if name == "api" or name.startswith("api.")]:
        monkeypatch.delitem(sys.modules, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        status = main(["manifests"])
    lines = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning: ")]
    if status == 0:
        assert lines == []
        return ""
    (line,) = lines
    # An error that a type raises by itself is where it raises it.
    assert line.startswith(("error: api/v1/odd_types.py", "error: odd_definitions.py:")), line
    assert "api/v1/odd_types.py" in line, line
    return line


@pytest.mark.parametrize("place", PLACES)
def test_one_line_names_file_class_and_field(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "odd_definitions.py").write_text(DEFINITIONS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "odd_definitions", raising=False)
    wrong = []
    for annotation in ANNOTATIONS:
        try:
            line = complaint(tmp_path, monkeypatch, capsys, module_of(annotation, place))
        except Exception as error:  # noqa: BLE001 - a traceback is what must not be
            wrong.append(f"{annotation}: {type(error).__name__}: {str(error)[:300]}")
            capsys.readouterr()
            continue
        model = "Inner" if place == "nested" else "OddSpec"
        # A model that contains itself is named where it does.
        places = (f"{model}.odd", "Recursive.again", "Right.left", "Left.right")
        if line and not any(each in line for each in places):
            wrong.append(f"{annotation}: {line}")
    assert not wrong, "\n".join(wrong)
