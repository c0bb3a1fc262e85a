"""The ControllerRevisions of a StatefulSet: its templates, so that a Pod of an old one can be made again.

See https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#rolling-updates
"""

from __future__ import annotations

from collections.abc import Collection

from kaiwu_runtime.testing._simulation._objects import (
    REVISIONS,
    Object,
    Objects,
    controller_of,
    digest,
    is_deleted,
    owned_by,
)

_HISTORY = 10


class Revisions:
    """The templates that a StatefulSet has had.

    Args:
        objects: Reads and writes.
        owner: The StatefulSet.
        revisions: All ControllerRevisions.

    Attributes:
        update: The name of the present one.
        current: The name of the one that Pods had before the update that goes on; else the present one.
    """

    def __init__(self, objects: Objects, owner: Object, revisions: list[Object]) -> None:
        self._objects = objects
        self._owner = owner
        mine = [each for each in revisions if controller_of(each) == owner["metadata"]["uid"] and not is_deleted(each)]
        self._known = {each["metadata"]["name"]: each for each in mine}
        self.update = f"{owner['metadata']['name']}-{digest(owner['spec']['template'])}"
        self.current = (owner.get("status") or {}).get("currentRevision") or self.update

    async def create(self) -> None:
        """Create the present one, or make it the latest again."""
        latest = max((each["revision"] for each in self._known.values()), default=0)
        present = self._known.get(self.update)
        metadata = self._owner["metadata"]
        if present is not None:
            if present["revision"] < latest:
                await self._objects.patch(REVISIONS, present, {"revision": latest + 1})
            return
        template = self._owner["spec"]["template"]
        labels = (template.get("metadata") or {}).get("labels") or {}
        body = {
            "metadata": {
                "name": self.update,
                "namespace": metadata["namespace"],
                "labels": {**labels, "controller.kubernetes.io/hash": self.update.rpartition("-")[2]},
                "ownerReferences": owned_by(self._owner),
            },
            "data": {"spec": {"template": {**template, "$patch": "replace"}}},
            "revision": latest + 1,
        }
        await self._objects.create(REVISIONS, body)

    def template(self, name: str) -> Object | None:
        """Return the template of a revision; None for the present one, and where it is not known."""
        found = self._known.get(name)
        if found is None or name == self.update:
            return None
        template: Object = found["data"]["spec"]["template"]
        return {member: part for member, part in template.items() if member != "$patch"}

    async def forget(self, used: Collection[str]) -> None:
        """Delete those beyond the history limit."""
        limit = self._owner["spec"].get("revisionHistoryLimit", _HISTORY)
        unused = sorted(
            (each for name, each in self._known.items() if name not in used), key=lambda each: int(each["revision"])
        )
        for each in unused[: max(0, len(unused) - limit)]:
            await self._objects.delete(REVISIONS, each)
