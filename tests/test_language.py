"""What docs/style.md asks for, as far as a pattern can tell: the phrases that were most common are kept out."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PATTERNS = {
    "is not a valid ...": (
        r"(?<![Tt]here )\b(?:is|are|was|were) no "
        r"(?!longer\b|more\b|such\b|different\b|better\b|larger\b|smaller\b)\w+"
    ),
    "the minimum": r"\bleast (?:level|version|length|number|size|value)\b",
    "the caller, a user, another process": r"\b(?:[Ss]omebody|[Nn]obody|[Ww]hoever|[Aa]nybody)\b",
    "rejects": r"\b(?:[Ss]erver|plugin|schema|rule|webhook)s? (?:itself |would )?refus(?:e|es|ed)\b",
    "what it is": r"\bwhat must not do that\b|\bsay what wakes\b",
}
# This page and this test quote what they forbid.
QUOTING = {"docs/style.md", "tests/test_language.py"}
READ = re.compile(r"\.(py|md|jinja|toml|yaml|yml|txt|sh)$|^Makefile$|^Dockerfile$|^\.ci/run$")


def texts() -> list[str]:
    """Return the tracked files that people read, without what is generated from others."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.splitlines()
    return [
        name
        for name in names
        if READ.search(name)
        and name not in QUOTING
        and not name.startswith(("tests/golden/", "generated-example/"))
        and (REPOSITORY / name).is_file()
    ]


@pytest.mark.parametrize("better", PATTERNS)
def test_phrase_is_not_used(better: str) -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in texts()
        for number, line in enumerate((REPOSITORY / name).read_text(encoding="utf-8").splitlines(), 1)
        if re.search(PATTERNS[better], line)
    ]
    assert found == [], f"write {better!r}:\n" + "\n".join(found)


def messages(source: str) -> list[tuple[int, str]]:
    """Return the texts of a module that are not docstrings, with their lines."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
    ]


@pytest.mark.parametrize("root", ["kaiwuctl", "runtime/kaiwu_runtime", "docs"])
def test_messages_say_directory(root: str) -> None:
    """As those of kubectl, cargo and Python do."""
    found = []
    for path in sorted((REPOSITORY / root).rglob("*")):
        if path.suffix == ".py":
            read = messages(path.read_text(encoding="utf-8"))
        elif path.suffix == ".md":
            read = list(enumerate(path.read_text(encoding="utf-8").splitlines(), 1))
        else:
            continue
        name = path.relative_to(REPOSITORY)
        found += [f"{name}:{line}: {text}" for line, text in read if " " in text and re.search(r"\bfolders?\b", text)]
    assert found == [], "write 'directory':\n" + "\n".join(found)


def test_patterns_find_what_they_are_for() -> None:
    examples = [
        "'x' is no address",
        "the least level",
        "somebody else's",
        "the API server would refuse it",
        "say what wakes the reconciler",
    ]
    for pattern, example in zip(PATTERNS.values(), examples, strict=True):
        assert re.search(pattern, example)
    assert not re.search(PATTERNS["is not a valid ..."], "it is no longer there")
