"""The name a field has in the object."""

from __future__ import annotations

import re

_WORD_START = re.compile(r"(?<=[^\W_])_([^\W_])")


def field_name(name: str) -> str:
    """Return a Python field's name in the object: ``node_count`` is ``nodeCount``.

    Each letter after an underscore becomes upper case and the underscore goes; every other character stays as it is
    written, so that ``podIP`` and ``s3bucket`` are their own names. ``class_`` is ``class``: Python reserves the word.

    See https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#naming-conventions
    """
    return _WORD_START.sub(lambda match: match[1].upper(), name.removesuffix("_"))
