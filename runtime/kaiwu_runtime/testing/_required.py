"""Required fields, by a kind's model: an object without one is rejected, as by the schema that an API server has.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kaiwu_runtime._callback import contained
from kaiwu_runtime.client._pydantic_models import is_model, is_validation_error
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import invalid_fields

_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`(?: - at `\$\.?(?P<path>[^`]*)`)?")
_PROBLEM = "Required value"


def check_required(kind: FakeKind, obj: Mapping[str, Any]) -> None:
    """Reject an object without a required field.

    Args:
        kind: The resource; without a model nothing is known of its fields.
        obj: The object as it would be stored.

    Raises:
        InvalidError: A field that the kind's model requires is missing.
    """
    model = kind.model
    if model is None:
        return
    if is_model(model):
        missing = _missing_in_model(model, obj)
    elif issubclass(model, msgspec.Struct):
        missing = _missing_in_struct(model, obj)
    else:
        return
    if missing:
        raise invalid_fields(kind, obj["metadata"].get("name", ""), [(field, _PROBLEM) for field in missing])


def _missing_in_model(model: Any, obj: Mapping[str, Any]) -> list[str]:  # noqa: ANN401 - a pydantic model
    try:
        model.model_validate_json(msgspec.json.encode(obj))
    except BaseException as raised:  # noqa: BLE001 - a validator of the type's may raise anything, and is not the schema
        error = contained(raised)
        if not is_validation_error(error):
            return []
        errors = error.errors(include_url=False, include_input=False)
        return [_dotted(each["loc"]) for each in errors if each["type"] == "missing" and _leads(obj, each["loc"][:-1])]
    return []


def _leads(obj: Any, path: tuple[int | str, ...]) -> bool:  # noqa: ANN401 - any JSON
    """Return whether a path is one of the object; where types are united, pydantic has their names in it too."""
    for part in path:
        try:
            obj = obj[part]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(obj, Mapping)


def _dotted(path: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _missing_in_struct(model: type[msgspec.Struct], obj: Mapping[str, Any]) -> list[str]:
    try:
        # What is in the status of Kubernetes' own kinds is not looked at.
        msgspec.convert({name: part for name, part in obj.items() if name != "status"}, model)
    except msgspec.ValidationError as error:
        if found := _MISSING.search(str(error)):
            return [".".join(filter(None, (found["path"], found["name"])))]
    return []
