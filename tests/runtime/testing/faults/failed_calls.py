"""Operators of the database that handle the failure of a call to it: one well, the others with one mistake each."""

from __future__ import annotations

from contextlib import suppress

from kaiwu_runtime import Client, Reader
from kaiwu_runtime.testing.faults import Plan, Report, check

from .database import Database, DatabaseReconciler, DatabaseScenario, Engine


class UnavailableError(Exception):
    """What a client library raises."""


class UnreachableError(UnavailableError):
    """What it raises without a connection: the command was not run."""


class Unavailable(DatabaseScenario):
    """Its engine fails as the client library lets it."""

    def failure(self, kind: type[object], call: str, lost: bool) -> Exception:
        assert kind is Engine
        return UnavailableError(f"{call}: no answer") if lost else UnreachableError(f"{call}: no connection")


class LooksAgain(DatabaseReconciler):
    """Is correct: after a failure it asks what the command has done."""

    async def initialise(self, database: Database) -> None:
        name = database.key.name
        if await self.engine.is_initialised(name):
            return
        try:
            await self.engine.init(name, database.spec.version)
        except UnavailableError:
            if not await self.engine.is_initialised(name):
                raise


class RepeatsWithoutConnection(DatabaseReconciler):
    """Is correct: it sends at once what was not sent."""

    async def initialise(self, database: Database) -> None:
        try:
            await super().initialise(database)
        except UnreachableError:
            await super().initialise(database)


class TakesFailureForDone(DatabaseReconciler):
    """Passes over a command that failed, and reports that all is well."""

    async def scale(self, database: Database) -> None:
        if database.status is not None and database.status.members == database.spec.members:
            return
        with suppress(UnavailableError):
            await super().scale(database)


class NotesItFirst(DatabaseReconciler):
    """Remembers that the command was sent before it is: a new process would send it, and this one does not."""

    def __init__(self, client: Client, reader: Reader, engine: Engine) -> None:
        super().__init__(client, reader, engine)
        self.started: set[str] = set()

    async def initialise(self, database: Database) -> None:
        if database.key.name not in self.started:
            self.started.add(database.key.name)
            await super().initialise(database)


class RepeatsWithoutLooking(DatabaseReconciler):
    """Takes an answer that is missing for a command that was not run."""

    async def initialise(self, database: Database) -> None:
        name = database.key.name
        if await self.engine.is_initialised(name):
            return
        try:
            await self.engine.init(name, database.spec.version)
        except UnavailableError:
            await self.engine.init(name, database.spec.version)


class TakesFailureForAbsence(DatabaseReconciler):
    """Initialises a database that does not say whether it is initialised."""

    async def initialise(self, database: Database) -> None:
        name = database.key.name
        is_initialised = False
        with suppress(UnavailableError):
            is_initialised = await self.engine.is_initialised(name)
        if not is_initialised:
            await self.engine.init(name, database.spec.version)


def campaign(reconciler: type[DatabaseReconciler], *, plan: str = "") -> Report:
    """Run the plans of an operator, or one."""
    kind = type(reconciler.__name__, (Unavailable,), {"reconciler": reconciler})
    return check(kind, plan=Plan.parse(plan) if plan else None, seed=1, budget=None)
