"""A stand-in is used as client libraries are: through sessions, parts, generators and special methods."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, ClassVar

import pytest

from kaiwu_runtime import Client, Request, Result
from kaiwu_runtime.testing.faults import Cluster, Plan, Scenario
from kaiwu_runtime.testing.faults._run import run

from .workers import Once, Worker


class Part:
    """A handle: what it does, it does to the bank."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    async def pay(self) -> None:
        self._bank.paid += 1

    def pay_at_once(self) -> None:
        self._bank.paid += 1

    async def __aenter__(self) -> Part:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None


class Payment:
    """Is awaited, but no coroutine."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def __await__(self) -> Generator[Any, Any, None]:
        yield from asyncio.sleep(0.1).__await__()
        self._bank.paid += 1


class Transfer:
    """Pays when a block is left."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._bank.paid += 1


class Bank:
    def __init__(self) -> None:
        self.paid = 0
        self.limit = 0
        self.part = Part(self)

    async def balance(self) -> int:
        return self.paid

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[Part]:
        yield Part(self)

    @contextmanager
    def block(self) -> Generator[Part]:
        yield Part(self)

    def connect(self) -> Part:
        return Part(self)

    async def parts(self) -> list[Part]:
        return [Part(self)]

    def transfer(self) -> Transfer:
        return Transfer(self)

    def payment(self) -> Payment:
        return Payment(self)

    def delegated(self) -> Coroutine[Any, Any, None]:
        return self.part.pay()

    async def payments(self) -> AsyncGenerator[int]:
        self.paid += 1
        yield self.paid

    def plain_payments(self) -> Generator[int]:
        self.paid += 1
        yield self.paid

    async def pay_part(self, part: Part) -> None:
        assert type(part) is Part, "it gets its own object"
        self.paid += 1

    async def pay_slowly(self) -> None:
        self.paid += 1
        await asyncio.sleep(60)

    async def __aenter__(self) -> Bank:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def __call__(self, *, amount: int) -> None:
        self.paid += amount

    def __setitem__(self, name: str, amount: int) -> None:
        self.paid += amount


async def in_a_session(bank: Bank) -> None:
    async with bank.session() as session:
        await session.pay()


async def in_a_plain_block(bank: Bank) -> None:
    with bank.block() as part:
        part.pay_at_once()


async def in_a_block_of_its_own(bank: Bank) -> None:
    async with bank as entered, entered.connect() as part:
        await part.pay()


async def by_leaving(bank: Bank) -> None:
    with bank.transfer():
        pass


async def by_a_part(bank: Bank) -> None:
    await bank.part.pay()


async def by_a_part_in_a_list(bank: Bank) -> None:
    for part in await bank.parts():
        await part.pay()


async def with_a_part(bank: Bank) -> None:
    await bank.pay_part(bank.connect())


async def in_a_thread(bank: Bank) -> None:
    await asyncio.to_thread(bank.connect().pay_at_once)


async def by_a_delegated_coroutine(bank: Bank) -> None:
    await bank.delegated()


async def by_an_awaitable(bank: Bank) -> None:
    await bank.payment()


async def by_an_async_generator(bank: Bank) -> None:
    assert len([amount async for amount in bank.payments()]) == 1


async def by_a_generator(bank: Bank) -> None:
    assert len(list(bank.plain_payments())) == 1


async def by_calling_it(bank: Bank) -> None:
    await bank(amount=1)


async def by_an_item(bank: Bank) -> None:
    bank["a"] = 1


async def cut_short(bank: Bank) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(bank.pay_slowly(), 1)


WAYS: list[Callable[[Bank], Awaitable[None]]] = [
    in_a_session,
    in_a_plain_block,
    in_a_block_of_its_own,
    by_leaving,
    by_a_part,
    by_a_part_in_a_list,
    with_a_part,
    in_a_thread,
    by_a_delegated_coroutine,
    by_an_awaitable,
    by_an_async_generator,
    by_a_generator,
    by_calling_it,
    by_an_item,
    cut_short,
]


class Pays(Worker):
    """Pays once, if it asks first."""

    way: ClassVar[Callable[[Bank], Awaitable[None]]]
    asks: ClassVar[bool] = True

    def __init__(self, client: Client, bank: Bank) -> None:
        super().__init__(client, bank)  # type: ignore[arg-type]
        self.bank = bank
        self.bank.limit = 5
        assert isinstance(bank, Bank)

    async def reconcile(self, request: Request) -> Result:
        if not (self.asks and await self.bank.balance()):
            await type(self).way(self.bank)
        return Result()


def scene(way: Callable[[Bank], Awaitable[None]], *, asks: bool) -> type[Scenario]:
    class Scene(Once):
        worker = type("Paying", (Pays,), {"way": staticmethod(way), "asks": asks})

        def outside(self) -> Mapping[type[Any], object]:
            return {Bank: Bank()}

        async def settled(self, cluster: Cluster) -> object:
            return cluster.outside(Bank).limit == 5

    return Scene


@pytest.mark.parametrize("way", WAYS)
def test_a_call_is_an_effect_in_whatever_way_it_is_made(way: Callable[[Bank], Awaitable[None]]) -> None:
    careless, careful = scene(way, asks=False), scene(way, asks=True)
    reference = run(careless, Plan("none"), None, 0)
    assert (reference.failure, reference.states["create"]["outside: Bank"]["paid"]) == ("", 1)
    assert len(reference.effects) == 1, reference.effects
    again = {"kill-after:1": 2, "refuse:1:lost": 2, "refuse:1:unsent": 1}
    if way is cut_short:
        again["refuse:1:lost"] = 1  # who called did not wait for an answer
    for plan, paid in again.items():
        found = run(careless, Plan.parse(plan), reference, 0)
        assert (found.failure, found.reached) == ("", True), plan
        assert found.states["create"]["outside: Bank"]["paid"] == paid, plan
    asked = run(careful, Plan("none"), None, 0)
    for plan in again:
        found = run(careful, Plan.parse(plan), asked, 0)
        assert (found.failure, found.states["create"]["outside: Bank"]["paid"]) == ("", 1), plan
