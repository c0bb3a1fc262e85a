"""Python values that a schema shows, defaults and examples, as the JSON that a model would write."""

from __future__ import annotations

import copy
import enum
import json
import math
import sys
import warnings
from typing import Any

from pydantic import BaseModel, create_model
from pydantic_core import PydanticSerializationError

from kaiwu_runtime.api._model import APIModel
from kaiwu_runtime.api._whole_numbers import whole_numbers
from kaiwu_runtime.client._pydantic_models import dump_model
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator._schema import shown

_LARGEST = int(sys.float_info.max)
_SCALARS = (str, int, float, bool, type(None))


def json_value(value: object, annotation: Any, what: str) -> Any:  # noqa: ANN401 - JSON
    """Return the JSON of a value as a field of a type writes it.

    Args:
        value: A value of the field's type, or JSON already.
        annotation: The field's type with its metadata.
        what: ``Model.field`` and what the value is, for messages.

    Raises:
        DefinitionError: The value cannot be written as JSON.
    """
    try:
        if not is_finite(value):
            raise DefinitionError(
                f"{what} {shown(value)} is not valid JSON, which has no NaN and no infinity; the API server reads no "
                "number above 1.8e308"
            )
        content = whole_numbers(value) if _is_json(value) else _written(value, annotation, what)
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DefinitionError(f"{what} {shown(value)} is not valid: it has half of a surrogate pair") from None
    except RecursionError:
        raise DefinitionError(f"{what} is not valid: it contains itself, or is nested too deep") from None
    return copy.deepcopy(content)


def _written(value: object, annotation: Any, what: str) -> Any:  # noqa: ANN401 - JSON
    holder = create_model("Value", __base__=APIModel, value=(annotation, ...))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return json.loads(dump_model(holder.model_construct(value=copy.deepcopy(value))))["value"]
    except (PydanticSerializationError, UserWarning, TypeError, ValueError, AttributeError, KeyError) as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()) or type(error).__name__
        raise DefinitionError(f"{what} {shown(value)} cannot be written as its type: {reason}") from None


def _is_json(value: object) -> bool:
    """Return whether a value is JSON as it stands. A number or a string of a class of its own is not."""
    if isinstance(value, list):
        return type(value) is list and all(_is_json(item) for item in value)
    if isinstance(value, dict):
        return type(value) is dict and all(type(key) is str and _is_json(item) for key, item in value.items())
    return type(value) in _SCALARS


def is_finite(value: object) -> bool:
    """Return whether the API server can read each number in a value, as a float."""
    if isinstance(value, enum.Enum):
        return is_finite(value.value)
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, int):
        return abs(value) <= _LARGEST
    if isinstance(value, dict):
        return all(is_finite(item) for item in value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return all(is_finite(item) for item in value)
    if isinstance(value, BaseModel):
        return all(is_finite(item) for item in value.__dict__.values())
    return True
