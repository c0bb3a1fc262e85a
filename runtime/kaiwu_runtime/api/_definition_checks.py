"""Checks of the arguments of ``@resource`` that need no more than their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kaiwu_runtime._names import is_label_value, is_qualified_name
from kaiwu_runtime.errors import DefinitionError

_ANNOTATIONS_LIMIT = 256 * 1024
"""Bytes of all keys and values."""


def strings(owner: str, argument: str, value: Sequence[str]) -> tuple[str, ...]:
    """Return the strings of a list; one string is a mistake, since its characters would be taken.

    Args:
        owner: The class, for messages.
        argument: Name of the argument.
        value: What was given.

    Raises:
        DefinitionError: It is a string, or holds something else.
    """
    if isinstance(value, str):
        raise DefinitionError(f"{owner}: @resource {argument}={value!r} is a string: write {argument}=[{value!r}]")
    for each in value:
        if not isinstance(each, str):
            raise DefinitionError(f"{owner}: @resource {argument}: {each!r} is not a string")
    return tuple(value)


def check_labels(where: str, labels: Mapping[str, str]) -> None:
    """Check what the API server accepts as labels.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set

    Raises:
        DefinitionError: Names the key.
    """
    for key, value in labels.items():
        if not (isinstance(key, str) and is_qualified_name(key)):
            raise DefinitionError(f"{where} labels: {key!r} is not a valid key: use name or example.com/name")
        if not (isinstance(value, str) and is_label_value(value)):
            raise DefinitionError(
                f"{where} labels: {_shortened(value)} is not a valid value of {key!r}: use at most 63 letters, digits, "
                "'-', '_' and '.'"
            )


def check_annotations(where: str, annotations: Mapping[str, str]) -> None:
    """Check what the API server accepts as annotations, whose keys may have capitals in their prefix, too.

    See https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/#syntax-and-character-set

    Raises:
        DefinitionError: Names the key, or says how large they are.
    """
    size = 0
    for key, value in annotations.items():
        if not (isinstance(key, str) and is_qualified_name(key.lower())):
            raise DefinitionError(f"{where} annotations: {key!r} is not a valid key: use name or example.com/name")
        if not isinstance(value, str):
            raise DefinitionError(f"{where} annotations: the value of {key!r} is not a string: quote it")
        size += len(key.encode(errors="replace")) + len(value.encode(errors="replace"))
    if size > _ANNOTATIONS_LIMIT:
        raise DefinitionError(f"{where} annotations: have {size} bytes, but at most {_ANNOTATIONS_LIMIT} are allowed")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_members(where: str, given: msgspec.Struct) -> None:
    """Check the types of the members: Python takes any, and the API server would reject the CRD.

    Raises:
        DefinitionError: Names the member.
    """
    try:
        msgspec.convert(msgspec.structs.asdict(given), type(given))
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at ")
        raise DefinitionError(f"{where}: {path.strip('`').removeprefix('$.')}: {problem}") from None


def first_duplicate(values: Sequence[str]) -> str:
    """Return the first value that is there a second time; there must be one."""
    return next(value for index, value in enumerate(values) if value in values[:index])
