"""An API server, and the few requests the tests of the generator send to it."""

from __future__ import annotations

import copy
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from ..crds import install

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kaiwu_runtime.api import CustomResource
    from kaiwu_runtime.envtest import ControlPlane

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
        try:
            return code, json.loads(data or b"null")
        except ValueError:
            return code, data.decode()  # the response for an unknown path is plain text

    def install(self, models: Iterable[type[CustomResource]], directory: Path) -> None:
        """Install the kinds' CRDs as `make manifests` would write them."""
        install(self._plane, models, directory)

    def refusal(self, manifest: dict[str, Any]) -> str:
        """Return the API server's message about a CRD it refuses; fail when it accepts it."""
        code, answer = self.send("POST", f"{_CRDS}?dryRun=All", manifest)
        assert code == 422, f"the API server answered {code}: {json.dumps(answer)[:500]}"
        return str(answer["message"])

    def acceptance(self, manifest: dict[str, Any]) -> None:
        """Fail when the API server rejects a CRD."""
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
