"""Conditions: the standard way for a resource to report its state.

Follows metav1.Condition, https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#typical-status-properties
"""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableSequence
from copy import deepcopy
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Self

from lightkube.models import meta_v1
from pydantic_core import core_schema

from kaiwu_runtime import _clock as clock
from kaiwu_runtime._names import DNS_SUBDOMAIN, PLAIN_NAME
from kaiwu_runtime._redaction import redact
from kaiwu_runtime.api._kube import kube_core_schema
from kaiwu_runtime.api._markers import ListMapKeys

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core.core_schema import CoreSchema


MESSAGE_LENGTH = 32768
REASON_LENGTH = 1024
TYPE_LENGTH = 316
REASON_PATTERN = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
TYPE_PATTERN = f"^({DNS_SUBDOMAIN}/)?({PLAIN_NAME})$"


class Condition(meta_v1.Condition):
    """One aspect of the observed state of a resource: metav1.Condition.

    Attributes:
        lastTransitionTime: When ``status`` last changed.
        message: Details for a person; at most 32768 characters.
        reason: CamelCase word for programs; 1 to 1024 characters.
        status: ``True``, ``False`` or ``Unknown``.
        type: CamelCase name of the aspect, for example ``Ready``.
        observedGeneration: ``metadata.generation`` the condition was set for.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return kube_core_schema(cls)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "object"}


class Conditions(list[Condition]):
    """The ``conditions`` of a status: one entry per type, merged by type in a server-side apply.

    A list, and written as such in a type: ``conditions: Conditions = Conditions()``.
    """

    generation: int | None = None
    """``metadata.generation`` of the object being reconciled; conditions that are set are computed from it."""

    __kaiwu_annotation__ = Annotated[list[Condition], ListMapKeys("type")]
    """What the CRD says of it."""

    def get(self, type: str) -> Condition | None:  # noqa: A002 - the field's name
        """Return the condition of a type, or None."""
        return next((condition for condition in self if condition.type == type), None)

    def is_true(self, type: str) -> bool:  # noqa: A002 - the field's name
        """Return whether the condition of a type is there with status ``True``."""
        found = self.get(type)
        return found is not None and found.status == "True"

    def is_false(self, type: str) -> bool:  # noqa: A002 - the field's name
        """Return whether the condition of a type is there with status ``False``; one that is not there is neither."""
        found = self.get(type)
        return found is not None and found.status == "False"

    def set(
        self,
        type: str,  # noqa: A002 - the field's name
        status: str | bool,
        *,
        reason: str,
        message: str = "",
        observed_generation: int | None = None,
    ) -> bool:
        """Add or update the condition of a type; ``lastTransitionTime`` moves only when the status changes.

        Args:
            type: For example ``Ready``.
            status: ``True``, ``False`` or ``Unknown``; a Python bool is taken for the first two.
            reason: CamelCase word; never empty.
            message: Text for a person; cut to the 32768 characters Kubernetes stores.
            observed_generation: ``metadata.generation`` of the object it was computed from. An ObjectReconciler fills
                it in.

        Returns:
            Whether anything changed.

        Raises:
            ValueError: The API server would reject the type, the status or the reason.
        """
        return set_condition(
            self,
            type=type,
            status=status,
            reason=reason,
            message=message,
            observed_generation=observed_generation,
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # As copy does it, which costs five times as much: pydantic copies the default of each object without a status.
        memo[id(self)] = copied = self.__new__(type(self))
        copied.extend(deepcopy(condition, memo) for condition in self)
        copied.__dict__.update(deepcopy(self.__dict__, memo) if self.__dict__ else ())
        return copied

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, handler.generate_schema(list[Condition]))

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "array", "items": {"type": "object"}}


def _makes_conditions(function: object) -> bool:
    """Whether a function of a core schema makes Conditions: it is a mapping in some kinds of schema."""
    return isinstance(function, dict) and function.get("function") is Conditions


def convert_defaults(schema: CoreSchema) -> None:
    """Make a default that is a plain list, as in ``conditions: Conditions = []``, become `Conditions` in every object.

    Args:
        schema: The core schema of a model; changed in place.
    """
    if schema["type"] != "model" or schema["schema"]["type"] != "model-fields":
        return
    for field in schema["schema"]["fields"].values():
        inner: Any = field["schema"]
        if inner["type"] == "default" and _makes_conditions(inner["schema"].get("function")):
            inner["validate_default"] = True


def find_condition(conditions: Iterable[meta_v1.Condition], type: str) -> meta_v1.Condition | None:  # noqa: A002 - the field's name
    """Return the condition of a type, or None."""
    return next((condition for condition in conditions if condition.type == type), None)


def is_condition_true(conditions: Iterable[meta_v1.Condition], type: str) -> bool:  # noqa: A002 - the field's name
    """Return whether the condition of a type is there with status ``True``."""
    found = find_condition(conditions, type)
    return found is not None and found.status == "True"


def set_condition(
    conditions: MutableSequence[Condition],
    *,
    type: str,  # noqa: A002 - the field's name
    status: str | bool,
    reason: str,
    message: str = "",
    observed_generation: int | None = None,
    now: datetime | None = None,
) -> bool:
    """Add or update a condition in place; ``lastTransitionTime`` moves only when the status changes.

    Args:
        conditions: The status' list.
        type: For example ``Ready``.
        status: ``True``, ``False`` or ``Unknown``; a Python bool is taken for the first two.
        reason: CamelCase word; never empty.
        message: Text for a person; cut to the 32768 characters Kubernetes stores.
        observed_generation: ``metadata.generation`` of the object it was computed from.
        now: Time of the transition; default is the present.

    Returns:
        True when anything changed, so that a reconciler writes its status only then.

    Raises:
        ValueError: The API server would reject the type, the status or the reason, or the message is not a string.
    """
    # str() of a member of an enumeration of texts is its name before Python's StrEnum.
    word = str.__str__(status) if isinstance(status, str) else str(status)
    if observed_generation is None and isinstance(conditions, Conditions):
        observed_generation = conditions.generation
    _check(type, word, reason)
    if not isinstance(message, str):
        kind = message.__class__.__name__
        raise ValueError(f"condition {type}: the message is a {kind} and not a string: write message=str(...)")
    found = find_condition(conditions, type)
    if found is None or found.message != message:
        message = redact(message)
    message = _storable(message)
    if found is None:
        conditions.append(
            Condition(
                type=type,
                status=word,
                reason=reason,
                message=message,
                observedGeneration=observed_generation,
                lastTransitionTime=_moment(now),
            )
        )
        return True
    changed = False
    if found.status != word:
        found.status, found.lastTransitionTime, changed = word, _moment(now), True
    if found.reason != reason or found.message != message:
        found.reason, found.message, changed = reason, message, True
    if observed_generation is not None and found.observedGeneration != observed_generation:
        found.observedGeneration, changed = observed_generation, True
    return changed


def _moment(now: datetime | None) -> datetime:
    return (now or clock.now()).replace(microsecond=0)


def _storable(message: str) -> str:
    """Return a message as the API server stores it: cut, and without halves of characters, as file names may have."""
    if not message.isascii():
        try:
            message.encode()
        except UnicodeEncodeError:
            message = message.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return message if len(message) <= MESSAGE_LENGTH else f"{message[: MESSAGE_LENGTH - 1]}…"


@lru_cache(maxsize=256)  # the same few at each reconcile
def _check(type: str, status: str, reason: str) -> None:  # noqa: A002 - the field's name
    if not type or not reason:
        raise ValueError(f"condition {type or '(no type)'}: type and reason must not be empty")
    if status not in {"True", "False", "Unknown"}:
        raise ValueError(f"condition {type}: status {status!r} is not one of True, False, Unknown")
    for field, value, most in (("type", type, TYPE_LENGTH), ("reason", reason, REASON_LENGTH)):
        if len(value) > most:
            raise ValueError(f"condition: {field} '{value[:40]}...' has {len(value)} characters: use at most {most}")
    if not re.fullmatch(TYPE_PATTERN, type):
        raise ValueError(f"condition: type {type!r} is not a CamelCase word, with or without a domain and '/'")
    if not re.fullmatch(REASON_PATTERN, reason):
        raise ValueError(f"condition {type}: reason {reason!r} is not a CamelCase word")


def remove_condition(conditions: MutableSequence[Condition], type: str) -> bool:  # noqa: A002 - the field's name
    """Remove the condition of a type in place; True when there was one."""
    kept = [condition for condition in conditions if condition.type != type]
    if len(kept) == len(conditions):
        return False
    conditions[:] = kept
    return True
