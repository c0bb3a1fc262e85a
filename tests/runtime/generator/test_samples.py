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

from kaiwu_runtime.api import APIModel, CustomResource, Float, Time, resource
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


class ClockSpec(APIModel):
    start: Time | None = None
    step: Annotated[int, Field(multiple_of=5)] = 5
    rate: Annotated[Float, Field(multiple_of=2)] | None = None
    mode: int = 0
    word: str = ""


@resource(group="samples.example.com", version="v1")
class Clock(CustomResource):
    spec: ClockSpec = ClockSpec()


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("start: 2026-01-02T03:04:05Z", ""),
        ("start: 2026-01-02 03:04:05", "spec.start: '2026-01-02 03:04:05' is not a valid date-time"),
        ("word: 2026-01-02", ""),
        ("word: 12:30:45", ""),
        ("mode: 0o644", ""),
        ("rate: 1e3", ""),
        ("rate: 1.0e+15", ""),
        ("rate: 1.0e+300", "spec.rate: it is not a multiple of 2"),  # to the API server, which divides floats
        ("rate: 1.0e+15\n  step: 7", "spec.step: it is not a multiple of 5"),
        ("step: 10000000000000000000000000000000000000000", "spec.step: it is not an integer of 64 bits"),
        ("word: on", "spec.word: it is not of type string"),
    ],
)
def test_values_are_read_as_kubectl_reads_them(tmp_path: Path, spec: str, expected: str) -> None:
    head = "apiVersion: samples.example.com/v1\nkind: Clock\nmetadata:\n  name: one\nspec:\n  "
    (tmp_path / "clock.yaml").write_text(f"{head}{spec}\n")
    found = list(sample_problems(tmp_path, build_crds([Clock])))
    assert len(found) == bool(expected), found
    assert expected in "".join(found)


def test_the_items_of_a_list_are_samples(tmp_path: Path) -> None:
    item = {"apiVersion": "samples.example.com/v1", "kind": "Piece", "metadata": {"name": "one"}, "spec": {}}
    (tmp_path / "list.yaml").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [item]}))
    (line,) = sample_problems(tmp_path, CRDS)
    assert "Piece 'one': spec: image is required" in line
