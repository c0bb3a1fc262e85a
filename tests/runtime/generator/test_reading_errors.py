# ruff: noqa: E501 - rows of a table read better on one line
"""Mistakes in a types file: each is one line with the file, the model, the field and the cure."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from kaiwu_runtime.errors import ConfigurationError, DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._discovery import find_resources

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
from typing import Annotated, Any, Generic, Literal, TypeVar
from pydantic import ConfigDict, Field, computed_field, field_validator
from kaiwu_runtime.api import APIModel, CustomResource, IntOrString, Nullable, Time, resource

class Inner(APIModel):
    image: str
    tag: str
"""
KIND = """
@resource(group="a.example.com", version="v1")
class Thing(CustomResource):
    spec: Spec
"""
MISTAKES = {
    "default lacks fields": ("spec: Inner = Inner()", "Inner() lacks the required fields image, tag: drop the default Inner()"),
    "default lacks a field": ("spec: Inner = Inner(image='a')", "Inner() lacks the required field tag"),
    "default does not fit": ("spec: Inner = Inner(image=1, tag='secret')", "Inner: image: Input should be a valid string"),
    "factory lacks fields": ("x: Inner = Field(default_factory=Inner)", "Spec.x: its default cannot be created: Inner() lacks"),
    "no annotation": ("x = 5", "Spec: A non-annotated attribute was detected: `x = 5`."),
    "reserved name": ("model_config: int", "Spec: `model_config` cannot be used as a model field name"),
    "validator of nothing": ("x: int\n    @field_validator('y')\n    def check(cls, v): return v", "Spec: Decorators defined with incorrect fields"),
    "discriminator": ("x: int = Field(discriminator='y')", "Spec.x: TypeError: The core schema type 'int'"),
    "configuration": ("model_config = ConfigDict(extra='nonsense')", "Spec: Invalid extra_behavior: `nonsense`"),
    "length": ("x: Annotated[str, Field(min_length=-1)]", "Spec.x: min_length=-1 is not valid"),
    "bound of an item": ("x: list[Annotated[int, Field(ge=0.5)]]", "Spec.x: ge=0.5 is not valid"),
    "bound of a union": ("x: Annotated[IntOrString, Field(ge='a')]", "Spec.x: the minimum 'a' is not valid: use a number"),
    "bound of a time": ("x: Annotated[Time, Field(ge=3)]", "Spec.x: ge, gt, le, lt and multiple_of cannot limit AwareDatetime"),
    "undefined": ("x: 'Nope'", "'Nope', an annotation in it or in a model inside it, is not defined"),
    "name": ("x: int = nope", "NameError: name 'nope' is not defined"),
    "wrong default": ("x: int = 'a'", "Spec.x: default 'a': it is not of type integer"),
    "set for a list": ("x: list[int] = {1}", "Spec.x: its default {1} cannot be written as its type: Pydantic serializer warnings"),
    "default in itself": ("x: dict[str, Any] = LOOP", "Spec.x: its default is not valid: it contains itself"),
    "type variable": ("x: Pair", "Pair.first: ~T has no schema"),
    "recursion": ("x: 'list[Spec]'", "Spec.x[]: Spec contains itself"),
    "misspelled argument": ("x: Annotated[str, Field(max_lenght=3)]", "Field() has no argument max_lenght; did you mean max_length?"),
    "misspelled arguments": ("x: str = Field('', max_lenght=3, zzz=1)", "Field() has no arguments max_lenght, zzz; did you mean max_length?"),
    "unknown argument": ("x: str = Field('', zzz=1)", "Field() has no argument zzz: remove it, or use a marker"),
    "not a model": ("x: Plain", "Spec.x: Plain is not a type of JSON: derive it from APIModel, or use another type"),
    "not a model in a list": ("x: list[Plain]", "Spec.x: Plain is not a type of JSON: derive it from APIModel"),
    "computed": ("@computed_field\n    def x(self): return 1", "Spec: Computed field is missing return type annotation"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body, message = MISTAKES[name]
    # A name of its own: the modules of other tests stay imported.
    package = f"mistakes_{abs(hash((name, tmp_path))):x}"
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / package / "thing_types.py"
    file.parent.mkdir()
    extra = "class Plain: pass\nT = TypeVar('T')\nclass Pair(APIModel, Generic[T]):\n    first: T\nLOOP = {}\nLOOP['a'] = LOOP\n"
    file.write_text(f"{HEAD}{extra}class Spec(APIModel):\n    {body}\n{KIND}")
    with pytest.raises((ConfigurationError, DefinitionError)) as caught:
        build_crds(find_resources(file.parent, tmp_path), source=lambda model: f"{package}/thing_types.py")
    text = str(caught.value)
    assert text.startswith(f"{package}/thing_types.py:")
    assert message in text
    assert "\n" not in text
    assert "secret" not in text
    assert "further information" not in text
    sys.modules.pop(f"{package}.thing_types", None)
