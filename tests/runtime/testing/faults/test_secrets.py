"""Findings go to logs that others read: they do not show what Secrets contain."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from kaiwu_runtime import Request, Result
from kaiwu_runtime.testing.faults import Cluster, check, step
from kaiwu_runtime.testing.faults._end_state import differences, normalised
from kaiwu_runtime.testing.faults._outside import shortened
from kaiwu_runtime.testing.faults._secrets import Secrets

from .workers import Once, Worker

PASSWORD = 'it\'s "100%" sécret\n' * 2


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(name: str = "a", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "x", "uid": "1", **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, **more}


def difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return differences(normalised([expected]), normalised([found]))


def test_values_are_compared_and_not_shown() -> None:
    one, other = secret(data={"password": encoded("first")}), secret(data={"password": encoded("other")})
    assert difference(one, one) == ""
    text = "Secret x/a.data.password is <hidden, 5 bytes>, not <hidden, 5 bytes>"
    assert difference(one, other) == text, "of one length they are still different"
    one, other = secret(stringData={"password": "first"}), secret(stringData={"password": "s"})
    assert difference(one, other) == "Secret x/a.stringData.password is <hidden, 1 bytes>, not <hidden, 5 bytes>"


def test_fields_that_only_one_of_them_has_are_not_shown() -> None:
    one, other = secret(), secret(data={"password": encoded("first")})
    assert difference(one, other) == "Secret x/a.data is {'password': <hidden, 5 bytes>}, not unset"
    assert difference(secret(data=None), other) == "Secret x/a.data is {'password': <hidden, 5 bytes>}, not None"
    assert difference(secret(data={}), other) == "Secret x/a.data.password is <hidden, 5 bytes>, not unset"


def test_the_copy_that_kubectl_keeps_is_not_shown() -> None:
    kept = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": "first"}', "a": "1"}
    found = difference(secret(), secret(metadata={"annotations": kept}))
    assert "first" not in found
    assert "'a': '1'" in found


def test_other_fields_and_kinds_are_shown() -> None:
    assert difference(secret(type="a"), secret(type="b")) == "Secret x/a.type is 'b', not 'a'"
    one, other = ({**secret(data={"size": size}), "kind": "ConfigMap"} for size in "12")
    assert difference(one, other) == "ConfigMap x/a.data.size is '2', not '1'"


def noted(**more: Any) -> Secrets:
    secrets = Secrets()
    secrets.note(secret(**more))
    return secrets


@pytest.mark.parametrize("field", ["data", "stringData"])
@pytest.mark.parametrize(
    "form", [PASSWORD, repr(PASSWORD)[1:-1], encoded(PASSWORD), quote(PASSWORD, safe=""), repr(PASSWORD.encode())[2:-1]]
)
def test_a_value_is_hidden_where_it_is_passed_on(field: str, form: str) -> None:
    secrets = noted(**{field: {"password": encoded(PASSWORD) if field == "data" else PASSWORD}})
    hidden = f"<hidden, {len(PASSWORD.encode())} bytes>"
    assert secrets.hide(f"set('a', '{form}') twice: {form}") == f"set('a', '{hidden}') twice: {hidden}"


def test_the_beginning_of_a_value_is_hidden_where_a_text_was_cut() -> None:
    secrets = noted(stringData={"password": "abcdefgh" * 20})
    for before in range(1, 95):
        text = shortened("-" * before + "abcdefgh" * 20)
        assert secrets.hide(f"{text}; more") == f"{'-' * before}<hidden, 160 bytes>...; more"


def test_what_is_part_of_other_texts_is_shown() -> None:
    secrets = noted(name="orders", stringData={"replicas": "3", "password": "password", "database": "orders"})
    text = "Deployment x/orders.spec.replicas is 3; Secret x/orders.data.password is missing"
    assert secrets.hide(text) == text


class PassesOn(Worker):
    """Tells the outside a password, and by which life it was told."""

    async def reconcile(self, request: Request) -> Result:
        given = await self.client.get(Secret, "given", namespace="default")
        assert given.data is not None
        self.log.note(f"{self.life} {given.data['password']}")
        password = base64.b64decode(given.data["password"]).decode()
        self.log.note(f"{self.life} {password}")
        metadata = ObjectMeta(name="made", namespace="default")
        await self.client.apply(Secret(metadata=metadata, stringData={"password": f"{self.life} {password}"}))
        return Result()


class Passing(Once):
    worker = PassesOn

    @step
    async def create(self, cluster: Cluster) -> None:
        metadata = ObjectMeta(name="given", namespace="default")
        await cluster.client.create(Secret(metadata=metadata, data={"password": encoded("correct horse")}))
        await super().create(cluster)


def test_no_finding_shows_a_value() -> None:
    findings = [str(finding) for finding in check(Passing, budget=None).findings]
    kills = [text for text in findings if text.startswith("kill-after")]
    assert any("Log.note('1 <hidden, 13 bytes>')" in text for text in kills), findings
    assert any("outside: Log.done is ['1 <hidden, 13 bytes>', " in text for text in kills), findings
    assert any("made.data.password is <hidden, 15 bytes>, not <hidden, 15 bytes>" in text for text in kills), findings
    assert [text for text in findings if "correct" in text or encoded("correct horse")[:6] in text] == []
