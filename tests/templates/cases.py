"""The projects that the golden trees show: one row for each shape that a user can ask for.

Three are committed as whole trees: generated-example/ (the plain one), and multigroup and namespaced below
tests/golden. Of every other one, tests/golden has a diff from one of these, which is what a reviewer wants to see.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PROJECT_FOLDER = "kaiwu-operator"
INIT = ("--domain", "inspur.com", "--repo", "github.com/inspur/kaiwu-operator")


@dataclass(frozen=True, slots=True)
class Case:
    """A project, as the commands that make it.

    Attributes:
        name: Name of the tree or the diff.
        init: Arguments of ``kaiwuctl init``.
        apis: Arguments of each ``kaiwuctl create api`` that follows.
        webhooks: Arguments of each ``kaiwuctl create webhook`` after that.
        files: Files that are there before, below the folder that the project's folder is in.
        base: The case that the diff starts from; None where the whole tree is committed.
    """

    name: str
    init: tuple[str, ...] = INIT
    apis: tuple[tuple[str, ...], ...] = ()
    webhooks: tuple[tuple[str, ...], ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    base: str | None = "plain"

    @property
    def commands(self) -> list[tuple[str, ...]]:
        """What is called after ``kaiwuctl init``."""
        commands = [("create", "api", *arguments, "--make=false") for arguments in self.apis]
        return commands + [("create", "webhook", *arguments, "--make=false") for arguments in self.webhooks]

    @property
    def namespaced(self) -> bool:
        """Whether the Makefile asks the generator for a Role."""
        return "--namespaced" in self.init


def api(group: str, version: str, kind: str, *more: str) -> tuple[str, ...]:
    """Return the arguments of ``kaiwuctl create api``."""
    return ("--group", group, "--version", version, "--kind", kind, *more)


KAIWU_CLUSTER = api("kaiwu", "v1", "KaiwuCluster", "--resource=true", "--controller=true")

# Ends without a newline and has an empty line, as files that people keep for this do.
CUSTOM_LICENSE = "Copyright 2026 The Kaiwu Authors.\n\nAll rights reserved."

CASES = (
    Case("plain", apis=(KAIWU_CLUSTER,), base=None),
    Case("no-api"),
    Case(
        "multigroup",
        init=(*INIT, "--multigroup"),
        apis=(
            api("kaiwu", "v1beta1", "KaiwuCluster"),
            api("kaiwu", "v1", "KaiwuCluster"),
            api("backup", "v1alpha1", "Schedule"),
            api("backup", "v1alpha1", "Schedule", "--resource=false", "--controller", "--controller-name", "retention"),
        ),
        base=None,
    ),
    Case("namespaced", init=(*INIT, "--namespaced"), apis=(api("kaiwu", "v1", "KaiwuCluster"),), base=None),
    # Another kind: the tests of these shapes share an API server, and a CRD's scope does not change.
    Case("cluster-scope", apis=(api("kaiwu", "v1", "StorageTier", "--namespaced=false"),)),
    Case("irregular-plural", apis=(api("kaiwu", "v1", "KaiwuCluster", "--plural", "kaiwufleet"),)),
    Case("two-kinds", apis=(api("kaiwu", "v1", "KaiwuCluster"), api("kaiwu", "v1", "KaiwuUser"))),
    Case("two-versions", apis=(api("kaiwu", "v1beta1", "KaiwuCluster"), api("kaiwu", "v1", "KaiwuCluster"))),
    Case(
        "same-kind-in-two-groups",
        init=(*INIT, "--multigroup"),
        apis=(api("kaiwu", "v1", "KaiwuCluster"), api("backup", "v1alpha1", "KaiwuCluster")),
        base="multigroup",
    ),
    Case("controller-only", apis=(api("apps", "v1", "Deployment", "--resource=false", "--controller"),)),
    Case(
        "external",
        apis=(
            api("cert-manager", "v1", "Certificate", "--domain", "io", "--untyped"),
            api("cert-manager", "v1", "ClusterIssuer", "--domain", "io", "--untyped", "--namespaced=false"),
            api("cert-manager", "v1", "Certificate", "--resource=false", "--controller-name", "renewal"),
        ),
    ),
    Case(
        "image",
        apis=(
            api(
                *("kaiwu", "v1", "Memcached", "--image", "registry.example.com/memcached:1.6"),
                *("--container-port", "11211", "--container-command", "memcached,--memory-limit=64"),
                *("--run-as-user", "1001"),
            ),
            api("kaiwu", "v1", "Worker", "--image", f"registry:5000/team/worker@sha256:{'0123456789abcdef' * 4}"),
        ),
    ),
    Case("resource-only", apis=(api("kaiwu", "v1", "KaiwuCluster", "--controller=false"),)),
    Case("license-none", init=(*INIT, "--license", "none"), apis=(api("kaiwu", "v1", "KaiwuCluster"),)),
    Case(
        "license-file",
        init=(*INIT, "--license-file", "../header.txt"),
        apis=(api("kaiwu", "v1", "KaiwuCluster"),),
        files={"header.txt": CUSTOM_LICENSE},
    ),
    Case(
        "webhooks",
        apis=(api("kaiwu", "v1beta1", "KaiwuCluster"), api("kaiwu", "v1", "KaiwuCluster")),
        webhooks=(
            api("kaiwu", "v1", "KaiwuCluster", "--defaulting", "--validation"),
            api("kaiwu", "v1", "KaiwuCluster", "--conversion"),
        ),
    ),
    Case(
        "webhooks-cert-manager",
        init=(*INIT, "--multigroup"),
        apis=(api("kaiwu", "v1", "KaiwuCluster"),),
        webhooks=(
            api("kaiwu", "v1", "KaiwuCluster", "--validation", "--certificates", "cert-manager"),
            api("core", "v1", "Pod", "--defaulting"),
        ),
        base="multigroup",
    ),
    Case(
        "second-controller",
        init=(*INIT, "--owner", "Inspur"),
        apis=(
            api("kaiwu", "v1", "KaiwuCluster"),
            api("kaiwu", "v1", "KaiwuCluster", "--resource=false", "--controller", "--controller-name", "backup"),
        ),
    ),
)
EXAMPLE = CASES[0]
