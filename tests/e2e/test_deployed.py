"""A scaffolded project's own end-to-end test, as its users run it."""

from __future__ import annotations

import re

from .conftest import Project

STEPS = (
    "make docker-build IMG=localhost/kaiwu-e2e:v1",
    "make deploy IMG=localhost/kaiwu-e2e:v1",
    "make deploy IMG=localhost/kaiwu-e2e:v1-next",
    "make undeploy IMG=localhost/kaiwu-e2e:v1-next",
    "make undeploy IMG=localhost/kaiwu-e2e:v1 ignore-not-found=true",
)


def test_the_projects_own_end_to_end_test(project: Project) -> None:
    output = project.make("test-e2e IMG=localhost/kaiwu-e2e:v1", PYTEST_ADDOPTS="-s")
    assert re.search(r"^=+ (\d+) passed in ", output, re.MULTILINE)
    ran = re.findall(r"^\.?\$ (.+?)   \(\d+\.\d s\)$", output, re.MULTILINE)
    assert [step for step in ran if step.startswith("make ") and step.split()[1] != "docker-push"] == list(STEPS)
