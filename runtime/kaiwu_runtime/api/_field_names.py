"""The name a field has in the object."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_WORD_START = re.compile(r"(?<=[^\W_])_([^\W_])")


def field_name(name: str) -> str:
    """Return a Python field's name in the object: ``node_count`` is ``nodeCount``.

    Each letter after an underscore becomes upper case and the underscore goes; every other character stays as it is
    written, so that ``podIP`` and ``s3bucket`` are their own names. ``class_`` is ``class``: Python reserves the word.

    See https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#naming-conventions
    """
    return _WORD_START.sub(lambda match: match[1].upper(), name.removesuffix("_"))


def written_name(name: str, field: FieldInfo) -> str:
    """Return the name under which a field of a model is written, which may be its own choice.

    Args:
        name: Its name in Python.
        field: What pydantic knows of it.
    """
    return field.serialization_alias or field.alias or name
