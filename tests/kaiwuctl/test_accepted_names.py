"""Whatever name is accepted gives a project that imports, type-checks and whose CRDs a real API server takes.

One project holds many names: the rules between names (uniqueness, shared packages) are met on the way, and mypy and
the API server are asked once for all of them.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kaiwuctl.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kaiwu_runtime.envtest.pytest_plugin import InstallCRDs

LABEL = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
# Names that have a meaning somewhere: Python, its standard library, Kubernetes, the project's own folders.
SPECIAL_GROUPS = [
    *("import", "class", "match", "type", "none", "json", "logging", "typing", "asyncio", "test", "tests", "api"),
    *("controllers", "main", "config", "v1", "v1beta1", "apps", "core", "4th", "a-b", "a.b.c", "kaiwu-runtime", ""),
]
SPECIAL_KINDS = [
    *("A", "Z9", "Class", "Type", "List", "String", "Int", "Dict", "Object", "Test", "TestCase", "Status", "Spec"),
    *("Pod", "Deployment", "Namespace", "Event", "Endpoints", "MyEndpoints", "Policy", "Ingress", "HTTPRoute"),
    *("CustomResourceDefinition", "Logger", "Controller", "Operator", "Reconcile", "Model", "BaseModel", "Self"),
    *("K" * 59, "Kaiwu2Cluster", "ManagerConfig", "Metadata", "ApiVersion", "Kind", "Default", "None1", "Main"),
]
GROUPS = st.sampled_from(SPECIAL_GROUPS) | LABEL | st.lists(LABEL, min_size=2, max_size=3).map(".".join)
VERSIONS = st.sampled_from(["v1", "v2", "v10", "v1alpha1", "v1beta2", "v12345"])
KINDS = st.sampled_from(SPECIAL_KINDS) | st.from_regex(r"[A-Z][A-Za-z0-9]{0,20}", fullmatch=True)
PLURALS = st.none() | st.from_regex(r"[a-z]([a-z0-9-]{0,12}[a-z0-9])?", fullmatch=True)
REQUESTS = st.tuples(GROUPS, VERSIONS, KINDS, PLURALS, st.booleans())
PROJECT_NAMES = st.sampled_from(["a", "json", "test", "x" * 28, "a-1"]) | st.from_regex(
    r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True
)


_NUMBERS = itertools.count()


def kaiwuctl(*arguments: str) -> int:
    return main(list(arguments))


@contextlib.contextmanager
def project(name: str) -> Iterator[Path]:
    """An initialised multigroup project of that name, as the working directory."""
    # The examples share an API server, on which the names of a group are unique.
    domain = f"example{next(_NUMBERS)}.com"
    home = Path.cwd()
    with tempfile.TemporaryDirectory(prefix="names-") as folder:
        os.chdir(folder)
        try:
            assert kaiwuctl("init", "--project-name", name, "--domain", domain, "--multigroup") == 0
            yield Path(folder)
        finally:
            os.chdir(home)


def create(request: tuple[str, str, str, str | None, bool]) -> bool:
    """Scaffold an API; whether its names were accepted."""
    group, version, kind, plural, namespaced = request
    flags = [f"--group={group}", f"--version={version}", f"--kind={kind}"]
    if plural is not None:
        flags.append(f"--plural={plural}")
    status = kaiwuctl("create", "api", *flags, f"--namespaced={str(namespaced).lower()}", "--make=false")
    assert status in {0, 2}, request
    return status == 0


def check(*command: str, folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    result = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"


def prove(folder: Path, install_crds: InstallCRDs) -> int:
    """Import, type-check and install everything in a project; the number of CRDs."""
    modules = sorted(
        path.relative_to(folder).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        for top in ("api", "controllers")
        for path in (folder / top).rglob("*.py")
    )
    check("-c", f"import importlib, main\nfor name in {modules!r}: importlib.import_module(name)", folder=folder)
    check("-m", "mypy", "--strict", "api", "controllers", "tests", "main.py", folder=folder)
    check("-m", "kaiwu_runtime.generator", "manifests", folder=folder)
    check("-m", "kaiwu_runtime.generator", "generate", folder=folder)
    bases = folder / "config" / "crd" / "bases"
    listed = (folder / "config" / "crd" / "kustomization.yaml").read_text()
    for path in bases.iterdir():
        assert f"bases/{path.name}\n" in listed
    return len(install_crds(bases))


@pytest.mark.envtest
@settings(
    max_examples=3,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(name=PROJECT_NAMES, requests=st.lists(REQUESTS, min_size=8, max_size=14))
def test_accepted_names_work(
    name: str,
    requests: list[tuple[str, str, str, str | None, bool]],
    install_crds: InstallCRDs,
) -> None:
    with project(name) as folder:
        accepted = [request for request in requests if create(request)]
        if accepted:
            assert prove(folder, install_crds) == len({(group, kind) for group, _, kind, _, _ in accepted})


@pytest.mark.envtest
def test_special_names_work(install_crds: InstallCRDs) -> None:
    with project("special") as folder:
        for number, kind in enumerate(SPECIAL_KINDS):
            group = SPECIAL_GROUPS[number % len(SPECIAL_GROUPS)]
            create((group, "v1", kind, None, number % 2 == 0))
        assert prove(folder, install_crds) > len(SPECIAL_KINDS) // 2
