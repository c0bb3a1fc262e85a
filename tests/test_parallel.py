"""Tests of one group share ports and folders, so they have to be run one after the other, by one worker."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.certificates import CertificateAuthority

from .identifiers import is_document

TESTS = """
import pytest


@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(8))
def test_of_a_group(number):
    pass
"""


def test_a_group_is_run_by_one_worker(tmp_path: Path) -> None:
    """pytest-xdist reads the group from a part of pytest that is not public; where that is gone nothing is said."""
    (tmp_path / "test_group.py").write_text(TESTS, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    workers = re.findall(r"^\[(gw\d)\] .* PASSED", done.stdout, re.MULTILINE)
    assert len(workers) == 8, done.stdout + done.stderr
    assert len(set(workers)) == 1, done.stdout


@pytest.fixture(scope="module")
def of_this_module() -> None:
    """Could take long."""


@pytest.mark.usefixtures("of_this_module")
def test_tests_that_share_a_fixture_of_their_module_are_a_group(request: pytest.FixtureRequest) -> None:
    assert [mark.args for mark in request.node.iter_markers("xdist_group")] == [("test_parallel",)]


def test_other_tests_are_in_no_group(request: pytest.FixtureRequest, repository: Path) -> None:
    assert not list(request.node.iter_markers("xdist_group"))


def test_a_key_in_an_argument_does_not_name_a_test() -> None:
    """pytest 9.1 takes short and long text alike as a name, so that two workers collect different tests."""
    assert is_document(CertificateAuthority.create("a test").certificate)
    assert is_document("first\nsecond")
    assert not is_document("text")
    assert not is_document(b"bytes")
    assert not is_document(12)
