"""Examples of a field, which only the field itself may be able to write."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel


@contextlib.contextmanager
def own_examples(model: type[BaseModel]) -> Iterator[None]:
    """Hide the examples that only their field can write, as bytes, from pydantic, which would fail to."""
    hidden = {}
    for name, field in getattr(model, "__pydantic_fields__", {}).items():
        try:
            to_jsonable_python(field.examples)
        except ValueError:
            hidden[name], field.examples = field.examples, None
    try:
        yield
    finally:
        for name, examples in hidden.items():
            model.__pydantic_fields__[name].examples = examples
