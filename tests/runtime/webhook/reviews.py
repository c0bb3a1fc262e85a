"""Reviews as the API server sends them, and handlers that note what they are asked."""

from __future__ import annotations

import json
import threading
from typing import Any

from kaiwu_runtime.webhook import AdmissionRequest, Defaulter, Validator
from kaiwu_runtime.webhook._handlers import AdmissionHandler, answer
from kaiwu_runtime.webhook._review import decode_review, encode_review

from .widgets import GROUP, Part, Widget


def widget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "Widget",
        "metadata": {"name": "a", "namespace": "team", "futureMetadata": 1},
        "spec": spec,
    }


def review(obj: object = None, old: object = None, operation: str = "CREATE", **request: Any) -> bytes:
    return json.dumps(
        {
            "apiVersion": "admission.k8s.io/v1",
            "kind": "AdmissionReview",
            "request": {
                "uid": "705ab4f5",
                "kind": {"group": GROUP, "version": "v1", "kind": "Widget"},
                "resource": {"group": GROUP, "version": "v1", "resource": "widgets"},
                "name": "a",
                "namespace": "team",
                "operation": operation,
                "userInfo": {"username": "ann", "groups": ["dev"], "extra": {"k": ["v"]}},
                "object": obj,
                "oldObject": old,
                "options": None,
                **request,
            },
        }
    ).encode()


async def respond(handler: AdmissionHandler, body: bytes) -> dict[str, Any]:
    request = decode_review(body)
    found: dict[str, Any] = json.loads(encode_review(request.uid, await answer("/path", handler, request)))
    assert (found["apiVersion"], found["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: dict[str, Any] = found["response"]
    assert response.pop("uid") == "705ab4f5"
    return response


class Painter(Defaulter[Widget]):
    async def default(self, obj: Widget, request: AdmissionRequest) -> None:
        obj.spec.colour = obj.spec.colour or "red"
        for part in obj.spec.parts:
            part.size = part.size or 1
        obj.spec.parts.append(Part(name="last"))


class Recording(Validator[Widget]):
    """Notes what it is called with, in a thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str]:
        self.calls.append(("create", obj.spec.colour, threading.current_thread() is threading.main_thread()))
        return ["red is\n out of   fashion"]

    async def validate_update(self, old: Widget, new: Widget, request: AdmissionRequest) -> None:
        self.calls.append(("update", old.spec.colour, new.spec.colour, request.sub_resource))

    def validate_delete(self, obj: Widget, request: AdmissionRequest) -> None:
        self.calls.append(("delete", obj.spec.colour))
