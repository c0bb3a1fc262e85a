"""One page of a list, with its items as bytes.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

import msgspec

PAGE_SIZE = 500
"""Objects per page, as kubectl asks for them."""


class PageMetadata(msgspec.Struct, rename={"continue_": "continue", "resource_version": "resourceVersion"}):
    """What a list says about itself."""

    resource_version: str = ""
    continue_: str = ""


class Page(msgspec.Struct):
    """One page of a list; the items are kept as bytes."""

    metadata: PageMetadata
    items: list[msgspec.Raw] | None = None


page_decoder = msgspec.json.Decoder(Page)
