"""The verbs that read: get and list.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

from typing import TypeVar

from kaiwu_runtime.api._identity import ObjectKey, identify, key_of
from kaiwu_runtime.client._base_client import BaseClient
from kaiwu_runtime.client._codec import ListDecoder
from kaiwu_runtime.client._subresources import decode_answer, target
from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.rest._page import PAGE_SIZE, decode_page
from kaiwu_runtime.rest._paths import collection_path, object_path

T = TypeVar("T")


class ReadVerbs(BaseClient):
    """Reads single objects and collections."""

    async def get(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T:
        """Return one object, or what one of lightkube's subresource classes stands for.

        See :class:`~kaiwu_runtime.client.Reader`.
        """
        identity, subresource = target(kind, "get")
        namespace, name = key_of(name, namespace)
        path = object_path(identity, self.namespace_for(identity, namespace), name, subresource)
        return decode_answer(kind, subresource, await self.transport.request("GET", path))

    async def find(self, kind: type[T], name: str | ObjectKey, *, namespace: str = "") -> T | None:
        """Return one object as `get` does, or None when there is none of that name.

        Raises:
            NotFoundError: The API server does not have the kind at all.
            DecodeError: The object does not fit the type.
            APIError: Any other failure.
        """
        try:
            return await self.get(kind, name, namespace=namespace)
        except NotFoundError as error:
            # A path that the server does not know is answered in plain text, without a reason.
            if error.reason != "NotFound":
                raise
            return None

    async def list(
        self, kind: type[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> list[T]:
        """Return the objects that match, page by page; see :class:`~kaiwu_runtime.client.Reader`."""
        identity = identify(kind)
        path = collection_path(identity, self.namespace_for(identity, namespace))
        params = {"limit": str(PAGE_SIZE)}
        if label_selector:
            params["labelSelector"] = label_selector
        if field_selector:
            params["fieldSelector"] = field_selector
        found = ListDecoder(kind)
        while True:
            answer = await self.transport.request("GET", path, params=params)
            page = decode_page(answer, path, params.get("continue", ""))
            found.take(bytes(item) for item in page.items or ())
            if not page.metadata.continue_:
                return found.result()
            params["continue"] = page.metadata.continue_
