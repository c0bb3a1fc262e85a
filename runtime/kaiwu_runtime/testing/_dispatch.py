"""Dispatch the requests to a fake API server.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._collection import delete_collection
from kaiwu_runtime.testing._eviction import evict
from kaiwu_runtime.testing._injection import FakeRequest
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._patches import PatchError, json_patch, merge_patch
from kaiwu_runtime.testing._reads import list_page
from kaiwu_runtime.testing._refusals import not_found, not_served, refusal
from kaiwu_runtime.testing._rules import WriteOptions
from kaiwu_runtime.testing._scale import replicas_path, scale_of, scaled
from kaiwu_runtime.testing._storage import Storage
from kaiwu_runtime.testing._validation import check_options
from kaiwu_runtime.testing._writes import Writer

APPLY = "application/apply-patch+yaml"
_OPTIONS = {"create": "CreateOptions", "patch": "PatchOptions", "apply": "PatchOptions"}
_REMEMBERED = 4096

_Call = tuple[FakeKind, ObjectKey, bytes, str, tuple[tuple[str, str], ...]]


class Dispatcher:
    """Answer requests from a storage.

    Args:
        storage: Keeps the objects.
        writer: Changes them.
    """

    def __init__(self, storage: Storage, writer: Writer) -> None:
        self._storage = storage
        self._writer = writer
        # The results of writes that changed nothing: the same request for the same version changes nothing again.
        self._unchanged: dict[_Call, dict[str, Any]] = {}

    def answer(
        self, kind: FakeKind, request: FakeRequest, params: Mapping[str, str], content_type: str
    ) -> dict[str, Any]:
        """Return the body of the answer.

        Raises:
            APIStatusError: The API server would reject the request.
        """
        if request.verb not in {"apply", "patch"} or self._writer.mutates:
            return self._answer(kind, request, params, content_type)
        key = ObjectKey(request.namespace, request.name)
        call = (kind, key, request.body, f"{request.subresource} {content_type}", tuple(sorted(params.items())))
        before = self._storage.get(kind, key)
        if before is not None and self._unchanged.get(call) is before:
            return before
        answer = self._answer(kind, request, params, content_type)
        if answer is before and before is not None:
            if len(self._unchanged) >= _REMEMBERED:
                self._unchanged.clear()
            self._unchanged[call] = before
        return answer

    def _answer(
        self, kind: FakeKind, request: FakeRequest, params: Mapping[str, str], content_type: str
    ) -> dict[str, Any]:
        subresource = request.subresource
        if subresource and not self._offers(kind, subresource):
            raise not_found(kind, request.name) if kind.custom else not_served(subresource, "NotFound")
        if request.verb in _OPTIONS:
            check_options(_OPTIONS[request.verb], params, apply=request.verb == "apply")
        key = ObjectKey(request.namespace, request.name)
        options = WriteOptions(
            manager=params.get("fieldManager") or "kaiwu-runtime",  # by its User-Agent
            dry_run=params.get("dryRun") == "All",
            subresource=subresource,
            force=params.get("force") == "true",
        )
        sent = json.loads(request.body or b"{}")
        match request.verb, bool(request.name), subresource:
            case "list", False, "":
                return list_page(self._storage, kind, request.namespace, params)
            case "create", False, "":
                return self._writer.create(kind, request.namespace, sent, options)
            case "create", True, "eviction":
                return evict(self._storage, self._writer, kind, key, sent, dry_run=options.dry_run)
            case "get", True, "scale":
                return scale_of(kind, self._existing(kind, key))
            case "patch" | "apply", True, "scale":
                return self._scale(kind, key, _patch(content_type, sent), options)
            case "get", True, _:
                return self._existing(kind, key)
            case "apply", True, _:
                return self._writer.apply(kind, key, sent, options)
            case "patch", True, _:
                return self._writer.update(kind, key, _patch(content_type, sent), options)
            case "delete", True, "":
                return self._writer.delete(kind, key, sent)
            case "delete", False, "":
                return delete_collection(self._storage, self._writer, kind, request.namespace, (params, sent))
        what = f"{subresource} of an object" if subresource else "an object" if request.name else "a collection"
        raise refusal(405, f"the fake API server does no {request.verb} of {what}")

    def _existing(self, kind: FakeKind, key: ObjectKey) -> dict[str, Any]:
        found = self._storage.get(kind, key)
        if found is None:
            raise not_found(kind, key.name)
        return found

    def _scale(
        self, kind: FakeKind, key: ObjectKey, change: Callable[[dict[str, Any]], dict[str, Any]], options: WriteOptions
    ) -> dict[str, Any]:
        def change_object(obj: dict[str, Any]) -> dict[str, Any]:
            return scaled(kind, obj, change(scale_of(kind, obj)))

        return scale_of(kind, self._writer.update(kind, key, change_object, options))

    @staticmethod
    def _offers(kind: FakeKind, subresource: str) -> bool:
        match subresource:
            case "status":
                return kind.status
            case "scale":
                return replicas_path(kind) is not None
            case "eviction":
                return (kind.identity.group, kind.identity.kind) == ("", "Pod")
        return False


def _patch(content_type: str, sent: Any) -> Callable[[dict[str, Any]], dict[str, Any]]:  # noqa: ANN401 - any JSON
    def change(obj: dict[str, Any]) -> dict[str, Any]:
        try:
            patched = json_patch(obj, sent) if content_type == _JSON_PATCH else merge_patch(obj, sent)
        except PatchError as error:
            raise refusal(422, str(error)) from None
        if not isinstance(patched, dict):
            raise refusal(400, "the patched object is not a JSON object")
        return patched

    if content_type not in {APPLY, _JSON_PATCH, "application/merge-patch+json"}:
        raise refusal(415, f"the fake API server takes no patch of type {content_type}")
    return change


_JSON_PATCH = "application/json-patch+json"
