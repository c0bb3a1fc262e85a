"""The protocol of readers of objects: a client of the API server, or a cache."""

from __future__ import annotations

from typing import Protocol, TypeVar

from kaiwu_runtime.api._identity import ObjectKey

T = TypeVar("T")


class Reader(Protocol):
    """Reads objects, from the API server or from a cache."""

    async def get(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T:
        """Return one object.

        Args:
            kind: A project's type or a lightkube kind.
            name: The object's name, or its key (``ObjectKey``, ``Request``), which has the namespace too.
            namespace: Its namespace; ignored for a cluster-scoped kind.

        Raises:
            NotFoundError: There is no object of that name.
            DecodeError: It does not fit the type.
            APIError: The API server rejected the request or gave no response.
        """

    async def find(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T | None:
        """Return one object, or None if there is none; the arguments and other errors are those of :meth:`get`."""

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return the objects that match.

        Args:
            kind: A project's type or a lightkube kind.
            namespace: Empty for all namespaces.
            label_selector: For example ``app=db,tier!=cache``.
            field_selector: For example ``metadata.name=a``; a cache knows the object's name and namespace only.

        Raises:
            DecodeError: An object does not fit the type; `decoded` has the others.
            APIError: The API server rejected the request or gave no response.
        """
