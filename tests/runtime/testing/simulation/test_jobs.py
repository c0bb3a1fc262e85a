"""Jobs whose Pods are deleted, end otherwise, or are not counted, on both servers."""

from __future__ import annotations

import pytest
from lightkube.models.batch_v1 import JobStatus
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import Pod

from kaiwu_runtime import Client, ObjectKey
from kaiwu_runtime.testing import FakeTransport, Simulator, Timings, virtual_time, wait_for

from ..stories import Story, writes_at_rest
from ..test_simulator import QUICK, job, pods, until

STORIES: dict[str, Story] = {}


def story(function: Story) -> Story:
    STORIES[function.__name__] = function
    return function


async def ended(client: Client, namespace: str, condition: str = "Complete") -> JobStatus:
    found = (await wait_for(client, Job, ObjectKey(namespace, "once"), condition)).status
    assert found is not None
    return found


async def in_phase(client: Client, namespace: str, phase: str, count: int = 1) -> list[str]:
    """Wait for Pods in a phase, and return their names."""

    async def look() -> list[str]:
        names = [
            name for name, pod in (await pods(client, namespace)).items() if pod.status and pod.status.phase == phase
        ]
        return names if len(names) >= count else []

    return sorted(await until(look))


@story
async def a_pod_that_is_deleted_has_failed(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=2, parallelism=2))
    first, _ = await in_phase(client, namespace, "Running", 2)
    await client.delete(Pod, first, namespace=namespace)
    status = await ended(client, namespace)
    assert (status.succeeded, status.failed) == (2, 1)
    assert len(await pods(client, namespace)) == 2


@story
async def a_pod_that_has_succeeded_counts_when_it_is_gone(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=2, parallelism=1))
    (first,) = await in_phase(client, namespace, "Succeeded")
    await in_phase(client, namespace, "Running")
    await client.delete(Pod, first, namespace=namespace)
    status = await ended(client, namespace)
    assert (status.succeeded, status.failed or 0) == (2, 0)
    assert len(await pods(client, namespace)) == 1


@story
async def deleted_pods_use_up_the_retries(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=2, parallelism=2, backoffLimit=0))
    first, _ = await in_phase(client, namespace, "Running", 2)
    await client.delete(Pod, first, namespace=namespace)
    assert (await ended(client, namespace, "Failed")).failed in {1, 2}

    async def gone() -> bool:
        return not await pods(client, namespace)

    await until(gone)


@story
async def a_job_without_completions_ends_with_its_pods(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, parallelism=3))
    status = await ended(client, namespace)
    assert (status.succeeded, status.active or 0) == (3, 0)
    assert len(await pods(client, namespace)) == 3


@story
async def a_job_of_no_completions_is_complete(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=0))
    status = await ended(client, namespace)
    assert (status.succeeded or 0, status.completionTime is not None) == (0, True)
    assert not await pods(client, namespace)


@story
async def a_pod_has_the_annotations_of_the_template(client: Client, simulator: Simulator, namespace: str) -> None:
    wanted = job(namespace)
    assert wanted.spec is not None
    assert wanted.spec.template.metadata is not None
    wanted.spec.template.metadata.annotations = {"a": "1"}
    await client.apply(wanted)
    await ended(client, namespace)
    (found,) = (await pods(client, namespace)).values()
    assert found.metadata is not None
    assert (found.metadata.annotations or {})["a"] == "1"


async def suspended(client: Client, namespace: str, status: str, reason: str) -> JobStatus:
    """Wait for the condition Suspended, and return the status that has it."""

    async def look() -> JobStatus | None:
        found = (await client.get(Job, "once", namespace=namespace)).status
        conditions = [
            (each.type, each.status, each.reason, each.message) for each in (found and found.conditions) or ()
        ]
        message = {"True": "Job suspended", "False": "Job resumed"}[status]
        return found if ("Suspended", status, reason, message) in conditions else None

    found = await until(look)
    assert found is not None
    return found


@story
async def a_job_that_is_made_suspended_starts_when_it_is_resumed(
    client: Client, simulator: Simulator, namespace: str
) -> None:
    await client.apply(job(namespace, suspend=True))
    status = await suspended(client, namespace, "True", "JobSuspended")
    assert (status.startTime, status.active or 0) == (None, 0)
    assert not await pods(client, namespace)
    await client.apply(job(namespace, suspend=False))
    assert (await suspended(client, namespace, "False", "JobResumed")).startTime is not None
    status = await ended(client, namespace)
    assert (status.succeeded, status.failed or 0) == (1, 0)
    assert [each.type for each in status.conditions or ()] == ["Suspended", "SuccessCriteriaMet", "Complete"]


@story
async def pods_of_a_job_that_is_suspended_are_deleted_and_have_not_failed(
    client: Client, simulator: Simulator, namespace: str
) -> None:
    await client.apply(job(namespace, completions=2, parallelism=2, backoffLimit=0))
    first = await in_phase(client, namespace, "Running", 2)
    began = (await client.get(Job, "once", namespace=namespace)).status
    assert began is not None
    assert began.startTime is not None
    assert not began.conditions, "it was never suspended"
    await client.apply(job(namespace, completions=2, parallelism=2, backoffLimit=0, suspend=True))
    status = await suspended(client, namespace, "True", "JobSuspended")
    assert (status.startTime, status.active or 0) == (None, 0)

    async def gone() -> bool:
        return not await pods(client, namespace)

    await until(gone)
    await client.apply(job(namespace, completions=2, parallelism=2, backoffLimit=0, suspend=False))
    assert (await suspended(client, namespace, "False", "JobResumed")).startTime is not None
    status = await ended(client, namespace)
    assert (status.succeeded, status.failed or 0) == (2, 0)
    assert not {*first} & {*await pods(client, namespace)}, "they are other ones"


@story
async def pods_above_the_parallelism_have_not_failed(client: Client, simulator: Simulator, namespace: str) -> None:
    await client.apply(job(namespace, completions=3, parallelism=3, backoffLimit=0))
    await in_phase(client, namespace, "Running", 3)
    await client.apply(job(namespace, completions=3, parallelism=1, backoffLimit=0))
    status = await ended(client, namespace)
    assert (status.succeeded, status.failed or 0) == (3, 0)


@pytest.mark.parametrize("name", STORIES)
def test_on_the_fake(name: str) -> None:
    assert writes_at_rest(STORIES[name]) == 0, "what is settled stays so"


@pytest.mark.envtest
@pytest.mark.parametrize("name", STORIES)
async def test_on_a_real_api_server(client: Client, namespace: str, name: str) -> None:
    async with Simulator(client, timings=QUICK) as simulator:
        await STORIES[name](client, simulator, namespace)


def test_another_simulator_goes_on_with_a_job() -> None:
    with virtual_time() as clock:

        async def main() -> None:
            client = Client(FakeTransport(collect_garbage=True))
            timings = Timings(job=10.0)
            async with Simulator(client, timings=timings):
                await client.apply(job("x", completions=3, parallelism=1))
                (first,) = await in_phase(client, "x", "Succeeded")
                await clock.advance(5)
            await client.delete(Pod, first, namespace="x")
            async with Simulator(client, timings=timings):
                status = await ended(client, "x")
            assert (status.succeeded, status.failed) == (3, 0)

        clock.run(main())
