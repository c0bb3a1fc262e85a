"""An index: objects by the values that a function returns for them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping

from kaiwu_runtime._callback import contained, forget_stack
from kaiwu_runtime._error_text import one_line
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.errors import DecodeError

logger = logging.getLogger("kaiwu_runtime.cache.index")

IndexFunction = Callable[[CachedObject], Iterable[str]]


class Index:
    """The objects that have a value, by value.

    If the function fails for an object, only that object is missing from the index.

    Args:
        name: For the log.
        function: Returns the values an object is found by; it may return none.
    """

    def __init__(self, name: str, function: IndexFunction) -> None:
        self._name = name
        self._function = function
        self._objects: dict[str, dict[ObjectKey, CachedObject]] = {}
        self._values: dict[ObjectKey, tuple[str, ...]] = {}

    def put(self, obj: CachedObject) -> None:
        """Take in an object's present state, in place of an earlier one."""
        self.discard(obj.key)
        values = self._values_of(obj)
        if not values:
            return
        # Kept, and not asked for again: at the next change the function may see it differently, or fail.
        self._values[obj.key] = values
        for value in values:
            self._objects.setdefault(value, {})[obj.key] = obj

    def discard(self, key: ObjectKey) -> None:
        """Drop an object, if it is there."""
        for value in self._values.pop(key, ()):
            entries = self._objects[value]
            del entries[key]
            if not entries:
                del self._objects[value]

    def find(self, value: str) -> Mapping[ObjectKey, CachedObject]:
        """Return the objects that have a value; not to be changed."""
        return self._objects.get(value, {})

    def _values_of(self, obj: CachedObject) -> tuple[str, ...]:
        try:
            values = self._function(obj)
            if isinstance(values, str):
                raise TypeError("it returned a str: return a list of values")
            found = tuple(value for value in dict.fromkeys(values) if value is not None)
            # A selector has text: an object that is indexed under the number 1 would never be found by "1".
            for value in found:
                if not isinstance(value, str):
                    raise TypeError(f"it returned {type(value).__name__} {str(value)[:40]}: return strings")
            return found
        except BaseException as raised:
            error = contained(raised)
            logger.error(
                "An index function failed; the object is not found by this index",
                extra={"index": self._name, "object": str(obj.key), "error": one_line(error)},
                exc_info=None if isinstance(error, DecodeError) else error,
            )
            forget_stack(error)
            return ()
