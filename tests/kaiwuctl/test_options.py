"""Flags are taken as operator-sdk's users type them; a forgotten value is noticed."""

from __future__ import annotations

import pytest

from kaiwuctl.errors import UsageError
from kaiwuctl.options import rewrite

BOOLEANS = {"--resource": "--no-resource", "--dry-run": ""}
VALUED = {"--group", "--version"}
KNOWN = {*BOOLEANS, "--no-resource", *VALUED, "--help", "-h"}


def rewritten(*args: str) -> list[str]:
    return rewrite(list(args), booleans=BOOLEANS, valued=VALUED, known=KNOWN)


@pytest.mark.parametrize("word", ["true", "True", "TRUE", "t", "T", "1"])
def test_true(word: str) -> None:
    assert rewritten(f"--resource={word}") == ["--resource"]


@pytest.mark.parametrize("word", ["false", "False", "FALSE", "f", "F", "0"])
def test_false(word: str) -> None:
    assert rewritten(f"--resource={word}") == ["--no-resource"]
    assert rewritten(f"--dry-run={word}") == []


@pytest.mark.parametrize(
    "args",
    [
        ("--resource",),
        ("--no-resource", "--group", "kaiwu"),
        ("--group=kaiwu", "--version", "v1"),
        ("--group", ""),
        ("--group="),
        ("--group", "-kaiwu"),
        ("--", "--resource=maybe"),
        ("--unknown=1", "positional", "true"),
        (),
    ],
)
def test_unchanged(args: tuple[str, ...]) -> None:
    assert rewritten(*args) == list(args)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ("--resource=yes",),
            "--resource=yes: 'yes' is not a boolean; write --resource=true or --resource=false",
        ),
        (("--resource=",), "--resource=: '' is not a boolean"),
        (("--resource", "false"), "--resource false: .* after an equals sign: --resource=false"),
        (("--dry-run", "true"), "--dry-run true: "),
        (("--group", "--version", "v1"), "--group: its value is missing, the flag --version follows"),
        (("--group", "--resource=false"), "--group: its value is missing, the flag --resource=false follows"),
        (("--group", "-h"), "--group: its value is missing, the flag -h follows"),
        (("--version", "v1", "--group"), "--group: its value is missing; write --group VALUE"),
    ],
)
def test_refused(args: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rewritten(*args)
