"""A manager that fails beside a test fails the test, at once and with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, Result, controller_managed_by
from kaiwu_runtime._missing_rule import missing_rule
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import APIConnectionError, APIError, APIStatusError, ConfigurationError, ForbiddenError
from kaiwu_runtime.testing import FakeTransport, ManagerRefusedError, run_manager
from kaiwu_runtime.testing import _running as running
from kaiwu_runtime.testing._running import fail_with_manager


class Watching(Reconciler):
    """Watches config maps, and does nothing."""

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        return Result()


class Twice(Watching):
    """Cannot be set up."""

    def setup_with_manager(self, manager: Manager) -> None:
        super().setup_with_manager(manager)
        super().setup_with_manager(manager)


class Failing:
    """Runs for a moment beside the controllers."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def run(self) -> None:
        await asyncio.sleep(0.01)
        raise self.error


def manager_of(*kinds: type[Reconciler], client: Client | None = None) -> Manager:
    manager = Manager(ManagerOptions(health_probe_bind_address="0"), client=client or Client(FakeTransport()))
    manager.setup(*kinds)
    return manager


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_manager_that_cannot_be_set_up_fails_the_start() -> None:
    with pytest.raises(ConfigurationError, match="two controllers are named"):
        async with run_manager(manager_of(Twice)):
            pytest.fail("it started")


async def test_a_manager_without_a_server_fails_the_start(tmp_path: Path) -> None:
    config = {
        "clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
        "users": [{"name": "a", "user": {}}],
        "current-context": "a",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    manager = Manager(ManagerOptions(kubeconfig=str(tmp_path / "config"), health_probe_bind_address="0"))
    manager.setup(Watching)
    with pytest.raises(APIConnectionError):
        async with run_manager(manager):
            pytest.fail("it started")


@pytest.mark.parametrize(
    "error", [RuntimeError("lost"), ConfigurationError("no"), ExceptionGroup("both", [ValueError("a"), OSError("b")])]
)
async def test_a_manager_that_fails_later_ends_the_test_that_waits(error: Exception) -> None:
    async def test() -> None:
        manager = manager_of(Watching)
        manager.add(Failing(error))
        async with run_manager(manager):
            await forever()

    expected = ExceptionGroup if isinstance(error, ExceptionGroup) else type(error)
    async with asyncio.timeout(10):
        with pytest.raises(expected):
            await fail_with_manager(test())


async def test_without_the_plugin_the_reason_is_raised_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = manager_of(Watching)
    manager.add(Failing(RuntimeError("lost")))

    async def test() -> None:
        async with run_manager(manager), asyncio.timeout(0.1):
            await forever()

    with monkeypatch.context() as patched:
        patched.setattr(running, "_waiters", [])  # this suite has the plugin
        with pytest.raises(RuntimeError, match="lost") as raised:
            await test()
    assert isinstance(raised.value.__cause__, TimeoutError)


async def test_a_test_that_passes_and_one_that_fails_stay_what_they_are() -> None:
    async def passes() -> int:
        async with run_manager(manager_of(Watching)) as manager:
            assert manager.is_ready
            return 1

    async def fails() -> None:
        async with run_manager(manager_of(Watching)):
            raise KeyError("own")

    assert await fail_with_manager(passes()) == 1
    with pytest.raises(KeyError):
        await fail_with_manager(fails())


@pytest.mark.parametrize(
    ("message", "decorator"),
    [
        (
            'sites "a" is forbidden: User "u" cannot patch resource "sites/status" in API group "web.example.com"',
            '@rbac(groups="web.example.com", resources="sites/status", verbs=["patch"])',
        ),
        (
            'secrets is forbidden: User "u" cannot list resource "secrets" in API group "" at the cluster scope',
            '@rbac(groups="", resources="secrets", verbs=["get", "list", "watch"])',
        ),
        ('forbidden: User "u" cannot get path "/metrics"', '@rbac(urls="/metrics", verbs=["get"])'),
        ('pods "a" is forbidden: unable to create new content in namespace n because it is being terminated', ""),
        ('pods "a" is forbidden: exceeded quota: q', ""),
        ('admission webhook "w" denied the request: no', ""),
    ],
)
def test_the_decorator_that_a_refusal_asks_for(message: str, decorator: str) -> None:
    named = missing_rule(message)
    assert str(ForbiddenError(message, code=403)) == (f"{message}; {named}" if named else message)
    assert decorator in named
    assert bool(named) == bool(decorator)
    assert str(APIStatusError(message, code=422)) == message


class Use(NamedTuple):
    """Something that an operator does, and the rule that it needs."""

    group: str
    resource: str
    verb: str
    act: Callable[[Client, str], Awaitable[Any]]


def secret(namespace: str, name: str) -> Secret:
    return Secret(metadata=ObjectMeta(name=name, namespace=namespace), stringData={"a": "b"})


USES = (
    Use("", "secrets", "get", lambda client, n: client.get(Secret, "there", namespace=n)),
    Use("", "secrets", "list", lambda client, n: client.list(Secret, namespace=n)),
    Use("", "secrets", "create", lambda client, n: client.create(secret(n, "made"))),
    Use("", "secrets", "patch", lambda client, n: client.apply(secret(n, "there"), force=True)),
    Use("", "secrets", "delete", lambda client, n: client.delete(Secret, "gone", namespace=n)),
    Use("", "configmaps", "patch", lambda client, n: client.patch(ConfigMap, "c", {"data": {"a": "b"}}, namespace=n)),
)
WATCH = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}


def rbac_folder(path: Path, rules: list[dict[str, Any]], *, namespaced: bool) -> Path:
    """Write what a project has in config/rbac."""
    role, binding = ("Role", "RoleBinding") if namespaced else ("ClusterRole", "ClusterRoleBinding")
    group = "rbac.authorization.k8s.io"
    inside = {"namespace": "system"} if namespaced else {}
    objects = {
        "service_account": {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": "controller-manager", "namespace": "system"},
        },
        "role": {
            "apiVersion": f"{group}/v1",
            "kind": role,
            "metadata": {"name": "manager-role", **inside},
            "rules": rules,
        },
        "role_binding": {
            "apiVersion": f"{group}/v1",
            "kind": binding,
            "metadata": {"name": "manager-rolebinding", **inside},
            "roleRef": {"apiGroup": group, "kind": role, "name": "manager-role"},
            "subjects": [{"kind": "ServiceAccount", "name": "controller-manager", "namespace": "system"}],
        },
    }
    path.mkdir(exist_ok=True)
    for name, manifest in objects.items():
        (path / f"{name}.yaml").write_text(yaml.safe_dump(manifest))
    (path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [f"{name}.yaml" for name in objects]}))
    return path


class Busy(Reconciler):
    """Does everything in USES, and catches what it is refused: that hides nothing."""

    namespace: ClassVar[str]
    done: ClassVar[asyncio.Event]

    def setup_with_manager(self, manager: Manager) -> None:
        self.direct = manager.api_reader
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        if request.name == "c":
            for use in USES:
                try:
                    await use.act(self.direct, self.namespace)
                except APIError:
                    continue
            self.done.set()
        return Result()


@pytest.fixture
async def admin(control_plane: ControlPlane, namespace: str) -> AsyncIterator[Client]:
    async with Client.connect(control_plane.kubeconfig) as client:
        for name in ("there", "gone"):
            await client.create(secret(namespace, name))
        await client.create(ConfigMap(metadata=ObjectMeta(name="c", namespace=namespace)))
        yield client


@pytest.mark.envtest
@pytest.mark.parametrize("namespaced", [False, True], ids=["cluster", "namespaced"])
@pytest.mark.parametrize("missing", [None, *USES], ids=lambda use: f"{use.verb}-{use.resource}" if use else "none")
async def test_each_missing_rule_is_named(  # noqa: PLR0917 - fixtures
    control_plane: ControlPlane, admin: Client, namespace: str, tmp_path: Path, missing: Use | None, namespaced: bool
) -> None:
    rules = [WATCH] + [
        {"apiGroups": [use.group], "resources": [use.resource], "verbs": [use.verb]}
        for use in USES
        if use is not missing
    ]
    folder = rbac_folder(tmp_path / "rbac", rules, namespaced=namespaced)
    account = control_plane.as_service_account(folder, namespace=namespace)
    Busy.namespace = namespace
    Busy.done = asyncio.Event()
    options = ManagerOptions(
        kubeconfig=str(account),
        health_probe_bind_address="0",
        namespaces=(namespace,),
    )
    manager = Manager(options)
    manager.setup(Busy)

    async def test() -> None:
        async with run_manager(manager):
            if missing is not None:
                await forever()
            await Busy.done.wait()

    async with asyncio.timeout(20):
        if missing is None:
            await fail_with_manager(test())
            return
        with pytest.raises(ManagerRefusedError) as refused:
            await fail_with_manager(test())
    verbs = '["get", "list", "watch"]' if missing.verb in {"get", "list"} else f'["{missing.verb}"]'
    assert f'@rbac(groups="{missing.group}", resources="{missing.resource}", verbs={verbs})' in str(refused.value)


@pytest.mark.envtest
async def test_a_missing_rule_of_a_watch_fails_the_start(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    account = control_plane.as_service_account(rbac_folder(tmp_path / "rbac", [], namespaced=False))
    manager = Manager(ManagerOptions(kubeconfig=str(account), health_probe_bind_address="0"))
    manager.setup(Watching)
    with pytest.raises(ConfigurationError, match="@rbac"):
        async with run_manager(manager):
            pytest.fail("it started")
