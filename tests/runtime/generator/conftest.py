"""Kinds made on the fly, and an API server to put them on."""

from __future__ import annotations

import copy
import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import Field, create_model

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator.yaml_output import to_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

GROUP = "markers.example.com"
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


class Server:
    """The few requests these tests need; answers are (status code, body)."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self.installed: set[str] = set()

    def send(
        self, method: str, path: str, body: object = None, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        code, data = self._plane.rest.request(method, path, body, content_type=content_type)
        return code, json.loads(data or b"null")

    def install(self, models: Iterable[type[CustomResource]], directory: Path) -> None:
        """Install the kinds' CRDs as `make manifests` would write them."""
        for crd in build_crds(models):
            (directory / crd.file_name).write_text(to_yaml([crd.manifest]), encoding="utf-8")
        self._plane.install_crds(directory)

    def refusal(self, manifest: dict[str, Any]) -> str:
        """Return the API server's message about a CRD it refuses; fail when it accepts it."""
        code, answer = self.send("POST", f"{_CRDS}?dryRun=All", manifest)
        assert code == 422, f"the API server answered {code}: {json.dumps(answer)[:500]}"
        return str(answer["message"])

    def acceptance(self, manifest: dict[str, Any]) -> None:
        """Fail when the API server refuses a CRD."""
        code, answer = self.send("POST", f"{_CRDS}?dryRun=All", manifest)
        assert code == 201, answer.get("message", answer)

    def path(self, model: type[CustomResource], name: str = "", subresource: str = "") -> str:
        return model.identity().path("default", name, subresource)

    def create(self, model: type[CustomResource], name: str, **content: Any) -> tuple[int, Any]:
        identity = model.identity()
        body = {
            "apiVersion": identity.api_version,
            "kind": identity.kind,
            "metadata": {"name": name},
            **content,
        }
        return self.send("POST", self.path(model), body)

    def update(self, model: type[CustomResource], name: str, **content: Any) -> tuple[int, Any]:
        code, current = self.send("GET", self.path(model, name))
        assert code == 200, current
        return self.send("PUT", self.path(model, name), copy.deepcopy(current) | content)

    def delete(self, model: type[CustomResource], name: str) -> None:
        code, answer = self.send("DELETE", self.path(model, name))
        assert code == 200, answer

    def wait(self, path: str, check: Any, timeout: float = 20) -> Any:
        """Ask until an answer satisfies a check, and return it."""
        deadline = time.monotonic() + timeout
        while True:
            code, answer = self.send("GET", path)
            if code == 200 and check(answer):
                return answer
            assert time.monotonic() < deadline, f"{path}: {code} {answer}"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def server(control_plane: ControlPlane) -> Server:
    return Server(control_plane)


@pytest.fixture(scope="session")
def make_spec() -> Any:
    return _make_spec


@pytest.fixture(scope="session")
def make_kind() -> Any:
    return _make_kind


def _make_spec(**fields: Any) -> type[APIModel]:
    """Return a model: ``name=type`` is a required field, ``name=(type, default)`` an optional one."""
    content = {name: field if isinstance(field, tuple) else (field, ...) for name, field in fields.items()}
    return create_model("Spec", __base__=APIModel, **content)  # type: ignore[call-overload, no-any-return]


def _make_kind(
    name: str, spec: type[APIModel], status: type[APIModel] | None = None, **options: Any
) -> type[CustomResource]:
    """Return a kind with this spec, decorated with ``@resource``."""
    content: dict[str, Any] = {"spec": (spec, ...)}
    if status is not None:
        content["status"] = (status, Field(default_factory=status))
    model = create_model(name, __base__=CustomResource, **content)
    return resource(**{"group": GROUP, "version": "v1"} | options)(model)
