"""Fields without an owner, which an apply leaves, and how they are removed."""

from __future__ import annotations

from typing import Any

import pytest
from lightkube.models.apps_v1 import (
    DaemonSetSpec,
    DaemonSetUpdateStrategy,
    DeploymentSpec,
    DeploymentStrategy,
    StatefulSetSpec,
    StatefulSetUpdateStrategy,
)
from lightkube.models.batch_v1 import CronJobSpec, JobSpec, JobTemplateSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import DaemonSet, Deployment, StatefulSet
from lightkube.resources.batch_v1 import CronJob
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client
from kaiwu_runtime.errors import InvalidError, NotFoundError

from .engines import config_map

pytestmark = pytest.mark.envtest

LABELS = {"a": "b"}
SELECTOR = LabelSelector(matchLabels=LABELS)


def template(account: str | None, policy: str | None = None) -> PodTemplateSpec:
    spec = PodSpec(serviceAccountName=account, restartPolicy=policy, containers=[Container(name="c", image="i")])
    return PodTemplateSpec(metadata=ObjectMeta(labels=LABELS), spec=spec)


def deployment(place: ObjectMeta, strategy: str, account: str | None = None) -> Deployment:
    spec = DeploymentSpec(strategy=DeploymentStrategy(type=strategy), selector=SELECTOR, template=template(account))
    return Deployment(metadata=place, spec=spec)


def daemon_set(place: ObjectMeta, strategy: str, account: str | None = None) -> DaemonSet:
    update = DaemonSetUpdateStrategy(type=strategy)
    return DaemonSet(
        metadata=place, spec=DaemonSetSpec(updateStrategy=update, selector=SELECTOR, template=template(account))
    )


def stateful_set(place: ObjectMeta, strategy: str, account: str | None = None) -> StatefulSet:
    update = StatefulSetUpdateStrategy(type=strategy)
    return StatefulSet(
        metadata=place,
        spec=StatefulSetSpec(serviceName="s", updateStrategy=update, selector=SELECTOR, template=template(account)),
    )


def cron_job(place: ObjectMeta, strategy: str, account: str | None = None) -> CronJob:
    job = JobTemplateSpec(spec=JobSpec(template=template(account, "Never")))
    return CronJob(metadata=place, spec=CronJobSpec(schedule="0 * * * *", jobTemplate=job))


MAKERS: dict[str, Any] = {
    "Deployment": deployment,
    "DaemonSet": daemon_set,
    "StatefulSet": stateful_set,
    "CronJob": cron_job,
}


def place(namespace: str) -> ObjectMeta:
    return ObjectMeta(name="a", namespace=namespace)


def version(obj: Any) -> str:
    return str(obj.metadata.resourceVersion)


@pytest.mark.parametrize("kind", MAKERS)
async def test_a_union_changes_its_member_and_comes_to_rest(client: Client, namespace: str, kind: str) -> None:
    make, other = MAKERS[kind], "Recreate" if kind == "Deployment" else "OnDelete"
    for strategy in ("RollingUpdate", other, "RollingUpdate", other):
        first: Any = await client.apply(make(place(namespace), strategy))
        second = await client.apply(make(place(namespace), strategy))
        third = await client.apply(make(place(namespace), strategy))
        assert version(second) == version(third)
        if kind == "Deployment" and strategy == other:
            assert first.spec.strategy.rollingUpdate is None


@pytest.mark.parametrize("kind", MAKERS)
async def test_a_service_account_that_is_no_longer_set_goes(client: Client, namespace: str, kind: str) -> None:
    make = MAKERS[kind]
    await client.apply(make(place(namespace), "RollingUpdate", "robot"))
    left: Any = await client.apply(make(place(namespace), "RollingUpdate"))
    job = left.spec.jobTemplate.spec if kind == "CronJob" else left.spec
    assert job.template.spec.serviceAccountName is None
    assert job.template.spec.serviceAccount is None
    again = await client.apply(make(place(namespace), "RollingUpdate"))
    assert version(again) == version(await client.apply(make(place(namespace), "RollingUpdate")))


async def test_a_service_account_of_another_manager_stays(client: Client, namespace: str) -> None:
    await client.apply(deployment(place(namespace), "Recreate", "robot"), field_manager="another")
    left = await client.apply(deployment(place(namespace), "Recreate"))
    assert left.spec is not None
    assert left.spec.template.spec is not None
    assert left.spec.template.spec.serviceAccountName == "robot"


async def test_fields_are_removed_on_request_under_any_owner(client: Client, namespace: str) -> None:
    await client.create(config_map("a", namespace, a="1", b="2"), field_manager="another")
    mine = config_map("a", namespace, c="3")
    left = await client.apply(mine, remove=["data.b", "data.missing"])
    assert left.data == {"a": "1", "c": "3"}
    again = await client.apply(mine, remove=["data.b"])
    assert version(again) == version(left)
    gone = ConfigMap(metadata=ObjectMeta(name="new", namespace=namespace))
    assert (await client.apply(gone, remove=["data"])).data is None
    with pytest.raises(ValueError, match=r"^remove: data.c is set in the object that is applied$"):
        await client.apply(mine, remove=["data.c"])
    for path in ("", "a..b", "spec.containers[0]"):
        with pytest.raises(ValueError, match=r"^remove: invalid path"):
            await client.apply(mine, remove=[path])
    with pytest.raises(ValueError, match=r"^remove: invalid value 'data.b': use a list of paths$"):
        await client.apply(mine, remove="data.b")


async def test_a_refusal_for_what_is_set_stays_a_refusal(client: Client, namespace: str) -> None:
    await client.apply(deployment(place(namespace), "RollingUpdate"))
    wrong = deployment(place(namespace), "Recreate")
    with pytest.raises(InvalidError, match=r"spec.strategy.rollingUpdate"):
        await client.apply(wrong, dry_run=True)
    with pytest.raises(NotFoundError):
        await client.get(Deployment, "b", namespace=namespace)
