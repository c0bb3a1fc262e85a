"""Explain in one line why Python could not read a type: the model, the field, and what to write instead."""

from __future__ import annotations

import re
import sys
from typing import Any

from kaiwu_runtime._error_text import invalid_fields

UNKNOWN_ARGUMENTS = "Using extra keyword arguments on `Field`"
"""How pydantic's warning of arguments that `Field` does not have begins."""
_MOST = 3
_MODEL_CLASS = "pydantic._internal._model_construction"
_PYDANTIC = "pydantic._internal."
_OF_FIELD = {
    "_common_field_schema": "name",
    "_generate_md_field_schema": "name",
    "collect_model_fields": "ann_name",
    "get_model_type_hints": "name",
}
"""Functions of pydantic that read the fields of a model, and their variable that has the name of one."""


def explain(error: BaseException) -> str:
    """Describe an exception of a project's module in one line.

    Args:
        error: Any exception; for those of pydantic the line names model and field.
    """
    pydantic = sys.modules.get("pydantic")
    if pydantic is not None and isinstance(error, pydantic.ValidationError):
        return _invalid(error)
    lines = _lines(error)
    model, field = place(error)
    if lines and type(error).__name__ == "SchemaError":
        return _schema_error(lines, model)
    text = " ".join(line.strip() for line in lines)
    if text.startswith(UNKNOWN_ARGUMENTS):
        return _unknown_arguments(text)
    if pydantic is None or not isinstance(
        error, pydantic.errors.PydanticErrorMixin | pydantic.errors.PydanticUserError
    ):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if field:
        return f"{model}.{field}: {text}"
    return f"{model}: {text}" if model and model not in text else text


def place(error: BaseException) -> tuple[str, str]:
    """Return the names of the model and of the field that pydantic was reading; empty where they are not known."""
    model = field = ""
    trace = error.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        module, variables = str(frame.f_globals.get("__name__", "")), frame.f_locals
        if module == _MODEL_CLASS and "cls_name" in variables:
            model, field = str(variables["cls_name"]), ""
        elif module.startswith(_PYDANTIC):
            if frame.f_code.co_name == "_model_schema" and isinstance(variables.get("cls"), type):
                # A model inside the one that is made.
                model, field = variables["cls"].__name__, ""
            elif model and isinstance(name := variables.get(_OF_FIELD.get(frame.f_code.co_name, "")), str):
                field = name
        trace = trace.tb_next
    return model, field


def _lines(error: BaseException) -> list[str]:
    lines: list[str] = []
    for line in str(error).splitlines():
        if line.startswith("For further information"):
            break
        if line.strip():
            lines.append(line)
    return lines


def _unknown_arguments(text: str) -> str:
    # Not for every operator: they cost milliseconds of its start.
    import difflib  # noqa: PLC0415
    import inspect  # noqa: PLC0415

    from pydantic import Field  # noqa: PLC0415

    names = re.findall(r"'(\w+)'", text.partition("Extra keys:")[2])
    known = [name for name in inspect.signature(Field).parameters if name != "extra"]
    hints = [f"; did you mean {close[0]}?" for name in names if (close := difflib.get_close_matches(name, known, 1))]
    word = "argument" if len(names) == 1 else "arguments"
    return f"Field() has no {word} {', '.join(names)}{hints[0] if hints else ': remove it, or use a marker'}"


def _schema_error(lines: list[str], model: str) -> str:
    """Name the field in pydantic-core's nested explanation, and the innermost reason."""
    fields = [line.partition('Field "')[2].partition('"')[0] for line in lines if 'Field "' in line]
    where = ".".join(part for part in (model, *fields) if part)
    reason = lines[-1].strip().partition(": ")[2] or lines[-1].strip()
    return f"{where}: {reason}" if where else reason


def _invalid(error: Any) -> str:  # noqa: ANN401 - a pydantic.ValidationError
    """Describe values that do not fit, without the values themselves, which may be secret."""
    found = error.errors(include_url=False, include_input=False)
    absent = [".".join(str(part) for part in item["loc"]) for item in found if item["type"] == "missing"]
    if len(absent) == len(found):
        names = ", ".join(absent[:_MOST]) + (f" and {len(absent) - _MOST} more" if len(absent) > _MOST else "")
        field = "field" if len(absent) == 1 else "fields"
        return (
            f"{error.title}() lacks the required {field} {names}: drop the default {error.title}(), or "
            f"give {names} a default in {error.title}"
        )
    return f"{error.title}: {invalid_fields(found)}"
