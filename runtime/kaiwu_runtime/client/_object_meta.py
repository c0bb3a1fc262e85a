"""An object's metadata, to be changed in place whatever the object is."""

from __future__ import annotations

from typing import Any

from lightkube.models.meta_v1 import ObjectMeta

from kaiwu_runtime.api._identity import not_an_object


def metadata_of(obj: Any) -> ObjectMeta:  # noqa: ANN401 - a pydantic model or a lightkube kind
    """Return the metadata that is part of an object; one without metadata gets it.

    Args:
        obj: An instance of a project's type or of a lightkube kind. lightkube's generic kinds are mappings that make
            their ``metadata`` anew at each access, so that a change of it would be lost: it is put into the mapping.

    Raises:
        TypeError: It is a class, or something without metadata.
    """
    if isinstance(obj, type):
        raise not_an_object(obj)
    try:
        found: ObjectMeta | None = obj.metadata
    except AttributeError:
        raise not_an_object(obj) from None
    if found is not None and not isinstance(obj, dict):
        return found
    metadata = ObjectMeta() if found is None else found
    if isinstance(obj, dict):
        obj["metadata"] = metadata
    else:
        obj.metadata = metadata
    return metadata
