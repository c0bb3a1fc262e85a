"""Create, get, list and watch, on both servers."""

from __future__ import annotations

from kaiwu_runtime.rest._transport import METADATA, METADATA_LIST

from .api import API
from .scenarios import scenario


@scenario
async def create_and_get(api: API) -> None:
    await api.create("ConfigMap", "a", metadata={"labels": {"x": "1"}, "annotations": {"y": "2"}}, data={"k": "v"})
    await api.get("ConfigMap", "a")
    await api.create("ConfigMap", "a")
    await api.get("ConfigMap", "missing")
    await api.create("Gadget", "a", spec={"size": 1, "options": {}, "tags": []}, status={"phase": "Ignored"})
    await api.get("Gadget", "missing")
    await api.create("Gizmo", f"a-{api.namespace}", spec={"size": 1}, status={"phase": "Kept"})
    await api.create(
        "ClusterRole",
        f"system:Odd {api.namespace}",
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    )


@scenario
async def create_with_a_generated_name(api: API) -> None:
    for _ in range(2):
        await api.create("ConfigMap", metadata={"generateName": "batch-"})
    await api.create("ConfigMap", "named", metadata={"generateName": "batch-"})


@scenario
async def create_what_is_refused(api: API) -> None:
    await api.create("ConfigMap")
    await api.create("ConfigMap", "A_B")
    await api.create("ConfigMap", "a", metadata={"resourceVersion": "7"})
    await api.create("ConfigMap", "a", metadata={"namespace": "another"})
    await api.send("POST", api.path("ConfigMap"), api.body("Gadget", "a"))
    await api.send("GET", "/apis/testing.example.com/v1/nothings")
    await api.send("GET", "/apis/nowhere.example.com/v1/nothings/a")


@scenario
async def create_ignores_what_the_server_writes(api: API) -> None:
    metadata = {
        "uid": "1",
        "generation": 9,
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "selfLink": "/x",
        "labels": {},
        "finalizers": [],
    }
    await api.create("Gadget", "a", metadata=metadata, spec={"size": 1})
    await api.create("ConfigMap", "a", metadata=metadata, data={})


@scenario
async def dry_runs(api: API) -> None:
    await api.create("ConfigMap", "a", data={"k": "1"})
    api.quiet = True  # whether an object that is not stored has a version differs by verb
    await api.create("ConfigMap", "b", dry_run=True)
    await api.patch("ConfigMap", "a", {"data": {"k": "2"}}, dryRun="All")
    await api.apply("m", "ConfigMap", "a", data={"k": "3"}, params={"dryRun": "All"}, force=True)
    await api.apply("m", "ConfigMap", "c", data={"k": "3"}, params={"dryRun": "All"})
    await api.delete("ConfigMap", "a", dryRun=["All"])
    api.quiet = False
    await api.get("ConfigMap", "a")
    await api.get("ConfigMap", "b")
    await api.get("ConfigMap", "c")


@scenario
async def lists_and_selectors(api: API) -> None:
    for number, labels in enumerate(({"tier": "db"}, {"tier": "db", "old": ""}, {"tier": "web"}, {})):
        await api.create("ConfigMap", f"c-{number}", metadata={"labels": labels})
        await api.create("Gadget", f"g-{number}", metadata={"labels": labels})
    for selector in ("tier=db", "tier==db,!old", "tier!=db", "tier in (db, web)", "tier notin (db)", "tier", "!tier"):
        await api.listed("ConfigMap", labelSelector=selector)
        await api.listed("Gadget", labelSelector=selector)
    for selector in ("metadata.name=c-1", "metadata.name!=c-1", f"metadata.namespace={api.namespace}", "data.key=1"):
        await api.listed("ConfigMap", fieldSelector=selector)
    for selector in ("metadata.name= c-1", "metadata.name =c-1", "metadata.name=c-1, metadata.name=c-1", " "):
        await api.listed("ConfigMap", fieldSelector=selector)
    await api.listed("ConfigMap", labelSelector="tier", fieldSelector="metadata.name=c-2")
    await api.listed("Gadget", labelSelector="=(")
    await api.listed("Gadget", fieldSelector="metadata.name=g-1")
    await api.listed("Gadget", fieldSelector="spec.size=1")


@scenario
async def lists_across_namespaces(api: API) -> None:
    await api.create("Gadget", "a", metadata={"labels": {"across": api.namespace}})
    await api.send("GET", "/apis/testing.example.com/v1/gadgets", labelSelector=f"across={api.namespace}")


@scenario
async def lists_page_by_page(api: API) -> None:
    for number in range(5):
        await api.create("Gadget", f"g-{number}", metadata={"labels": {"x": "1"}})
    page = await api.listed("Gadget", limit="2")
    await api.delete("Gadget", "g-4")  # the pages are of one moment
    page = await api.listed("Gadget", limit="2", **{"continue": page["metadata"]["continue"]})
    await api.listed("Gadget", limit="2", **{"continue": page["metadata"]["continue"]})
    await api.listed("Gadget", limit="2", labelSelector="x")
    await api.listed("Gadget", limit="9")
    await api.listed("Gadget", limit="2", **{"continue": "nonsense"})


@scenario
async def lists_of_an_exact_version(api: API) -> None:
    versions = [(await api.create("Gadget", name))["metadata"]["resourceVersion"] for name in "abc"]
    await api.patch("Gadget", "a", {"spec": {"size": 1}})
    await api.delete("Gadget", "b")
    for version in (*versions, (await api.listed("Gadget"))["metadata"]["resourceVersion"]):
        found = await api.listed("Gadget", resourceVersion=version, resourceVersionMatch="Exact")
        assert found["metadata"]["resourceVersion"] == version
    await api.listed("Gadget", resourceVersion="x", resourceVersionMatch="Exact")


@scenario
async def watches(api: API) -> None:
    await api.create("Gadget", "before", metadata={"finalizers": ["x.com/wait"]})
    version = (await api.listed("Gadget"))["metadata"]["resourceVersion"]

    async def change() -> None:
        await api.create("Gadget", "a", spec={"size": 1})
        await api.patch("Gadget", "a", {"spec": {"size": 2}})
        await api.patch("Gadget", "a", {"status": {"phase": "x"}}, subresource="status")
        await api.delete("Gadget", "before")
        await api.patch("Gadget", "before", {"metadata": {"finalizers": None}})
        await api.delete("Gadget", "a")

    await api.watch("Gadget", version, 6, change)
    await api.watch("Gadget", version, 6)  # the same once more, from the history


@scenario
async def watches_with_selectors(api: API) -> None:
    version = (await api.listed("ConfigMap"))["metadata"]["resourceVersion"]

    async def change() -> None:
        await api.create("ConfigMap", "a", metadata={"labels": {"x": "1"}})
        await api.create("ConfigMap", "b")
        await api.patch("ConfigMap", "b", {"metadata": {"labels": {"x": "1"}}})
        await api.patch("ConfigMap", "b", {"data": {"k": "1"}})
        await api.patch("ConfigMap", "b", {"metadata": {"labels": {"x": "2"}}})
        await api.patch("ConfigMap", "b", {"data": {"k": "2"}})
        await api.delete("ConfigMap", "b")
        await api.delete("ConfigMap", "a")

    await api.watch("ConfigMap", version, 5, change, labelSelector="x=1")
    await api.watch("ConfigMap", version, 3, fieldSelector="metadata.name=a,metadata.namespace!=x", timeoutSeconds="1")


@scenario
async def watches_from_the_beginning(api: API) -> None:
    await api.create("Gadget", "a")
    await api.create("Gadget", "b")

    async def change() -> None:
        await api.delete("Gadget", "a")

    await api.watch("Gadget", "0", 3, change)


@scenario
async def watches_end(api: API) -> None:
    version = (await api.listed("Gadget"))["metadata"]["resourceVersion"]
    await api.watch("Gadget", version, 9, timeoutSeconds="1")


@scenario
async def watches_of_what_is_refused(api: API) -> None:
    events = await api.watch("Gadget", "1", 1)
    api.log[-1] = [(event["type"], event["object"]["code"], event["object"]["reason"]) for event in events]
    await api.send("GET", api.path("ConfigMap"), fieldSelector="data.x=1", watch="1")


@scenario
async def metadata_only(api: API) -> None:
    for kind in ("ConfigMap", "Gadget"):
        created = await api.create(kind, "a", metadata={"labels": {"x": "1"}})
        await api.send("GET", api.path(kind, "a"), accept=METADATA)
        await api.send("GET", api.path(kind, "missing"), accept=METADATA)
        await api.send("GET", api.path(kind), accept=METADATA_LIST, labelSelector="x=1")
        version = created["metadata"]["resourceVersion"]

        async def change(kind: str = kind) -> None:
            await api.patch(kind, "a", {"metadata": {"labels": {"x": "2"}}})
            await api.delete(kind, "a")

        await api.watch(kind, version, 2, change, accept=METADATA)
