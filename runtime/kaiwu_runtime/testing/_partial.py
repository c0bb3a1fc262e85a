"""Metadata-only responses, for clients that request them.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches
"""

from __future__ import annotations

import json
from typing import Any

from kaiwu_runtime.rest._transport import JSON

_API_VERSION = "meta.k8s.io/v1"


def accepted(answer: dict[str, Any], accept: str) -> dict[str, Any]:
    """Return an answer as it was asked for.

    Args:
        answer: An object or a list of them.
        accept: Media type that the request accepts.
    """
    if accept == JSON:
        return answer
    if "items" not in answer:
        return _partial(answer)
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": _API_VERSION,
        "metadata": {name: value for name, value in answer["metadata"].items() if value != ""},
        "items": [_partial(item) for item in answer["items"]],
    }


def partial_line(line: bytes) -> bytes:
    """Return an event of a watch with nothing but the object's metadata."""
    event = json.loads(line)
    return json.dumps({"type": event["type"], "object": _partial(event["object"])}).encode()


def _partial(obj: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": _API_VERSION, "metadata": obj["metadata"]}
