"""Descriptions of fields, from the docstrings under them."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, create_model

from kaiwu_runtime.api import APIModel
from kaiwu_runtime.generator._field_docstrings import field_description
from kaiwu_runtime.generator._model_schema import model_schema

T = TypeVar("T")


class Base(APIModel):
    """The model's own.

    count: not a field's
    """

    count: int
    """How many.

        Indented, and with 'quotes'.
    """
    plain: int
    explicit: int = Field(description="explicit")
    """Not this one."""
    shared: Annotated[str, Field(description="of the annotation")]
    again: int
    """First."""
    constant: ClassVar[int] = 3
    """No field."""
    _hidden: int = 3
    """No field either."""

    @property
    def size(self) -> int:
        """Not a field's."""
        return 1

    class Inner(APIModel):
        count: str
        """Of the inner one."""

    last: str
    """After a class."""


def renamed(model: type[APIModel]) -> type[APIModel]:
    model.__name__ = model.__qualname__ = "Public"
    return model


@renamed
class Blocks(APIModel):
    if len("ab") == 2:
        a: int
        """In a block."""
    try:
        b: int
    finally:
        pass
    """Of no field."""
    c: Annotated[int, Field(description="")]
    """Rejected."""
    d: int = 1; """On one line."""  # fmt: skip  # noqa: E702


class WithoutDocstrings(APIModel):
    model_config = ConfigDict(use_attribute_docstrings=False)
    a: int
    """Not wanted."""


class Derived(Base):
    again: int
    more: int
    "Another kind of quotes."


class Box(APIModel, Generic[T]):
    content: T
    """What is in it."""


class Text(Box[str]):
    content: str
    """A text."""


class Diamond(APIModel):
    count: str
    """Of the top."""


class Left(Diamond):
    """Inherits it."""


class Right(Diamond):
    count: str
    """Of the right."""


class Bottom(Left, Right):
    """Has it from the left, as pydantic does."""


class Foreign(BaseModel):
    count: int
    """Read by no one."""


class ForeignWithDocstrings(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)
    count: int
    """Read by pydantic."""


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    found = {name: field_description(model, name, field) for name, field in model.model_fields.items()}
    return {name: text for name, text in found.items() if text is not None}


BASE = {
    "count": "How many.\n\nIndented, and with 'quotes'.",
    "explicit": "explicit",
    "shared": "of the annotation",
    "again": "First.",
    "last": "After a class.",
}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Base, BASE),
        (Base.Inner, {"count": "Of the inner one."}),
        (
            Derived,
            {name: text for name, text in BASE.items() if name != "again"} | {"more": "Another kind of quotes."},
        ),
        (Box, {"content": "What is in it."}),
        (Box[int], {"content": "What is in it."}),
        (Box[str], {"content": "What is in it."}),
        (Text, {"content": "A text."}),
        (Blocks, {"a": "In a block.", "c": "", "d": "On one line."}),
        (WithoutDocstrings, {}),
        (create_model("Made", __base__=Base, extra=(int, 1)), BASE),
        (create_model("Made", extra=(int, 1)), {}),
        (Bottom, {"count": "Of the top."}),
        (Foreign, {}),
        (ForeignWithDocstrings, {"count": "Read by pydantic."}),
    ],
)
def test_descriptions(model: type[BaseModel], expected: dict[str, str]) -> None:
    assert descriptions(model) == expected


def test_classes_of_one_name_in_one_module() -> None:
    def make(*, first: bool) -> type[APIModel]:
        if first:

            class Spec(APIModel):
                a: int
                """Of the first."""

            return Spec

        class Spec(APIModel):  # type: ignore[no-redef]
            b: int
            """Of the second."""

        return Spec

    assert descriptions(make(first=True)) == {"a": "Of the first."}
    assert descriptions(make(first=False)) == {"b": "Of the second."}


def test_a_module_with_a_long_expression(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "from kaiwu_runtime.api import APIModel\n\nclass Spec(APIModel):\n    a: int\n    '''Text.'''\n"
    (tmp_path / "long_types.py").write_text(f"{text}X = {' + '.join('1' * 1200)}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert descriptions(importlib.import_module("long_types").Spec) == {"a": "Text."}


def test_the_description_is_in_the_schema() -> None:
    schema = model_schema(Derived)
    assert {name: node.get("description") for name, node in schema.properties.items()} == {
        "plain": None,
        "again": None,
        **descriptions(Derived),
    }


@pytest.mark.parametrize("change", ["delete", "break", "bytes", "nest", "none"])
def test_a_source_that_is_missing_or_has_changed(change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "described_types.py"
    text = "from kaiwu_runtime.api import APIModel\n\nclass Spec(APIModel):\n    a: int\n    '''Text.'''\n"
    file.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, file.stem, raising=False)
    spec: Any = importlib.import_module(file.stem).Spec
    if change == "delete":
        file.unlink()
    elif change == "break":
        file.write_text("class Spec(")
    elif change == "bytes":
        file.write_text(f"{text}\0")
    elif change == "nest":
        file.write_text(f"{text}x = {'(' * 5000}1{')' * 5000}")
    assert descriptions(spec) == ({"a": "Text."} if change == "none" else {})
    assert spec.model_validate({"a": 1}).a == 1
