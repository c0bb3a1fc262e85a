"""Kinds made of fields, on a real API server: objects of them are written, read and written again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.client._codec import decode, encode
from kaiwu_runtime.generator import build_crds

if TYPE_CHECKING:
    from .conftest import Server

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def kind_of(name: str, fields: dict[str, Any]) -> type[CustomResource]:
    """Return a kind whose spec has these fields."""
    spec = create_model("Spec", __base__=APIModel, **fields)
    return resource(group="random.example.com", version="v1")(
        create_model(name, __base__=CustomResource, spec=(spec, ...))
    )


class Rig:
    """Kinds on the API server, each for a few objects."""

    def __init__(self, server: Server, *, name: str = "Random") -> None:
        self.server, self.name, self.number = server, name, 0

    def install(self, fields: dict[str, Any]) -> type[CustomResource]:
        """Create the CRD of a kind whose spec has these fields: annotation and default of each."""
        self.number += 1
        kind = kind_of(f"{self.name}{self.number}", fields)
        [crd] = build_crds([kind])
        code, answer = self.server.send("POST", CRDS, crd.manifest)
        assert code == 201, (answer.get("message"), fields)
        self.server.wait(self.server.path(kind), lambda _: True)
        return kind

    def remove(self, kind: type[CustomResource]) -> None:
        identity = kind.identity()
        self.server.send("DELETE", f"{CRDS}/{identity.plural}.{identity.group}")

    def check(self, kind: type[CustomResource], name: str, spec: Any) -> None:
        """Fail unless an object comes back equal and writing it again changes nothing."""
        made: Any = kind(spec=spec)
        sent = json.loads(encode(made))
        code, answer = self.server.create(kind, name, spec=sent["spec"])
        assert code == 201, (answer.get("message"), sent["spec"])
        read: Any = decode(kind, json.dumps(answer).encode())
        assert read.spec == spec, (read.spec, spec, sent["spec"])
        again = json.loads(encode(read))
        code, written = self.server.send("PUT", self.server.path(kind, name), again)
        assert code == 200, (written.get("message"), again["spec"])
        changed = written["metadata"]["resourceVersion"] != answer["metadata"]["resourceVersion"]
        assert not changed, [(stored, again["spec"].get(key)) for key, stored in answer["spec"].items()]
