"""A scaffolded project's own end-to-end test, as its users run it."""

from __future__ import annotations

import re

from .conftest import Project


def test_the_projects_own_end_to_end_test(project: Project) -> None:
    output = project.make("test-e2e IMG=localhost/kaiwu-e2e:v1", PYTEST_ADDOPTS="-s")
    assert re.search(r"^=+ (\d+) passed in ", output, re.MULTILINE)
    for step in ("docker build", "make deploy", "make undeploy"):
        assert step in output or step.replace("docker", "") in output
