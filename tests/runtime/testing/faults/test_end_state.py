"""What of two ends is compared, and how a difference reads."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.testing.faults._end_state import count_differences, differences, differing_fields, normalised
from kaiwu_runtime.testing.faults._volatile import Volatile

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


READY, DNS = {"type": "Ready", "status": "True"}, {"type": "DNS", "status": "True"}


def obj(kind: str = "ConfigMap", name: str = "a", uid: str = "1", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "x", "uid": uid, "resourceVersion": "7", "generation": 2}
    return {"apiVersion": "v1", "kind": kind, **more, "metadata": {**metadata, **more.pop("metadata", {})}}


def test_what_differs_from_run_to_run_is_left_out() -> None:
    uid = "0f0c7a42-1111-4222-8333-444455556666"
    owner = {"kind": "Site", "name": "s", "uid": uid}
    one = [
        obj("Site", "s", uid),
        obj(
            metadata={"ownerReferences": [owner], "creationTimestamp": "2026-01-01T00:00:00Z", "managedFields": [{}]},
            status={"observedGeneration": 2, "since": "2026-01-01T00:00:00Z"},
        ),
        obj("Event", "e"),
    ]
    other = json.loads(
        json.dumps(one)
        .replace(uid, "ffffffff-1111-4222-8333-444455556666")
        .replace("2026-01-01T00:00:00Z", "2027-05-05T01:02:03.000001Z")
        .replace('"generation": 2', '"generation": 5')
        .replace('"observedGeneration": 2', '"observedGeneration": 5')
    )
    assert normalised(one) == normalised(other)
    assert "Event x/e" not in normalised(one)
    other[1]["status"]["observedGeneration"] = 4
    assert (
        differences(normalised(one), normalised(other)) == "ConfigMap x/a.status.observedGeneration is False, not True"
    )
    other[0]["metadata"]["uid"] = "another"
    assert "ownerReferences" in differences(normalised(one), normalised(other)), "its owner is not the Site"


def test_generated_names_are_compared_without_their_end() -> None:
    def pair(first: str, second: str) -> list[dict[str, Any]]:
        made = [obj(name=name, metadata={"generateName": "a-", "name": name}) for name in (first, second)]
        return [*made, obj("Site", "s", "2", status={"made": first})]

    assert normalised(pair("a-xx", "a-yy")) == normalised(pair("a-zz", "a-qq"))
    assert differences(normalised(pair("a-x", "a-y")), normalised(pair("a-x", "a-y")[1:])) == (
        "ConfigMap x/a-* (2) is missing; Site x/s.status.made is 'a-x', not 'a-*'"
    )


def test_ignored_fields() -> None:
    one, other = obj("Secret", data={"password": "1", "user": "a"}), obj("Secret", data={"password": "2", "user": "b"})
    for ignored in (["Secret.data.password"], ["data.password", "data.missing.deep", "ConfigMap.data.user"]):
        found = differences(normalised([one], ignored), normalised([other], ignored))
        assert found == "Secret x/a.data.user is <hidden, 1 bytes>, not <hidden, 1 bytes>"


def test_ignored_fields_of_lists_members_and_names_with_dots() -> None:
    def service(port: int, stamp: str) -> dict[str, Any]:
        ports = [{"name": "http", "port": 80, "nodePort": port}, {"name": "https", "port": 443, "nodePort": port + 1}]
        metadata = {"annotations": {"example.com/stamp": stamp, "kept": "a"}}
        return obj("Service", spec={"ports": ports, "clusterIP": stamp}, metadata=metadata, data={"tls.crt": stamp})

    ignored = [
        "Service.spec.ports.nodePort",
        "metadata.annotations.example.com/stamp",
        "data.tls.crt",
        "spec.clusterIP",
    ]
    one, other = service(30001, "a"), service(31000, "b")
    assert normalised([one], ignored) == normalised([other], ignored)
    other["spec"]["ports"][1]["port"] = 444
    assert differences(normalised([one], ignored), normalised([other], ignored)) == (
        "Service x/a.spec.ports[1].port is 444, not 443"
    )
    ignored = ["Service.spec.ports.*", "Service.metadata.*.*", "Service.data.*", "Service.spec.clusterIP"]
    assert normalised([one], ignored) == normalised([other], ignored)


def test_what_a_server_gave_to_a_service_is_equal_where_it_is_copied() -> None:
    def run(address: str, port: int) -> Any:
        service = obj("Service", "web", spec={"clusterIP": address, "ports": [{"port": 80, "nodePort": port}]})
        copy = obj("Site", "s", "2", status={"url": f"http://{address}:{port}/", "port": port, "replicas": 3})
        return normalised([service, copy], (), Volatile(allocates=True))

    assert run("10.0.0.7", 30001) == run("10.0.0.99", 32000)
    assert run("10.0.0.7", 30001)["Site x/s"]["status"]["replicas"] == 3
    headless = obj("Service", "web", spec={"clusterIP": "None"}, data={"mode": "None"})
    assert normalised([headless], (), Volatile(allocates=True))["Service x/web"]["data"] == {"mode": "None"}


def test_names_made_of_a_generated_name() -> None:
    def run(name: str, other: str, uid: str) -> Any:
        site = obj("Site", name, uid, metadata={"generateName": "site-", "name": name})
        second = obj("Site", other, "2", metadata={"generateName": "site-", "name": other}, spec={"size": 2})
        child = obj("ConfigMap", f"{name}-config", "3", data={"of": f"x/{name}", "id": f"id={uid};", name: "me"})
        return normalised([site, second, child])

    uids = "0f0c7a42-1111-4222-8333-444455556666", "0f0c7a42-9999-4222-8333-444455556666"
    assert run("site-bbbbb", "site-zzzzz", uids[0]) == run("site-zzzzz", "site-bbbbb", uids[1])
    content = run("site-bbbbb", "site-zzzzz", uids[0])["ConfigMap x/site-*-config"]
    assert content["data"] == {"of": "x/site-*", "id": "id=(uid of Site site-*);", "site-*": "me"}


def test_generated_names_made_of_generated_names() -> None:
    def run(*ends: str) -> Any:
        site, job, pod = f"site-{ends[0]}", f"site-{ends[0]}-run-{ends[1]}", f"site-{ends[0]}-run-{ends[1]}-{ends[2]}"
        prefixes = {site: "site-", job: f"{site}-run-", pod: f"{job}-"}
        return normalised(
            [
                obj("Job", "", name, metadata={"name": name, "generateName": prefix}, status={"log": f"{pod}.log"})
                for name, prefix in prefixes.items()
            ]
        )

    assert run("bbbbb", "ccccc", "ddddd") == run("fffff", "ggggg", "hhhhh")
    assert [*run("bbbbb", "ccccc", "ddddd")] == ["Job x/site-*", "Job x/site-*-run-*", "Job x/site-*-run-*-*"]


def test_names_made_of_a_uid_or_of_the_hash_of_a_template() -> None:
    def run(uid: str, site: str, digest: str) -> Any:
        metadata = {"generateName": "site-", "name": site}
        labels = {"site": site, "pod-template-hash": digest}
        return normalised(
            [
                obj("Site", site, uid, metadata=metadata, status={"revision": f"db-{digest}"}),
                obj("Deployment", f"web-{uid[:8]}", "2"),
                obj("ReplicaSet", "", "3", metadata={"name": f"web-{uid[:8]}-{digest}", "labels": labels}),
            ]
        )

    one = run("0f0c7a42-1111-4222-8333-444455556666", "site-bbbbb", "5d7b6cf9c4")
    assert one == run("11111111-1111-4222-8333-444455556666", "site-ccccc", "94d75f8b6c")
    assert [*one] == [
        "Deployment x/web-(uid of Site site-*)",
        "ReplicaSet x/web-(uid of Site site-*)-(hash)",
        "Site x/site-*",
    ]


def test_a_long_prefix_of_generated_names_is_cut() -> None:
    prefix = "a" * 70
    one, other = (obj(name=prefix[:58] + end, metadata={"generateName": prefix}) for end in ("bbbbb", "ccccc"))
    for each, end in ((one, "bbbbb"), (other, "ccccc")):
        each["metadata"]["name"] = prefix[:58] + end
    assert normalised([one]) == normalised([other])


def test_objects_of_one_generated_name_are_compared_by_their_content() -> None:
    def run(**sizes: int) -> Any:
        return normalised(
            [
                obj(name=name, uid=name, metadata={"generateName": "a-", "name": name}, data={"size": size})
                for name, size in sorted((f"a-{end}", size) for end, size in sizes.items())
            ]
        )

    assert run(bbbbb=1, ccccc=2) == run(bbbbb=2, ccccc=1)
    assert run(bbbbb=1, ccccc=2) != run(bbbbb=2, ccccc=2)


def test_the_name_of_an_object_that_is_gone_is_still_known() -> None:
    def run(end: str) -> Any:
        volatile = Volatile()
        volatile.note(obj("Job", f"job-{end}", metadata={"generateName": "job-", "name": f"job-{end}"}))
        return normalised([obj(status={"last": f"job-{end}"})], (), volatile)

    assert run("bbbbb") == run("ccccc")


def test_times_and_uids_within_texts() -> None:
    def run(time: str, uid: str) -> Any:
        return normalised([obj(status={"message": f"backup {uid} done at {time}", "log": json.dumps({"at": time})})])

    one = run("2026-01-01T00:00:00Z", "0f0c7a42-1111-4222-8333-444455556666")
    assert one == run("2026-01-01 00:00:01.5", "0f0c7a42-9999-4222-8333-444455556666")
    assert one["ConfigMap x/a"]["status"]["message"] == "backup (uid) done at (time)"


def test_a_difference_is_one_line() -> None:
    assert differences({"A a": {}, "B b": {}}, {"B b": {"spec": {"x": 1}}, "C c": {}}) == (
        "A a is missing; B b.spec is {'x': 1}, not unset; C c should not be there"
    )
    many: dict[str, Any] = {f"A {index}": {} for index in range(9)}
    assert differences(many, {}).endswith("A 2 is missing (and 6 more)")
    assert differences({"A a": {"n": 1}}, {"A a": {"n": True}}) == "A a.n is True, not 1"
    assert len(differences({"A a": {"n": "x" * 999}}, {"A a": {"n": "y" * 999}})) < 250


@pytest.mark.parametrize(
    ("name", "expected", "found", "text"),
    [
        ("conditions", [READY, DNS], [READY], "conditions[DNS] is missing"),
        ("conditions", [READY], [READY, DNS], "conditions[DNS] is {'type': 'DNS', 'status': 'True'}, not unset"),
        (
            "conditions",
            [READY],
            [DNS],
            "conditions[Ready] is missing; A a.conditions[DNS] is {'type': 'DNS', 'status': 'True'}, not unset",
        ),
        ("conditions", [READY], [{**READY, "status": "False"}], "conditions[Ready].status is 'False', not 'True'"),
        ("env", [{"name": "A"}, {"name": "B"}], [{"name": "B"}], "env[A] is missing"),
        ("ports", [{"port": 80}, {"port": 81}], [{"port": 81}], "ports[80,TCP] is missing"),
        ("ports", [{"port": 80}], [{"port": 81}], "ports[0].port is 81, not 80"),
        ("text", "x" * 99 + "a" + "z" * 99, "x" * 99 + "b", "text is ..." + "x" * 27 + "b', not ..." + "x" * 27 + "a"),
        ("text", "x" * 99, "x" * 98, "text is ..." + "x" * 27 + "', not ..." + "x" * 27 + "x'"),
        ("args", ["x"] * 30 + ["a"], ["x"] * 30 + ["b"], "'x', 'b'], not ... "),
    ],
)
def test_a_difference_can_be_seen(name: str, expected: Any, found: Any, text: str) -> None:
    difference = differences({"A a": {name: expected}}, {"A a": {name: found}})
    assert text in difference
    assert difference.startswith(f"A a.{name}")
    assert len(difference) < 250
    assert differing_fields({"A a": {name: expected}}, {"A a": {name: found}})[0].startswith(f"A.{name}")


LISTS = st.lists(st.fixed_dictionaries({"type": st.sampled_from("AB")}, optional={"status": st.text(max_size=1)}))


@given(st.sampled_from(["conditions", "other"]), LISTS, LISTS)
def test_lists_that_differ_have_a_difference_that_can_be_ignored(name: str, one: Any, other: Any) -> None:
    states = {"A a": {name: one}}, {"A a": {name: other}}
    assert bool(differences(*states)) == (one != other)
    fields = differing_fields(*states)
    assert all(field in {f"A.{name}", f"A.{name}.type", f"A.{name}.status"} for field in fields)


@given(st.text("ab", max_size=200), st.text("ab", max_size=200))
def test_long_values_differ_where_they_are_cut(one: str, other: str) -> None:
    shown = differences({"A a": {"n": one}}, {"A a": {"n": other}}).removeprefix("A a.n is ").split(", not ")
    assert (one == other) == (len({*shown}) < 2)
    assert all(len(each) <= 80 for each in shown)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), JSON)
def test_only_equal_states_have_no_differences(state: dict[str, Any], value: Any) -> None:
    assert differences(state, copy.deepcopy(state)) == ""
    changed = {**state, "added": value}
    assert differences(state, changed)
    assert differences(changed, state)


def test_counts() -> None:
    assert count_differences({"Pod": 2}, {"Pod": 2}, "created") == ""
    assert count_differences({"Pod": 2, "Job": 1}, {"Pod": 3}, "created") == (
        "Pod created 3 times, not 2; Job created 0 times, not 1"
    )


def test_the_order_of_conditions_does_not_count() -> None:
    def having(*names: str) -> dict[str, Any]:
        return obj(status={"conditions": [{"type": name, "status": "True"} for name in names]})

    one, other = having("Ready", "Available"), having("Available", "Ready")
    assert normalised([one]) == normalised([other])
    other["status"]["conditions"][0]["status"] = "False"
    assert normalised([one]) != normalised([other])


def test_how_often_a_template_has_changed_does_not_count() -> None:
    def history(revision: int) -> list[dict[str, Any]]:
        annotations = {"deployment.kubernetes.io/revision": str(revision), "mine": "1"}
        return [obj("ControllerRevision", revision=revision), obj("Deployment", metadata={"annotations": annotations})]

    assert normalised(history(1)) == normalised(history(3))
    other = history(1)
    other[1]["metadata"]["annotations"]["mine"] = "2"
    assert "annotations" in differences(normalised(history(1)), normalised(other))


def test_the_paths_of_what_differs_are_those_that_can_be_ignored() -> None:
    one = [obj("Secret", data={"a.b": "1"}, items=[{"x": 1}, {"x": 2}]), obj("Gone", "g")]
    other = [obj("Secret", data={"a.b": "2", "more": "3"}, items=[{"x": 3}, {"x": 4}])]
    fields = differing_fields(normalised(one), normalised(other))
    assert sorted(fields) == ["Secret.data.a.b", "Secret.data.more", "Secret.items.x"]
    assert differences(normalised(one[:1], fields), normalised(other, fields)) == ""
    outside = differing_fields({"outside: DNS": {"records": {"a": 1}}}, {"outside: DNS": {"records": {"a": 2}}})
    assert outside == ["DNS.records.a"]
