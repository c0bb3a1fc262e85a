"""An operator of a database, correct, and with one mistake of each kind planted.

Each mistake is a subclass that overrides what it spoils, so that the correct operator is the only whole one.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from lightkube.models.core_v1 import PersistentVolumeClaimSpec, VolumeResourceRequirements
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, PersistentVolumeClaim

from kaiwu_runtime import (
    Client,
    Manager,
    NotFoundError,
    Reader,
    Reconciler,
    Request,
    Result,
    controller_managed_by,
    create_or_update,
    set_controller_reference,
)
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.client import add_finalizer, remove_finalizer
from kaiwu_runtime.testing.faults import Cluster, Scenario, invariant, step

FINALIZER = "databases.example.com/backup"


class Engine:
    """The database servers themselves: what they are, whatever Kubernetes says."""

    def __init__(self) -> None:
        self.initialised: dict[str, str] = {}
        self.members: dict[str, int] = {}
        self.commands: list[str] = []
        self.backups: list[str] = []

    async def is_initialised(self, name: str) -> bool:
        return name in self.initialised

    async def init(self, name: str, version: str) -> None:
        """Write an empty data directory; on one with data that destroys it."""
        self.commands.append(f"init {name}")
        self.initialised[name] = version

    async def set_members(self, name: str, count: int) -> None:
        self.members[name] = count

    async def backup(self, name: str) -> None:
        if name not in self.backups:
            self.backups.append(name)


class DatabaseSpec(APIModel):
    version: str = "1"
    members: int = 1


class DatabaseStatus(APIModel):
    initialised: bool = False
    members: int = 0
    volume: str = ""
    conditions: Conditions = Conditions()


@resource(group="testing.example.com", version="v1")
class Database(CustomResource):
    spec: DatabaseSpec = DatabaseSpec()
    status: DatabaseStatus | None = None


class DatabaseReconciler(Reconciler):
    """Keeps a ConfigMap and a volume, initialises the engine once, and takes a backup before it lets go."""

    def __init__(self, client: Client, reader: Reader, engine: Engine) -> None:
        super().__init__(client)
        self.reader = reader
        self.engine = engine

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).for_(Database).owns(ConfigMap).owns(PersistentVolumeClaim).complete(self)

    async def reconcile(self, request: Request) -> Result:
        database = await self.client.find(Database, request.name, namespace=request.namespace)
        if database is None:
            return Result()
        if database.metadata.deletionTimestamp is not None:
            return await self.delete(database)
        await add_finalizer(self.client, database, FINALIZER)
        await self.volume(database)
        await self.settings(database)
        await self.initialise(database)
        await self.scale(database)
        await self.report(database)
        return Result()

    async def delete(self, database: Database) -> Result:
        if FINALIZER in (database.metadata.finalizers or ()):
            await self.engine.backup(database.key.name)
            await remove_finalizer(self.client, database, FINALIZER)
        return Result()

    async def volume(self, database: Database) -> None:
        claim = PersistentVolumeClaim(
            metadata=ObjectMeta(name=f"{database.key.name}-data", namespace=database.key.namespace),
            spec=PersistentVolumeClaimSpec(
                accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "1Gi"})
            ),
        )
        set_controller_reference(database, claim)
        await self.client.apply(claim)

    async def settings(self, database: Database) -> None:
        wanted = ConfigMap(
            metadata=ObjectMeta(name=database.key.name, namespace=database.key.namespace),
            data={"version": database.spec.version, "members": str(database.spec.members)},
        )
        set_controller_reference(database, wanted)
        await self.client.apply(wanted)

    async def initialise(self, database: Database) -> None:
        if not await self.engine.is_initialised(database.key.name):
            await self.engine.init(database.key.name, database.spec.version)

    async def scale(self, database: Database) -> None:
        await self.engine.set_members(database.key.name, database.spec.members)

    async def report(self, database: Database) -> None:
        status = database.status or DatabaseStatus()
        changed = (status.initialised, status.members) != (True, database.spec.members)
        status.initialised, status.members = True, database.spec.members
        changed |= status.conditions.set(
            "Ready", True, reason="Running", observed_generation=database.metadata.generation
        )
        if changed:
            database.status = status
            await self.client.apply_status(database)


# One mistake each.


class RepeatsCommandOnStaleCache(DatabaseReconciler):
    """Trusts its memory, and after a start its status in a cache that may be older than its own write."""

    def __init__(self, client: Client, reader: Reader, engine: Engine) -> None:
        super().__init__(client, reader, engine)
        self.done: set[str] = set()

    async def initialise(self, database: Database) -> None:
        name = database.key.name
        if name not in self.done and (database.status is None or not database.status.initialised):
            self.done.add(name)
            await self.engine.init(name, database.spec.version)


class LosesInitLatch(DatabaseReconciler):
    """Notes that it will initialise before it does, and never looks again."""

    async def initialise(self, database: Database) -> None:
        annotations = database.metadata.annotations or {}
        if "initialised" not in annotations:
            patch = {"metadata": {"annotations": {"initialised": "true"}}}
            await self.client.patch(Database, database.key.name, patch, namespace=database.key.namespace)
            await self.engine.init(database.key.name, database.spec.version)


class LeavesOrphanAfterLostAnswer(DatabaseReconciler):
    """Creates under a generated name, and remembers the name afterwards: a lost answer is a lost object."""

    async def volume(self, database: Database) -> None:
        status = database.status or DatabaseStatus()
        if status.volume:
            return
        claim = PersistentVolumeClaim(
            metadata=ObjectMeta(generateName=f"{database.key.name}-", namespace=database.key.namespace),
            spec=PersistentVolumeClaimSpec(
                accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "1Gi"})
            ),
        )
        set_controller_reference(database, claim)
        created = await self.client.create(claim)
        assert created.metadata is not None
        status.volume = created.metadata.name or ""
        database.status = status
        database.status = (await self.client.apply_status(database)).status


class MissesDeletion(DatabaseReconciler):
    """Takes the backup when it is told of the deletion, instead of holding the object with a finalizer."""

    async def reconcile(self, request: Request) -> Result:
        database = await self.client.find(Database, request.name, namespace=request.namespace)
        if database is None:
            if await self.engine.is_initialised(request.name):
                await self.engine.backup(request.name)
            return Result()
        await self.volume(database)
        await self.settings(database)
        await self.initialise(database)
        await self.scale(database)
        await self.report(database)
        return Result()


class RemovesFinalizerBeforeItsWork(DatabaseReconciler):
    """Lets go first and takes the backup afterwards."""

    async def delete(self, database: Database) -> Result:
        if FINALIZER in (database.metadata.finalizers or ()):
            await remove_finalizer(self.client, database, FINALIZER)
            await self.engine.backup(database.key.name)
        return Result()


class ReadsStatusAsTruth(DatabaseReconciler):
    """Scales only if the status says so: after the engine and before the status, the two never meet again."""

    async def scale(self, database: Database) -> None:
        status = database.status or DatabaseStatus()
        if status.members != database.spec.members:
            status.members = database.spec.members
            database.status = status
            database.status = (await self.client.apply_status(database)).status
            await self.engine.set_members(database.key.name, database.spec.members)


class LeavesItsSettings(DatabaseReconciler):
    """Makes a ConfigMap that nothing owns, and forgets it."""

    async def settings(self, database: Database) -> None:
        place = ObjectMeta(name=database.key.name, namespace=database.key.namespace)
        data = {"version": database.spec.version, "members": str(database.spec.members)}
        await self.client.apply(ConfigMap(metadata=place, data=data))


class DrawsAPassword(DatabaseReconciler):
    """Is correct: a value that it draws once differs from run to run."""

    async def settings(self, database: Database) -> None:
        if await self.client.find(ConfigMap, database.key) is None:
            wanted = ConfigMap(
                metadata=ObjectMeta(name=database.key.name, namespace=database.key.namespace),
                data={"password": secrets.token_urlsafe(24)},
            )
            set_controller_reference(database, wanted)
            await self.client.create(wanted)


class NamesFromCounter(DatabaseReconciler):
    """Counts in memory, which begins anew with the process."""

    def __init__(self, client: Client, reader: Reader, engine: Engine) -> None:
        super().__init__(client, reader, engine)
        self.written: dict[str, str] = {}
        self.count = 0

    async def settings(self, database: Database) -> None:
        wanted = f"{database.spec.version} {database.spec.members}"
        if self.written.get(database.key.name) == wanted:
            return
        self.count += 1
        settings = ConfigMap(
            metadata=ObjectMeta(name=f"{database.key.name}-{self.count}", namespace=database.key.namespace),
            data={"version": database.spec.version, "members": str(database.spec.members)},
        )
        set_controller_reference(database, settings)
        await self.client.apply(settings)
        self.written[database.key.name] = wanted


class FightsAnotherManager(DatabaseReconciler):
    """Applies a field by force that another controller applies too, each with its own value."""

    def setup_with_manager(self, manager: Manager) -> None:
        super().setup_with_manager(manager)
        manager.setup(OtherManager)

    async def settings(self, database: Database) -> None:
        await super().settings(database)
        await label(self.client, database, "database")


class OtherManager(Reconciler):
    """Wants another value, once there is a first."""

    def setup_with_manager(self, manager: Manager) -> None:
        controller_managed_by(manager).named("other").for_(Database).owns(ConfigMap).complete(self)

    async def reconcile(self, request: Request) -> Result:
        database = await self.client.find(Database, request.name, namespace=request.namespace)
        if database is not None and database.spec.members > 1:
            await label(self.client, database, "other")
        return Result()


async def label(client: Client, database: Database, value: str) -> None:
    place = ObjectMeta(name=database.key.name, namespace=database.key.namespace, labels={"owner": value})
    await client.apply(ConfigMap(metadata=place), field_manager=value)


class OverwritesOthers(DatabaseReconciler):
    """Sends all labels where it means its own."""

    async def settings(self, database: Database) -> None:
        wanted = {"version": database.spec.version, "members": str(database.spec.members)}

        def fill(settings: ConfigMap) -> None:
            assert settings.metadata is not None
            set_controller_reference(database, settings)
            settings.metadata.labels = {"app": database.key.name}
            settings.data = wanted

        found = await self.client.find(ConfigMap, database.key)
        if found is None or found.data != wanted:
            place = ObjectMeta(name=database.key.name, namespace=database.key.namespace)
            await create_or_update(self.client, ConfigMap(metadata=place), fill)


class BlocksTheLoop(DatabaseReconciler):
    """Waits without letting anything else run."""

    async def scale(self, database: Database) -> None:
        time.sleep(1.1)  # noqa: ASYNC251 - the mistake
        await super().scale(database)


class BlocksTheLoopOnce(DatabaseReconciler):
    """Waits so when an object goes, once in a run."""

    async def delete(self, database: Database) -> Result:
        time.sleep(1.1)  # noqa: ASYNC251 - the mistake
        return await super().delete(database)


class ImportsSlowly(DatabaseReconciler):
    """Imports a module when it is first needed."""

    is_imported = False

    async def scale(self, database: Database) -> None:
        if not ImportsSlowly.is_imported:
            ImportsSlowly.is_imported = True  # as sys.modules does
            time.sleep(1.1)  # noqa: ASYNC251 - as a large package
        await super().scale(database)


class DatabaseScenario(Scenario):
    """A database is created, gets another member, and goes."""

    kinds = (Database,)
    reconciler: ClassVar[type[DatabaseReconciler]] = DatabaseReconciler

    def operator(self, manager: Manager) -> None:
        manager.setup(self.reconciler)

    def outside(self) -> Mapping[type[Any], object]:
        return {Engine: Engine()}

    @step
    async def create(self, cluster: Cluster) -> None:
        await cluster.client.create(
            Database.model_validate({"metadata": {"name": "a", "namespace": cluster.namespace}})
        )

    @step
    async def grow(self, cluster: Cluster) -> None:
        await cluster.client.patch(Database, "a", {"spec": {"members": 3}}, namespace=cluster.namespace)

    @step
    async def delete(self, cluster: Cluster) -> None:
        await cluster.client.delete(Database, "a", namespace=cluster.namespace)

    async def settled(self, cluster: Cluster) -> object:
        try:
            found = await cluster.client.get(Database, "a", namespace=cluster.namespace)
        except NotFoundError:
            return True
        return found.status is not None and found.status.conditions.is_true("Ready")

    @invariant
    async def data_is_never_overwritten(self, cluster: Cluster) -> None:
        commands = cluster.outside(Engine).commands
        assert len(commands) <= 1, f"initialised {len(commands)} times"


class Shared(DatabaseScenario):
    """Another writer labels the operator's ConfigMap."""

    @step
    async def grow(self, cluster: Cluster) -> None:
        place = ObjectMeta(name="a", namespace=cluster.namespace, labels={"team": "blue"})
        await cluster.client.apply(ConfigMap(metadata=place), field_manager="helm")
        await super().grow(cluster)
