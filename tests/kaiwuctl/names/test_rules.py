"""Every rule has names that pass, names that do not, and says so with an example that passes."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names import api, project
from kaiwuctl.names.rule import Rule, check

if TYPE_CHECKING:
    from collections.abc import Sequence

TABLES: dict[str, Sequence[Rule]] = {
    "--project-name": project.PROJECT_NAME_RULES,
    "--domain": project.DOMAIN_RULES,
    "--repo": project.REPO_RULES,
    "--owner": project.OWNER_RULES,
    "--group": api.GROUP_RULES,
    "--version": api.VERSION_RULES,
    "--kind": api.KIND_RULES,
    "--plural": api.PLURAL_RULES,
    "--controller-name": api.CONTROLLER_NAME_RULES,
    "--defaulting-path": api.WEBHOOK_PATH_RULES,
}

ACCEPTED = [
    ("--project-name", "a"),
    ("--project-name", "kaiwu-operator"),
    ("--project-name", "x" * 28),
    ("--project-name", "json"),
    ("--domain", ""),
    ("--domain", "inspur.com"),
    ("--domain", "my.domain"),
    ("--domain", "io"),
    ("--domain", "0.example"),
    ("--repo", "github.com/inspur/kaiwu-operator"),
    ("--repo", "https://git.example.com:8443/~ann/kaiwu_operator.py"),
    ("--repo", "my.domain/kaiwu"),
    ("--owner", ""),
    ("--owner", "Decoding Inc"),
    ("--owner", 'The "Kaiwu" Authors \\ Inspur & söhne'),
    ("--defaulting-path", "/mutate"),
    ("--defaulting-path", "/mutate-kaiwu-inspur-com-v1-kaiwucluster"),
    ("--defaulting-path", "/a/b_c/d.e"),
    ("--group", ""),
    ("--group", "kaiwu"),
    ("--group", "sea-creatures"),
    ("--group", "foo.policy"),
    ("--group", "import"),
    ("--group", "json"),
    ("--group", "4th"),
    ("--version", "v1"),
    ("--version", "v12"),
    ("--version", "v1beta2"),
    ("--version", "v2alpha10"),
    ("--kind", "K"),
    ("--kind", "KaiwuCluster"),
    ("--kind", "HTTPRoute2"),
    ("--kind", "K" * 59),
    ("--plural", "kaiwuclusters"),
    ("--plural", "sea-otters"),
    ("--plural", "p" * 63),
    ("--controller-name", "kaiwucluster"),
    ("--controller-name", "captain-backup"),
]

REFUSED = [
    ("--defaulting-path", "", "webhook-path-form"),
    ("--defaulting-path", "mutate", "webhook-path-form"),
    ("--defaulting-path", "/", "webhook-path-form"),
    ("--defaulting-path", "/a?b=c", "webhook-path-form"),
    ("--defaulting-path", "/a//b", "webhook-path-form"),
    ("--defaulting-path", "/../b", "webhook-path-form"),
    ("--defaulting-path", "/é", "webhook-path-form"),
    ("--defaulting-path", "/a\n", "webhook-path-form"),
    ("--defaulting-path", "/" + "x" * 230, "webhook-path-length"),
    ("--defaulting-path", "/convert", "webhook-path-convert"),
    ("--project-name", "", "project-name-present"),
    ("--project-name", "Kaiwu", "project-name-label"),
    ("--project-name", "kaiwu_operator", "project-name-label"),
    ("--project-name", "1kaiwu", "project-name-label"),
    ("--project-name", "kaiwu-", "project-name-label"),
    ("--project-name", "-kaiwu", "project-name-label"),
    ("--project-name", "kai.wu", "project-name-label"),
    ("--project-name", "kaiwu\n", "project-name-label"),
    ("--project-name", "x" * 29, "project-name-length"),
    ("--project-name", "kaiwu-runtime", "project-name-dependency"),
    ("--domain", "Inspur.com", "domain-subdomain"),
    ("--domain", "inspur..com", "domain-subdomain"),
    ("--domain", "inspur.com.", "domain-subdomain"),
    ("--domain", "inspur_x.com", "domain-subdomain"),
    ("--domain", "https://inspur.com", "domain-subdomain"),
    ("--domain", "x" * 64 + ".com", "domain-labels"),
    ("--domain", "a." * 50 + "com", "domain-length"),
    ("--domain", "k8s.io", "domain-protected"),
    ("--domain", "x.kubernetes.io", "domain-protected"),
    ("--repo", "", "repo-url"),
    ("--repo", "github.com", "repo-url"),
    ("--repo", "git@github.com:inspur/kaiwu.git", "repo-url"),
    ("--repo", "https://user:secret@github.com/a/b", "repo-url"),
    ("--repo", "github.com/a/b c", "repo-url"),
    ("--repo", "github.com/a?b=c", "repo-url"),
    ("--repo", "ftp://github.com/a", "repo-url"),
    ("--repo", "github.com/a/../b", "repo-url"),
    ("--repo", "github.com/" + "a" * 200, "repo-length"),
    ("--owner", "two\nlines", "owner-line"),
    ("--owner", "bell\x07", "owner-line"),
    ("--owner", "x coding: utf-7", "owner-encoding"),
    ("--owner", "encoding=utf-8", "owner-encoding"),
    ("--owner", "x" * 81, "owner-length"),
    ("--group", "Kaiwu", "group-subdomain"),
    ("--group", "kaiwu_x", "group-subdomain"),
    ("--group", "-kaiwu", "group-subdomain"),
    ("--group", "kaiwu.", "group-subdomain"),
    ("--group", "--version", "group-subdomain"),
    ("--group", "x" * 64, "group-labels"),
    ("--group", "ab." * 40 + "c", "group-length"),
    ("--version", "", "version-form"),
    ("--version", "1", "version-form"),
    ("--version", "v0", "version-form"),
    ("--version", "v1.2", "version-form"),
    ("--version", "v1beta", "version-form"),
    ("--version", "v1beta0", "version-form"),
    ("--version", "v01", "version-form"),
    ("--version", "v1rc1", "version-form"),
    ("--version", "v\N{ARABIC-INDIC DIGIT ONE}", "version-form"),
    ("--version", "v" + "1" * 20, "version-length"),
    ("--kind", "", "kind-identifier"),
    ("--kind", "Kaiwu-Cluster", "kind-identifier"),
    ("--kind", "Kaiwu_Cluster", "kind-identifier"),
    ("--kind", "Käiwu", "kind-identifier"),
    ("--kind", "kaiwuCluster", "kind-uppercase"),
    ("--kind", "1Kaiwu", "kind-uppercase"),
    ("--kind", "K" * 60, "kind-length"),
    ("--kind", "List", "kind-list"),
    ("--kind", "None", "kind-reserved"),
    ("--kind", "True", "kind-reserved"),
    ("--kind", "Exception", "kind-reserved"),
    ("--kind", "Condition", "kind-reserved"),
    ("--kind", "Reconciler", "kind-reserved"),
    ("--plural", "", "plural-label"),
    ("--plural", "KaiwuClusters", "plural-label"),
    ("--plural", "1s", "plural-label"),
    ("--plural", "p" * 64, "plural-length"),
    ("--controller-name", "", "controller-name-label"),
    ("--controller-name", "Captain", "controller-name-label"),
    ("--controller-name", "3d", "controller-name-label"),
    ("--controller-name", "c" * 64, "controller-name-length"),
]


@pytest.mark.parametrize(("flag", "value"), ACCEPTED)
def test_accepted(flag: str, value: str) -> None:
    assert check(value, TABLES[flag], what=flag) == value


@pytest.mark.parametrize(("flag", "value", "rule"), REFUSED)
def test_refused_by_the_rule(flag: str, value: str, rule: str) -> None:
    broken = next(entry for entry in TABLES[flag] if not entry.holds(value))
    assert broken.name == rule
    with pytest.raises(InvalidNameError) as caught:
        check(value, TABLES[flag], what=flag)
    message = str(caught.value)
    assert message.startswith(f"{flag} '")
    assert broken.message in message
    assert message.endswith(f"for example {broken.example}")
    assert "\n" not in message
    assert message.isprintable()


@pytest.mark.parametrize("flag", TABLES)
def test_every_example_keeps_every_rule(flag: str) -> None:
    for rule in TABLES[flag]:
        check(rule.example, TABLES[flag], what=flag)


def test_every_rule_is_shown_to_refuse_something() -> None:
    names = [rule.name for table in TABLES.values() for rule in table]
    assert len(names) == len(set(names))
    assert {rule for _, _, rule in REFUSED} == set(names)


@given(flag=st.sampled_from(sorted(TABLES)), value=st.text(max_size=120))
def test_any_text_is_accepted_or_refused_with_one_line(flag: str, value: str) -> None:
    with contextlib.suppress(InvalidNameError):
        assert check(value, TABLES[flag], what=flag) == value
        return
    with pytest.raises(InvalidNameError, match=" for example ") as caught:
        check(value, TABLES[flag], what=flag)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Kaiwu Operator", "kaiwu-operator"),
        ("kaiwu_operator.py", "kaiwu-operator-py"),
        ("2024-kaiwu", "kaiwu"),
        ("a" * 40, "a" * 28),
        ("x" * 27 + "-yz", "x" * 27),
        ("___", ""),
        ("42", ""),
        ("pydantic", ""),
    ],
)
def test_suggested_project_name(text: str, name: str) -> None:
    assert project.suggest_project_name(text) == name


@given(st.text(max_size=60))
def test_a_suggested_project_name_passes(text: str) -> None:
    name = project.suggest_project_name(text)
    if name:
        check(name, project.PROJECT_NAME_RULES, what="--project-name")


@pytest.mark.parametrize(
    ("group", "domain", "whole"),
    [("kaiwu", "inspur.com", "kaiwu.inspur.com"), ("", "inspur.com", "inspur.com"), ("a.b", "", "a.b")],
)
def test_qualified_group(group: str, domain: str, whole: str) -> None:
    assert api.qualified_group(group, domain) == whole


@pytest.mark.parametrize(
    ("group", "domain", "part"),
    [("", "", "must not be empty"), ("kaiwu", "", "a dot"), ("", "io", "a dot"), ("k8s", "io", "reserved")],
)
def test_refused_qualified_group(group: str, domain: str, part: str) -> None:
    with pytest.raises(InvalidNameError, match=part) as caught:
        api.qualified_group(group, domain)
    assert "for example" in caught.value.message


def test_names_too_long_for_their_files_are_refused() -> None:
    api.check_file_names("a" * 100, "v1", "K", "k" * 63)
    with pytest.raises(InvalidNameError, match="may have 230"):
        api.check_file_names("a" * 199, "v1", "K", "k" * 63)
