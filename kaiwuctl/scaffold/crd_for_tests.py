"""The CRDs of other projects in tests/crds, so that the API server of the tests serves their kinds."""

from __future__ import annotations

import io
from typing import Any, Final

from ruamel.yaml import YAML

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.roundtrip import Document, InvalidYAMLError, append

FOLDER: Final = "tests/crds"

_HEAD: Final = """\
# For the tests only: kustomize does not apply it. Where it accepts every object, replace it with the CRD that the
# other project installs.
"""


def minimal_crd(group: str, version: str, kind: str, plural: str, *, namespaced: bool) -> dict[str, Any]:
    """Return a CRD that accepts every object of a kind.

    See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
    """
    preserved = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    metadata: dict[str, Any] = {"name": f"{plural}.{group}"}
    if group.endswith((".k8s.io", ".kubernetes.io")):
        # Without it the API server rejects a CRD in a group of Kubernetes.
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, for tests"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {
            "group": group,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced" if namespaced else "Cluster",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": preserved},
                    "subresources": {"status": {}},
                }
            ],
        },
    }


def add_version(path: str, text: str | None, crd: dict[str, Any]) -> str:
    """Return the file of a CRD with one more version; one that has it already stays as it is.

    Args:
        path: The file, for messages.
        text: Its present text; None for a new file.
        crd: The CRD with the version.

    Raises:
        KaiwuctlError: The text is not the CRD of this kind.
    """
    if text is None:
        return _HEAD + _dumped(crd)
    try:
        document = Document(text)
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}:{error.line}: broken YAML: {error.problem}; correct that line") from None
    versions = _versions(document.root, crd)
    if versions is None:
        raise KaiwuctlError(f"{path}: is not the CRD {crd['metadata']['name']}; move it away")
    present = {version.get("name") for version in versions if isinstance(version, dict)}
    missing = [version for version in crd["spec"]["versions"] if version["name"] not in present]
    if not missing:
        return text
    append(versions, [{**version, "storage": False} for version in missing])
    try:
        return document.dumps()
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}: {error.problem}; correct it by hand") from None


def remove_version(path: str, text: str, version: str) -> str:
    """Return the file of a CRD without one version; another one is stored instead where that was the stored one.

    Args:
        path: The file, for messages.
        text: Its present text.
        version: The version that goes; where the file does not have it, or only this one, the text stays as it is.

    Raises:
        KaiwuctlError: The text is not valid YAML.
    """
    try:
        document = Document(text)
        root = document.root
        spec = root.get("spec") if isinstance(root, dict) else None
        versions = spec.get("versions") if isinstance(spec, dict) else None
        listed = [each for each in versions if isinstance(each, dict)] if isinstance(versions, list) else []
        gone = [index for index, each in enumerate(listed) if each.get("name") == version]
        if not gone or len(listed) < 2 or not isinstance(versions, list):
            return text
        was_stored = listed[gone[0]].get("storage") is True
        del versions[gone[0]]
        if was_stored:
            versions[0]["storage"] = True
        return document.dumps()
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}:{error.line}: broken YAML: {error.problem}; correct that line") from None


def _versions(root: object, crd: dict[str, Any]) -> Any:  # noqa: ANN401 - a loaded list
    if not isinstance(root, dict) or root.get("kind") != crd["kind"]:
        return None
    metadata, spec = root.get("metadata"), root.get("spec")
    if not isinstance(metadata, dict) or metadata.get("name") != crd["metadata"]["name"] or not isinstance(spec, dict):
        return None
    versions = spec.get("versions")
    return versions if isinstance(versions, list) else None


def _dumped(crd: dict[str, Any]) -> str:
    yaml = YAML(typ="rt", pure=True)
    yaml.width = 4096
    stream = io.StringIO()
    yaml.dump(crd, stream)
    return stream.getvalue()
