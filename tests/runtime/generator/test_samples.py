"""Samples that do not fit their types are named, file and field, by `make manifests`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.generator._crd import build_crds
from kaiwu_runtime.generator._samples import sample_problems


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(APIModel):
    name: str
    size: Annotated[int, Field(ge=1)] = 1


class PieceSpec(APIModel):
    image: str
    color: Color = Color.RED
    parts: list[Part] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)


@resource(group="samples.example.com", version="v1")
class Piece(CustomResource):
    spec: PieceSpec


CRDS = build_crds([Piece])
GOOD: dict[str, Any] = {"image": "i", "color": "blue", "parts": [{"name": "p", "size": 2}], "labels": {"a": "b"}}


def problems(folder: Path, spec: Any, **parts: Any) -> list[str]:
    sample = {
        "apiVersion": "samples.example.com/v1",
        "kind": "Piece",
        "metadata": {"name": "one", "labels": {"a": "b"}},
        "spec": spec,
        **parts,
    }
    (folder / "piece.yaml").write_text(yaml.safe_dump(sample))
    return list(sample_problems(folder, CRDS))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"image": None}, "spec.image: null is not allowed"),
        ({"image": 5}, "spec.image: it is not of type string"),
        ({"color": "green"}, "spec.color: it is not one of 'red', 'blue'"),
        ({"foo": "bar"}, "spec: foo is not a known field"),
        ({"parts": [{"size": 2}]}, "spec.parts[0]: name is required"),
        ({"parts": [{"name": "a", "size": 0}]}, "spec.parts[0].size: it is below 1"),
        ({"labels": {"a": 1}}, "spec.labels.a: it is not of type string"),
    ],
)
def test_file_object_and_field_are_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    assert problems(tmp_path, GOOD) == []
    (line,) = problems(tmp_path, {**GOOD, **change})
    assert line.startswith(f"{tmp_path}/piece.yaml: Piece 'one': {problem}")
    assert line.endswith("; correct the sample")


def test_a_required_field_that_is_missing(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, {"color": "red"})
    assert "Piece 'one': spec: image is required" in line
    (line,) = problems(tmp_path, {}, kind="Lost")
    assert "there is no kind Lost of samples.example.com/v1 in this project" in line
    assert problems(tmp_path, {}, apiVersion="v1", kind="ConfigMap") == []


@given(
    spec=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_value_is_judged_without_an_error(tmp_path_factory: pytest.TempPathFactory, spec: Any) -> None:
    folder = tmp_path_factory.getbasetemp()
    for line in problems(folder, json.loads(json.dumps(spec))):
        assert len(line.splitlines()) == 1


@pytest.mark.parametrize(
    "content",
    [b"a: [", b"\xff\xfe\x00", b"a: &a [1]\nb: [" + b"*a," * 200 + b"]", b"x" * (1024 * 1024 + 1), b"[" * 5000],
    ids=["broken", "not-text", "bomb", "large", "deep"],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "piece.yaml").write_bytes(content)
    (line,) = sample_problems(tmp_path, CRDS)
    assert "piece.yaml cannot be read: " in line
    assert "\n" not in line


def test_without_samples_there_is_nothing_to_say(tmp_path: Path) -> None:
    assert list(sample_problems(tmp_path / "none", CRDS)) == []
    (tmp_path / "kustomization.yaml").write_text("a: [")
    (tmp_path / "piece.yaml").mkdir()
    assert list(sample_problems(tmp_path, CRDS)) == []
