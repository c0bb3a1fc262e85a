"""`kubectl kustomize config/default` builds right after every command, also when no generator has run."""

from __future__ import annotations

import pytest
import yaml

from .command_line import CommandLine
from .in_process import built, run_generator

SHOP = ("--group", "web", "--version", "v1", "--kind", "Shop")
CREATE = ("create", "api", *SHOP, "--make=false")

# By name, the commands after `init`; config/default is built after each.
LIVES: dict[str, list[tuple[str, ...]]] = {
    "one kind": [CREATE, ("delete", "api", *SHOP, "--make=false")],
    "only the type": [(*CREATE, "--controller=false"), CREATE, ("delete", "api", *SHOP, "--make=false")],
    "two versions": [
        CREATE,
        ("create", "api", "--group", "web", "--version", "v2", "--kind", "Shop", "--make=false"),
        ("delete", "api", "--group", "web", "--version", "v2", "--kind", "Shop", "--make=false"),
        ("delete", "api", *SHOP, "--make=false"),
    ],
    "two kinds": [
        CREATE,
        ("create", "api", "--group", "web", "--version", "v1", "--kind", "Yes", "--namespaced=false", "--make=false"),
        ("delete", "api", *SHOP, "--make=false"),
    ],
    "webhooks": [
        CREATE,
        ("create", "webhook", *SHOP, "--defaulting", "--validation", "--make=false"),
        ("delete", "webhook", *SHOP, "--defaulting", "--make=false"),
        ("delete", "webhook", *SHOP, "--make=false"),
        ("delete", "api", *SHOP, "--make=false"),
    ],
    "another layout": [
        CREATE,
        ("edit", "--multigroup", "--make=false"),
        ("edit", "--no-multigroup", "--make=false"),
        ("delete", "api", *SHOP, "--make=false"),
    ],
    "another scope": [
        CREATE,
        ("edit", "--no-namespaced", "--make=false"),
        ("edit", "--namespaced", "--make=false"),
        ("delete", "api", *SHOP, "--make=false"),
    ],
    "a kind of Kubernetes": [
        (
            "create",
            "api",
            "--group",
            "apps",
            "--version",
            "v1",
            "--kind",
            "Deployment",
            "--resource=false",
            "--no-make",
        ),
        ("delete", "api", "--group", "apps", "--version", "v1", "--kind", "Deployment", "--no-make"),
    ],
}


LAYOUTS: list[tuple[str, ...]] = [(), ("--multigroup", "--namespaced")]


@pytest.mark.parametrize("layout", LAYOUTS, ids=["plain", "multigroup-namespaced"])
@pytest.mark.parametrize("name", LIVES)
def test_it_builds_after_every_command(empty: CommandLine, name: str, layout: tuple[str, ...]) -> None:
    empty.ok("init", "--domain", "example.com", *layout)
    objects = [built(empty.folder)]
    for command in LIVES[name]:
        empty.ok(*command)
        objects.append(built(empty.folder))
    if name not in {"two kinds", "another scope"} and (name, layout) != ("another layout", LAYOUTS[1]):
        assert objects[-1] == objects[0]


@pytest.mark.parametrize(
    "flags",
    [(), ("--namespaced=false",), ("--plural", "off"), ("--controller=false",)],
    ids=["plain", "cluster", "plural", "type"],
)
@pytest.mark.parametrize("kind", ["Shop", "Null", "HTTPRoute", "K" * 59])
def test_the_first_crd_is_what_the_generator_writes(empty: CommandLine, kind: str, flags: tuple[str, ...]) -> None:
    empty.ok("init", "--domain", "example.com", "--project-name", "x")
    empty.ok("create", "api", "--group", "web", "--version", "v1beta1", "--kind", kind, "--make=false", *flags)
    (crd,) = (empty.folder / "config/crd/bases").iterdir()
    before = crd.read_text()
    run_generator(empty.folder)
    assert crd.read_text() == before
    names = yaml.safe_load(before)["spec"]["names"]
    assert (names["kind"], names["singular"]) == (kind, kind.lower())


def test_a_crd_of_the_generator_is_kept(project: CommandLine) -> None:
    """`create api` for a second version, or with --force, does not set it back."""
    project.ok(*CREATE)
    (crd,) = (project.folder / "config/crd/bases").iterdir()
    crd.write_text(crd.read_text().replace("maxLength: 63", "maxLength: 64"))
    before = crd.read_text()
    project.ok("create", "api", "--group", "web", "--version", "v2", "--kind", "Shop", "--make=false")
    project.ok(*CREATE, "--force")
    assert crd.read_text() == before
