"""Check the samples of a project against the schemas of its types, so that an outdated sample is noticed early.

CEL rules and formats are left to the API server: ``kubectl apply -k config/samples --dry-run=server``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from kaiwu_runtime._error_text import reason
from kaiwu_runtime._manifests import read_manifests
from kaiwu_runtime.generator._crd import CustomResourceDefinition
from kaiwu_runtime.generator._json_validation import violations

_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml"})
_MAX_BYTES = 1024 * 1024
_MAX_ALIASES = 100
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def sample_problems(folder: Path, crds: Iterable[CustomResourceDefinition]) -> Iterator[str]:
    """Yield a line for each mistake in the samples: the file, the object, the field and what is wrong with it.

    Args:
        folder: For example ``config/samples``; it need not exist.
        crds: The definitions of the project. Objects of other groups are ignored.
    """
    kinds = {
        (version.definition.identity.api_version, version.definition.identity.kind): version.schema
        for crd in crds
        for version in crd.versions
    }
    groups = {api_version.rpartition("/")[0] for api_version, _ in kinds}
    for file in sorted(folder.glob("*.y*ml")):
        if file.suffix not in {".yaml", ".yml"} or file.name in _KUSTOMIZATIONS or not file.is_file():
            continue
        try:
            documents = _documents(file)
        except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
            yield f"{file} cannot be read: {reason(error)}"
            continue
        for document in documents:
            if not isinstance(document, dict) or str(document.get("apiVersion")).rpartition("/")[0] not in groups:
                continue
            api_version, kind = str(document.get("apiVersion")), str(document.get("kind"))
            name = (document.get("metadata") or {}).get("name") if isinstance(document.get("metadata"), dict) else None
            where = f"{file}: {kind} {str(name)!r}" if name else f"{file}: {kind}"
            schema = kinds.get((api_version, kind))
            if schema is None:
                yield f"{where}: there is no kind {kind} of {api_version} in this project; change or remove the sample"
                continue
            content = {key: value for key, value in document.items() if key not in {"apiVersion", "kind", "metadata"}}
            for problem in violations(content, schema):
                yield f"{where}: {' '.join(problem.split()).removeprefix('.')}; correct the sample"


def _documents(file: Path) -> list[Any]:
    if file.stat().st_size > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES} bytes")
    data = file.read_bytes()
    # Reading an alias costs nothing, but walking through its content may cost a thousand times as much.
    if data.count(b"*") > _MAX_ALIASES and _aliases(data) > _MAX_ALIASES:
        raise ValueError(f"it has more than {_MAX_ALIASES} YAML aliases")
    return read_manifests(data)


def _aliases(data: bytes) -> int:
    return sum(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=_LOADER))
