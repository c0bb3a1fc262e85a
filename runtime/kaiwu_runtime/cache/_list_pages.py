"""Lists of a collection, page by page.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.errors import GoneError
from kaiwu_runtime.rest._page import decode_page
from kaiwu_runtime.rest._transport import Transport


async def list_objects(
    transport: Transport,
    path: str,
    params: Mapping[str, str],
    *,
    page_size: int,
    accept: str,
    parse: Callable[[msgspec.Raw], CachedObject | None],
) -> tuple[list[CachedObject], str]:
    """Return all objects of a collection, and the resourceVersion of the list.

    Args:
        transport: Sends the requests.
        path: Of the collection.
        params: Selectors.
        page_size: Objects per page.
        accept: The media type of the answers.
        parse: Returns an object, or None for one that is left out.

    Raises:
        APIConnectionError: An answer is not a list.
        APIError: Any other failure.
    """
    query = {**params, "limit": str(page_size)}
    objects: list[CachedObject] = []
    while True:
        try:
            answer = await transport.request("GET", path, params=query, accept=accept)
            page = decode_page(answer, path, query.get("continue", ""))
        except GoneError:
            if "continue" not in query:
                raise
            # The snapshot that the pages come from has been compacted: one page with everything cannot age.
            query = dict(params)
            objects.clear()
            continue
        objects.extend(obj for item in page.items or () if (obj := parse(item)) is not None)
        metadata = page.metadata
        del answer, page  # before the next one comes
        if not metadata.continue_:
            return objects, metadata.resource_version
        query["continue"] = metadata.continue_
