"""The build context has what the Dockerfile copies, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from kaiwu_runtime.image._dockerignore import DockerIgnore

TEMPLATES = Path(__file__).parents[2] / "templates" / "init"
LEFT_OUT = [
    ".env",
    ".git/config",
    ".venv/lib/python3.13/site-packages/pkg/module.py",
    "api/__pycache__/__init__.cpython-313.pyc",
    "api/v1/__pycache__/stale.py",
    "api/v1/module.pyc",
    "api/v1/tls.key",
    "controllers/.env",
    "controllers/cluster.kubeconfig",
    "bin/tool.py",
    "controllers/.kubeconfig",
    "dist/install.yaml",
    "main.py.orig",
    "README.md",
    "Makefile",
    "charts-of-mine/values.yaml",
    "config/rbac/role.yaml",
    "clock/.env.production",
    "clock/id_rsa",
    "hack/lock.sh",
    "kubeconfig",
    "requirements-old/a.py",
    "settings.yaml",
    "tests/test_manager.py",
    "venv/lib/module.py",
    "vendor/notes.txt",
    "wheels/source.tar.gz",
]


def sent(ignore_file: str, paths: Iterable[str]) -> list[str]:
    """Return those of the paths that a build sees."""
    ignore = DockerIgnore(ignore_file)
    return [path for path in paths if ignore.ignored_by(path) is None]


# What the Dockerfile names, with a file that is meant by it.
COPIED = {
    "requirements.loc[k]": "requirements.lock",
    "requirements-runtime.txt": "requirements-runtime.txt",
    ".": "webhooks/v1/hook.py",
    "hack/install.sh": "hack/install.sh",
    "vendor": "vendor/kaiwu_runtime-0.1.0-py3-none-any.whl",
    "wheel[s]/*": "wheels/pydantic-2.10.0-py3-none-any.whl",
}


def test_context_is_the_sources_the_wheel_and_the_requirements(golden: Path) -> None:
    names = [path.relative_to(golden).as_posix() for path in golden.rglob("*") if path.is_file()]
    sources = [name for name in names if re.fullmatch(r"(api|controllers)/.*\.py", name)]
    sources += ["controllers/templates/unit.conf", "webhooks/v1/hook.py"]
    sources += ["other.py", "clock/__init__.py", "clock/data/zones.json", "clock/README", "clock/deep/er/part.py"]
    wheels = ["vendor/kaiwu_runtime-0.1.0-py3-none-any.whl", "wheels/pydantic-2.10.0-py3-none-any.whl"]
    # Written by init and not committed with the golden trees.
    names.append("requirements-runtime.txt")
    expected = [
        "main.py",
        "hack/install.sh",
        *(name for name in names if re.fullmatch(r"requirements[^/]*", name)),
        *sources,
        *wheels,
    ]
    ignore_file = (golden / ".dockerignore").read_text(encoding="utf-8")
    assert sorted(sent(ignore_file, {*names, *sources, *wheels, *LEFT_OUT})) == sorted(expected)


def test_dockerfile_copies_what_is_sent(golden: Path) -> None:
    dockerfile = (golden / "Dockerfile").read_text(encoding="utf-8")
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, re.MULTILINE)
    assert {source for line in lines for source in line.split()} == set(COPIED)
    examples = list(COPIED.values())
    examples += ["main.py", "api/__init__.py", "controllers/__init__.py"]
    assert sent((golden / ".dockerignore").read_text(encoding="utf-8"), examples) == examples


@pytest.mark.parametrize("path", LEFT_OUT)
def test_a_builder_that_enters_every_folder_leaves_out_the_same(path: str) -> None:
    """BuildKit does so when a pattern with ``!`` and ``*`` is there; then the last pattern that matches decides."""
    ignore = DockerIgnore((TEMPLATES / ".dockerignore").read_text(encoding="utf-8"))
    pattern = ignore._last_match(path)
    assert pattern is not None
    assert not pattern.included


@pytest.mark.parametrize("name", ["id_rsa", "id_ecdsa", "id_ed25519_rotation", "kubeconfig"])
def test_code_that_is_called_like_a_secret_is_sent(name: str) -> None:
    ignore_file = (TEMPLATES / ".dockerignore").read_text(encoding="utf-8")
    code = [f"{folder}/{name}.py" for folder in ("api/v1", "controllers", "clock/deep")]
    secrets = [f"{folder}/{name}{suffix}" for folder in ("api/v1", "clock") for suffix in ("", ".key", ".pem")]
    elsewhere = [f"{folder}/{name}.py" for folder in ("bin", "tests", ".venv/lib", "api/.old", "api/__pycache__")]
    assert sent(ignore_file, [*code, *secrets, *elsewhere]) == code


@pytest.mark.parametrize(
    ("ignore_file", "path", "is_sent"),
    [
        ("", "a/b", True),
        ("# a", "a", True),
        ("**", "a/b/c", False),
        ("*", "a/b", False),  # the folder above matches
        ("*.py", "a/b.py", True),
        ("**/*.py", "a/b.py", False),
        ("**/*.py", "b.py", False),
        ("a/**/c", "a/c", False),
        ("a/**/c", "a/x/y/c", False),
        ("/a/", "a/b", False),
        ("a?", "ab", False),
        ("a?", "a/", True),
        ("a[bc]", "ac", False),
        ("**\n!a", "a/b", True),
        ("**\n!a/*.py", "a/b.txt", False),
        ("!a\n**", "a", False),
        ("a.b", "axb", True),
        ("**\n!a/**/*.py", "a/b.py", True),
        ("**\n!a/**/*.py", "a/b/c.py", False),  # a/b is not entered
        ("*\n!a\n**/*.key", "a/b/c.py", True),
        ("*\n!a\n**/*.key", "a/b/c.key", False),
    ],
)
def test_rules_are_those_of_docker(ignore_file: str, path: str, is_sent: bool) -> None:
    assert (sent(ignore_file, [path]) == [path]) == is_sent
