"""On a real API server the regenerated CRD of an imported kind changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kaiwu_runtime._manifests import read_manifests

from ...runtime.crds import remove
from .round_trip import meaning, regenerated

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaiwu_runtime.envtest import ControlPlane

pytestmark = pytest.mark.envtest

WELL_KNOWN = sorted((Path(__file__).parents[4] / "shared/crds").glob("*.yaml"))
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def lists(schema: Any) -> Iterator[list[str]]:
    """Yield the lists of required fields in a schema."""
    if isinstance(schema, dict) and isinstance(schema.get("required"), list):
        yield schema["required"]
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from lists(part)


@pytest.mark.parametrize("file", WELL_KNOWN, ids=lambda file: file.stem)
def test_kubectl_diff_is_empty(file: Path, control_plane: ControlPlane, tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not on the path")
    (crd,) = read_manifests(file.read_bytes())
    crd.pop("status", None)
    # The webhook of another project is not carried over.
    crd["spec"].pop("conversion", None)
    for version in crd["spec"]["versions"]:
        if version.get("subresources") == {}:
            del version["subresources"]
    made = regenerated(crd, tmp_path)
    code, stored = control_plane.rest.request("POST", CRDS, crd)
    assert code == 201, stored
    try:
        # The generator's own annotation is new, and says nothing about the kind.
        made["metadata"] = json.loads(stored)["metadata"]
        made["metadata"].pop("managedFields", None)
        # The generator writes the newest version first; the API server sorts them itself.
        order = [version["name"] for version in crd["spec"]["versions"]]
        made["spec"]["versions"].sort(key=lambda version: order.index(version["name"]))
        (tmp_path / "made.json").write_text(json.dumps(made))
        command = [kubectl, "diff", "--kubeconfig", str(control_plane.kubeconfig), "-f", str(tmp_path / "made.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if all(required == sorted(required) for required in lists(crd["spec"]["versions"])):
            assert (done.returncode, done.stdout) == (0, ""), done.stdout[:3000] + done.stderr
        else:
            # A schema with required fields in another order: the same for the API server, but not for diff.
            code, answer = control_plane.rest.request(
                "PATCH",
                f"{CRDS}/{crd['metadata']['name']}",
                {"spec": made["spec"]},
                content_type="application/merge-patch+json",
            )
            assert code == 200, answer
            assert meaning(json.loads(answer)) == meaning(json.loads(stored))
    finally:
        remove(control_plane, crd["metadata"]["name"])
