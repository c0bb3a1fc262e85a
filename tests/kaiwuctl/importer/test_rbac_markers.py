"""`+kubebuilder:rbac` comments as decorators: the generator accepts what is written."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kaiwu_runtime.api import rbac, rbac_rules
from kaiwu_runtime.generator import build_roles
from kaiwuctl.importer.rbac_markers import Permission, read_markers, read_role

MARKER = "// +kubebuilder:rbac:"

WORDS = st.sampled_from(
    [
        *("get", "list", "watch", "*", "Get", "get-all", "get list", "", "core", "apps", "deployments", "Deployments"),
        *(
            "pods/exec",
            "pods/*",
            "/metrics",
            "/a*b",
            "/a*",
            "metrics",
            "system",
            "a.b",
            "\u00e9",
            "\u202e",
            "\\",
            "{",
            "}",
        ),
        *(
            '"',
            "'",
            "`",
            '""',
            '"a;b"',
            "{a,b}",
            '{"a","b"}',
            "a:b",
            "=",
            "%",
            "..",
            "x" * 300,
            "$(id)",
            "\ufffd",
            "\t",
        ),
    ]
) | st.text(max_size=8)
NAMES = st.sampled_from(
    ["groups", "resources", "verbs", "resourceNames", "urls", "namespace", "roleName", "verb", "Groups", "featureGate"]
)
OPERANDS = st.tuples(NAMES, st.lists(WORDS, max_size=3).map(";".join)).map("=".join)
MARKERS = st.lists(OPERANDS, max_size=6).map(",".join)
VALID = st.fixed_dictionaries(
    {
        "groups": st.sampled_from(["apps", '""', "core", "apps;batch", "*"]),
        "resources": st.sampled_from(["deployments", "pods;pods/log", "pods/exec", "*"]),
        "verbs": st.sampled_from(["get", "get;list;watch", "create", "*"]),
    },
    optional={"namespace": WORDS, "roleName": WORDS, "resourceNames": WORDS, "urls": WORDS, "odd": WORDS},
).map(lambda operands: ",".join(f"{name}={value}" for name, value in operands.items()))


def declared(permissions: list[Permission]) -> type[Any]:
    """Return a class with the decorators as they are written to a file."""
    source = "\n".join(permission.decorator() for permission in permissions)
    names: dict[str, Any] = {"rbac": rbac}
    exec(compile(f"{source}\nclass Reconciler: ...", "module", "exec"), names)
    return names["Reconciler"]  # type: ignore[no-any-return]


@given(markers=st.lists(MARKERS | VALID, max_size=4))
def test_what_is_written_the_generator_accepts(markers: list[str]) -> None:
    text = "".join(f"{MARKER}{marker}\n" for marker in markers)
    found, rejected = read_markers(text)
    for each in rejected:
        assert int(each.place) <= text.count("\n")
        assert each.problem
    for permission in found:
        rules = rbac_rules(declared([permission]))
        assert replace(permission.rule(), declared_on="") == replace(rules[0], declared_on="")
        build_roles(rules, role_name="manager-role")


RULE_VALUES = st.none() | st.integers() | st.text(max_size=3) | st.lists(WORDS | st.none() | st.integers(), max_size=3)


@given(
    rules=st.lists(
        st.dictionaries(
            st.sampled_from(["apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs"]), RULE_VALUES
        ),
        max_size=3,
    ),
    kind=st.sampled_from(["Role", "ClusterRole"]),
    metadata=st.none() | st.dictionaries(st.sampled_from(["name", "namespace"]), WORDS),
)
def test_the_rules_of_a_role(rules: list[Any], kind: str, metadata: Any) -> None:
    found, rejected = read_role({"kind": kind, "metadata": metadata, "rules": rules})
    assert len(found) + len(rejected) == len(rules), "each rule is carried over or named"
    for permission in found:
        build_roles(rbac_rules(declared([permission])), role_name="manager-role")


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ("groups=apps,resources=deployments,verbs=get", {"groups": ("apps",), "resources": ("deployments",)}),
        ('groups="",resources=pods,verbs=get', {"groups": ("",)}),
        ("resources=pods,verbs=get", {"groups": ("",)}),
        ('groups="apps;batch",resources=jobs,verbs=get', {"groups": ("apps", "batch")}),
        ('groups="apps";"batch",resources=jobs,verbs=get', {"groups": ("apps", "batch")}),
        (
            "groups={apps,batch},resources=jobs,verbs={get,list}",
            {"groups": ("apps", "batch"), "verbs": ("get", "list")},
        ),
        ("groups=`apps`,resources=jobs,verbs=get", {"groups": ("apps",)}),
        (" groups = apps , resources = jobs , verbs = get ", {"groups": ("apps",), "verbs": ("get",)}),
        ("urls=/metrics;/healthz/*,verbs=get", {"urls": ("/metrics", "/healthz/*")}),
    ],
)
def test_a_marker(marker: str, words: dict[str, tuple[str, ...]]) -> None:
    found, rejected = read_markers(f"package a\r\n\r\n//  {MARKER[3:]}{marker}\r\n")
    assert not rejected
    assert dict(found[0].words).items() >= words.items()


@pytest.mark.parametrize(
    ("marker", "problem"),
    [
        ("", "needs verbs"),
        ("groups=apps,resources=deployments", "needs verbs"),
        ("groups=apps,resources=deployments,verbs=", "needs verbs"),
        ("groups=apps,resources=deployments,verbs=get;;list", "needs verbs"),
        ("groups=apps,verbs=get", "needs resources (or urls)"),
        ("verbs=get", "needs resources (or urls)"),
        ("groups=apps,resources=deployments,verbs=Get", "verb 'Get' is not a valid verb"),
        ("groups=apps,resources=deployments,verbs=get-", "verb 'get-' is not a valid verb"),
        ("groups=apps,resources=deployments,verbs=get|list", "verb 'get|list' is not a valid verb"),
        ("groups=apps,resources=Deployment,verbs=get", "resource 'Deployment' is a kind"),
        ("groups=apps,resources=a b,verbs=get", "resources='a b': write several as a list"),
        ("urls=metrics,verbs=get", "url 'metrics' must start with '/'"),
        ("urls=/a*b,verbs=get", "'*' is only allowed at the end"),
        ("urls=/a,resources=pods,verbs=get", "has urls and resources"),
        ("urls=/a,verbs=get,namespace=system", "urls cannot be granted in a namespace"),
        ("groups=apps,resources=jobs,verbs=get,namespace=A", "namespace='A' is not a valid namespace"),
        ("groups=apps,resources=jobs,verbs=get,namespace=a;b", "namespace= must be one name"),
        ("groups=apps,resources=jobs,verbs=get,roleName=a/b", "role_name='a/b' is not a valid name"),
        ("groups=apps,resources=jobs,verb=get", "verb= is not known: use groups"),
        ("groups=apps,resources=jobs,verbs=get,featureGate=alpha", "featureGate= is not known"),
        ("groups=apps,groups=batch,resources=jobs,verbs=get", "groups= is there twice"),
        ("groups=apps,resources,verbs=get", "cannot read 'resources,verbs=get'"),
        ("groups=apps;resources=jobs;verbs=get", "needs verbs"),
        ("nonsense", "cannot read 'nonsense'"),
    ],
)
def test_a_marker_that_is_no_rule(marker: str, problem: str) -> None:
    found, (rejected,) = read_markers(f"package a\n\n{MARKER}{marker}\n{MARKER}urls=/metrics,verbs=get\n")
    assert rejected.place == "3"
    assert rejected.text == f"+kubebuilder:rbac:{marker}"
    assert problem in rejected.problem
    assert len(found) == 1, "the next one is carried over"


def test_a_role_of_a_namespace_stays_one() -> None:
    rules = [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]
    (plain,), _ = read_role({"kind": "ClusterRole", "metadata": {"name": "manager-role"}, "rules": rules})
    assert (plain.namespace, plain.role_name) == ("", "")
    (own,), _ = read_role({"kind": "Role", "metadata": {"name": "manager-role"}, "rules": rules})
    assert (own.namespace, own.role_name) == ("system", "")
    (other,), _ = read_role({"kind": "Role", "metadata": {"name": "reader", "namespace": "infra"}, "rules": rules})
    assert (other.namespace, other.role_name) == ("infra", "reader")
