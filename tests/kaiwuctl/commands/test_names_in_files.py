"""Names that are odd where they stand: words of YAML, kinds in capitals, kinds with long names.

For each of them all commands that create something leave a project that is linted, builds, and says in YAML what was
asked for.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kaiwu_runtime._yaml_dumper import _AMBIGUOUS
from kaiwuctl.names.project import PROJECT_NAME_RULES
from kaiwuctl.scaffold.yaml_text import AMBIGUOUS, yaml_text

from ..importer.round_trip import crd_of
from .in_process import built, done, inside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORDS = ["y", "n", "yes", "no", "on", "off", "null", "nan", "inf", "e1", "x0"]
CAPITALS = ["VM", "DNS", "GPU2", "HTTPRoute"]


def crd_of_kind(kind: str) -> dict[str, Any]:
    """Return the CRD of a kind of another project."""
    crd = crd_of({"type": "string"})
    crd["spec"]["group"] = "third.io"
    crd["spec"]["names"] = {"kind": kind, "listKind": f"{kind}List", "plural": "thirds", "singular": kind.lower()}
    crd["metadata"]["name"] = "thirds.third.io"
    return crd


def create_everything(folder: Path, name: str, group: str, kind: str, plural: str, *, image: str = "") -> None:
    """Run every `create` for one name."""
    of = ("--group", group, "--kind", kind)
    with inside(folder):
        done("init", "--project-name", name, "--domain", "", "--multigroup")
        for version in ("v1", "v1beta1", "v2"):
            done("create", "api", *of, "--version", version, "--plural", plural, "--make=false")
        hooks = ("--defaulting", "--validation", "--conversion")
        done("create", "webhook", *of, "--version", "v1", *hooks, "--make=false")
        done("create", "api", *of, "--version", "v1", "--controller-name", f"{plural}-again", "--make=false")
        done("create", "api", *of[:3], f"{kind}1", "--version", "v1", "--image", image or group, "--make=false")


def check_lint(folder: Path) -> None:
    """Assert that ruff finds nothing."""
    for words in (("check",), ("format", "--check", "--diff")):
        command = [sys.executable, "-m", "ruff", words[0], "--no-cache", "-q", *words[1:], "."]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout


def scalars(value: object, path: tuple[object, ...] = ()) -> Iterator[tuple[tuple[object, ...], object]]:
    """Return what stands in a document, and where."""
    if isinstance(value, dict):
        for key, inner in value.items():
            assert isinstance(key, str), (path, key)
            yield from scalars(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from scalars(inner, (*path, index))
    else:
        yield path, value


TEXTS = {"kind", "name", "plural", "singular", "group", "listKind", "image", "app.kubernetes.io/name"}


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_yaml_is_a_name(word: str, tmp_path: Path) -> None:
    kind = word.title()
    create_everything(tmp_path, word, f"{word}.io", kind, word)
    check_lint(tmp_path)
    built(tmp_path)
    built(tmp_path, "config/samples")
    seen = set()
    for path in sorted((tmp_path / "config").rglob("*.yaml")):
        # PyYAML reads YAML 1.1, as kubectl does.
        for document in yaml.safe_load_all(path.read_text()):
            for place, value in scalars(document):
                if place[-1] in TEXTS or {"resources", "apiGroups"} & set(place):
                    assert isinstance(value, str), (path, place, value)
                    seen.add(value)
    assert {word, kind, f"{word}.io"} <= seen


@pytest.mark.parametrize("kind", [*CAPITALS, "K" * 30])
def test_a_kind_in_capitals_is_linted(kind: str, tmp_path: Path) -> None:
    create_everything(tmp_path, "x", "w.io", kind, "things")
    check_lint(tmp_path)


@pytest.mark.parametrize("length", [2, 18, 19, 24, 28, 29, 32, 36, 39, 40, 44, 47, 48, 53, 57])
def test_a_long_kind_is_linted(length: int, tmp_path: Path) -> None:
    kind = f"K{'a' * (length - 1)}"
    create_everything(tmp_path, "x", "w.io", kind, "things")
    check_lint(tmp_path)


@pytest.mark.parametrize("kind", ["I", "O", "L", "K" * 41, "K" * 59])
def test_every_option_is_linted(kind: str, tmp_path: Path) -> None:
    """Nothing is reported for a kind of one letter, which may look like a digit, nor for the longest."""
    versions = [("--group", "w.io", "--kind", kind, "--version", version) for version in ("v1", "v2beta1")]
    other = ("--group", "w.io", "--kind", f"{kind[:-1]}X", "--version", "v1")
    third = ("--group", "w.io", "--kind", f"{kind[:-1]}Y", "--version", "v1")
    cluster = ("--group", "w.io", "--kind", f"{kind[:-1]}Z", "--version", "v1")
    image = (
        "--image",
        "example.com/x:1",
        "--container-port",
        "80",
        "--run-as-user",
        "1000",
        "--container-command",
        "a,b",
    )
    hooks = ("--defaulting", "--validation", "--operations", "create,update,delete")
    (tmp_path / "crd.yaml").write_text(yaml.safe_dump(crd_of_kind(f"{kind[:-1]}I" if len(kind) > 1 else kind)))
    with inside(tmp_path):
        done("init", "--project-name", "x", "--domain", "")
        for of in versions:
            done("create", "api", *of, "--make=false")
        done("create", "webhook", *versions[0], *hooks, "--conversion", "--make=false")
        done("create", "api", *other, *image, "--controller-name", "z" * 63, "--make=false")
        done("create", "webhook", *other, *hooks[:1], "--make=false")
        done("create", "webhook", *other, *hooks[1:], "--make=false")
        done("create", "api", *third, "--domain", "other.io", "--untyped", "--resource=false", "--make=false")
        done("create", "api", *cluster, "--namespaced=false", "--make=false")
        done("create", "webhook", *cluster, *hooks, "--make=false")
        controller = ("--controller",) if len(kind) > 1 else ()
        done("import", "crd", "crd.yaml", "--external", *controller, "--make=false")
    (tmp_path / "crd.yaml").unlink()
    check_lint(tmp_path)
    command = [sys.executable, "-m", "mypy"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_words_are_the_generators() -> None:
    assert (AMBIGUOUS.pattern, AMBIGUOUS.flags) == (_AMBIGUOUS.pattern, _AMBIGUOUS.flags)
    assert all(rule.holds(word) for word in WORDS for rule in PROJECT_NAME_RULES)
    assert all(yaml.safe_load(yaml_text(word)) == word for word in WORDS)
