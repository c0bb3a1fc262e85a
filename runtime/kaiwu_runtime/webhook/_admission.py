"""The interfaces that a project implements: defaulters and validators, their request and the exception for a denial.

See https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.errors import KaiwuError

T = TypeVar("T")

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]

Warnings = list[str] | None
"""Lines that kubectl prints although the request is allowed; keep each below 120 characters."""


class GroupVersionKind(NamedTuple):
    """A kind, as the API server writes it; the group of the core API is the empty string."""

    group: str = ""
    version: str = ""
    kind: str = ""


class GroupVersionResource(NamedTuple):
    """A resource, as the API server writes it; the group of the core API is the empty string."""

    group: str = ""
    version: str = ""
    resource: str = ""


_NO_KIND, _NO_RESOURCE = GroupVersionKind(), GroupVersionResource()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInfo:
    """The user who sent the request.

    Attributes:
        username: For example ``system:serviceaccount:default:builder``.
        uid: Distinguishes users of the same name over time; may be empty.
        groups: For example ``system:authenticated``.
        extra: What the authenticator adds.
    """

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRequest:
    """A write to be admitted; the objects, which may be Secrets, are not shown in its representation.

    Attributes:
        uid: Identifies the request; the response repeats it.
        operation: The operation.
        namespace: The object's namespace; empty for a cluster-scoped one.
        name: The object's name; empty while ``generateName`` has not been applied.
        kind: Kind and version of the objects below.
        resource: The resource that is written.
        sub_resource: For example ``status`` or ``scale``; empty for the object itself.
        request_kind: What the client sent, when the API server converted it for this webhook.
        request_resource: The same for the resource.
        request_sub_resource: The same for the subresource.
        user_info: The user who sent the request.
        dry_run: Nothing will be stored, so a webhook must have no side effects.
        object: JSON of the new object; empty for DELETE.
        old_object: JSON of the object as it is stored; empty for CREATE.
        options: JSON of the operation's options, a CreateOptions for instance.
    """

    uid: str = ""
    operation: Operation = "CREATE"
    namespace: str = ""
    name: str = ""
    kind: GroupVersionKind = _NO_KIND
    resource: GroupVersionResource = _NO_RESOURCE
    sub_resource: str = ""
    request_kind: GroupVersionKind = _NO_KIND
    request_resource: GroupVersionResource = _NO_RESOURCE
    request_sub_resource: str = ""
    user_info: UserInfo = field(default_factory=UserInfo)
    dry_run: bool = False
    object: bytes = field(default=b"", repr=False)
    old_object: bytes = field(default=b"", repr=False)
    options: bytes = field(default=b"", repr=False)

    @property
    def key(self) -> ObjectKey:
        """Namespace and name of the object."""
        return ObjectKey(self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of a denial; kubectl prints a line for each.

    Attributes:
        field: Path of the field, for example ``spec.replicas``.
        message: What is wrong with it.
        reason: A word for programs: ``FieldValueInvalid``, ``FieldValueRequired``, ``FieldValueForbidden``, ...
    """

    field: str
    message: str
    reason: str = "FieldValueInvalid"


class AdmissionDenied(KaiwuError):  # noqa: N818 - a rejection is an answer, not a failure
    """Raised by a defaulter or validator to deny the request.

    Args:
        message: The message that kubectl prints.
        code: HTTP status, 400 to 599; default is 422 when there are causes and 403 otherwise.
        causes: One for each wrong field.
        reason: A word for programs; default follows from the code, ``Forbidden`` for 403 for instance.
        details: Further members of the Status object's ``details``.

    Raises:
        ValueError: The code is not an error code.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        causes: Sequence[Cause] = (),
        reason: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or (422 if causes else 403)
        if not 400 <= self.code <= 599:
            raise ValueError(
                f"AdmissionDenied: code {code} is not an error code: use 403, or 422 for an invalid object"
            )
        self.causes = tuple(causes)
        self.reason = reason
        self.details = dict(details or {})


class Defaulter(ABC, Generic[T]):
    """Fill in fields that the author of an object left out.

    Written as ``async def`` a method runs on the event loop and must not block it; written as ``def`` it runs in a
    thread.
    """

    @abstractmethod
    def default(self, obj: T, request: AdmissionRequest) -> Awaitable[None] | None:
        """Change an object in place before it is created or updated.

        It may be called more than once for one write, so running it on its own result must change nothing.

        Args:
            obj: The new object.
            request: The admission request.

        Raises:
            AdmissionDenied: Deny the request.
        """


class Validator(Generic[T]):
    """Decide which writes are allowed; a method that is not overridden allows all requests without reading them.

    Written as ``async def`` a method runs on the event loop and must not block it; written as ``def`` it runs in a
    thread.
    """

    def validate_create(self, obj: T, request: AdmissionRequest) -> Awaitable[Warnings] | Warnings:
        """Validate an object that is about to be created.

        Args:
            obj: The object, with defaults.
            request: The admission request.

        Returns:
            Warnings for the user, or None.

        Raises:
            AdmissionDenied: Deny the request.
        """

    def validate_update(self, old: T, new: T, request: AdmissionRequest) -> Awaitable[Warnings] | Warnings:
        """Validate an update of an object; removing a finalizer is also an update.

        Args:
            old: The object as it is stored.
            new: The object as it would be stored.
            request: The admission request, with its subresource.

        Returns:
            Warnings for the user, or None.

        Raises:
            AdmissionDenied: Deny the request.
        """

    def validate_delete(self, obj: T, request: AdmissionRequest) -> Awaitable[Warnings] | Warnings:
        """Validate the deletion of an object.

        Args:
            obj: The object as it is stored.
            request: The admission request.

        Returns:
            Warnings for the user, or None.

        Raises:
            AdmissionDenied: Deny the request.
        """
