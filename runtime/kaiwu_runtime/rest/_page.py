"""One page of a list, with its items as bytes.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import msgspec

from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._deep_json import UNREADABLE, elements, members

PAGE_SIZE = 500
"""Objects per page, as in kubectl."""


class PageMetadata(msgspec.Struct, rename={"continue_": "continue", "resource_version": "resourceVersion"}):
    """The metadata of a list."""

    resource_version: str = ""
    continue_: str = ""


class Page(msgspec.Struct):
    """One page of a list; the items are kept as bytes."""

    metadata: PageMetadata
    items: list[msgspec.Raw] | None = None


_page = msgspec.json.Decoder(Page)
_metadata = msgspec.json.Decoder(PageMetadata)


def decode_page(answer: bytes, path: str, token: str = "") -> Page:
    """Return the page that the API server answered with, however deep its objects are nested.

    Args:
        answer: The body.
        path: Of the collection, for errors.
        token: The token that the page was asked for with; empty for the first one.

    Raises:
        APIConnectionError: It is not a list of objects, or leads to itself, which would never end.
    """
    try:
        page = _read(answer)
    except UNREADABLE as error:
        raise APIConnectionError(f"list of {path}: not a list of objects ({error})") from error
    if token and page.metadata.continue_ == token:
        raise APIConnectionError(f"list of {path}: the continue token of a page leads to the same page")
    return page


def _read(answer: bytes) -> Page:
    try:
        return _page.decode(answer)
    except RecursionError:
        parts = members(answer)
        items = [msgspec.Raw(item) for item in elements(parts.get("items", b"null"))]
        return Page(_metadata.decode(parts.get("metadata", b"{}")), items)
