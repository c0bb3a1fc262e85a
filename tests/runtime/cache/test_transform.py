"""What is kept of an object besides what a transform leaves of it."""

from __future__ import annotations

import json
from typing import Any

from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._transform import transformed


def test_a_transform_without_managed_fields_leaves_the_owners() -> None:
    """Without them an operator would apply, and so own, all of a status that others apply too."""
    entries = [{"manager": name, "operation": "Apply", "subresource": "status"} for name in ("b", "a")]
    entries.append({"manager": "a", "operation": "Apply"})
    raw = json.dumps({"metadata": {"name": "a", "uid": "1", "managedFields": entries}}).encode()

    def without(obj: Any) -> Any:
        return {**obj, "metadata": {**obj["metadata"], "managedFields": []}}

    found, whole = transformed(raw, without, {}), CachedObject.parse(raw)
    assert whole.status_appliers == "a\nb"
    assert (found.ownership, found.status_appliers) == (whole.ownership, whole.status_appliers)
