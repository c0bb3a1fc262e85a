"""Equality of JSON values, where Python's ``==`` is wrong: ``True == 1`` in Python, ``true`` and ``1`` are two values.

See https://www.rfc-editor.org/rfc/rfc8259#section-3
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def json_equal(one: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether two decoded JSON documents are the same value.

    Numbers are compared by value, exactly: ``1`` equals ``1.0``, because the API server stores both as ``1``. The
    order of an object's members does not count. Takes linear time, and nesting of any depth.

    Args:
        one: A value as a JSON decoder returns it; tuples count as lists.
        other: The value to compare with.
    """
    pending = [(one, other)]
    while pending:
        left, right = pending.pop()
        if left is right:
            continue
        if isinstance(left, Mapping):
            if not isinstance(right, Mapping) or len(left) != len(right):
                return False
            for name, value in left.items():
                if name not in right:
                    return False
                pending.append((value, right[name]))
        elif isinstance(left, str) or left is None:
            if left != right:
                return False
        elif isinstance(left, Sequence):
            if not isinstance(right, Sequence) or isinstance(right, str) or len(left) != len(right):
                return False
            pending.extend(zip(left, right, strict=True))
        elif isinstance(left, bool) or isinstance(right, bool):
            return False  # two equal booleans are identical
        elif left != right:
            return False
    return True
