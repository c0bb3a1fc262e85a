"""What callers of the metrics can cause at the API server before they are authenticated, and what its failures mean."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import cast

import pytest
from prometheus_client import CollectorRegistry

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError, DecodeError, ServerError
from kaiwu_runtime.metrics import _token_authorizer as module
from kaiwu_runtime.metrics._server import MetricsServer
from kaiwu_runtime.metrics._token_authorizer import (
    MAX_QUESTIONS,
    MAX_REMEMBERED,
    TokenAuthorizer,
    TooManyQuestionsError,
)

from ..cancelling import nothing_left


class Counting(TokenAuthorizer):
    """Knows one token, and counts the questions."""

    def __init__(self) -> None:
        super().__init__(cast("Client", None))
        self.questions: list[str] = []
        self.at_once = 0
        self.most_at_once = 0
        self.answer = asyncio.Event()
        self.answer.set()

    async def _ask(self, token: str, path: str, verb: str) -> int:
        self.questions.append(token)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.answer.wait()
            await asyncio.sleep(0)
        finally:
            self.at_once -= 1
        return {"good": 200, "poor": 403}.get(token, 401)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUESTIONS_PER_SECOND", 1e6)
    monkeypatch.setattr(module, "BURST", 1e6)


@pytest.mark.usefixtures("fast")
async def test_callers_with_one_token_are_one_question() -> None:
    authorizer = Counting()
    for token, status in (("good", 200), ("poor", 403), ("other", 401)):
        assert await asyncio.gather(*(authorizer(token, "/metrics") for _ in range(50))) == [status] * 50
    assert authorizer.questions == ["good", "poor", "other"]


@pytest.mark.usefixtures("fast")
async def test_unknown_tokens_do_not_make_a_known_one_forgotten() -> None:
    authorizer = Counting()
    assert await authorizer("good", "/metrics") == 200
    for number in range(3 * MAX_REMEMBERED):
        assert await authorizer(f"t{number}", "/metrics") == 401
    assert await authorizer("good", "/metrics") == 200
    assert authorizer.questions.count("good") == 1
    assert len(authorizer._refused) == MAX_REMEMBERED


@pytest.mark.usefixtures("fast")
async def test_unknown_tokens_wait_for_each_other_and_known_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    authorizer = Counting()
    monkeypatch.setattr(module, "ALLOWED_SECONDS", 0.0)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.2)
    assert await authorizer("good", "/metrics") == 200
    authorizer.answer.clear()
    flood = [asyncio.create_task(authorizer(f"t{number}", "/metrics")) for number in range(100)]
    await asyncio.sleep(0.05)
    assert authorizer.at_once == MAX_QUESTIONS
    known = asyncio.create_task(authorizer("good", "/metrics"))
    await asyncio.sleep(0.05)
    assert authorizer.questions[-1] == "good"
    done, _ = await asyncio.wait(flood, timeout=1.0)
    assert len(done) == len(flood) - MAX_QUESTIONS
    assert {type(task.exception()) for task in done} == {TooManyQuestionsError}
    authorizer.answer.set()
    assert await known == 200
    assert set(await asyncio.gather(*(task for task in flood if task not in done))) == {401}
    await asyncio.sleep(0)
    assert authorizer._asking == {}


async def test_questions_about_unknown_tokens_come_at_a_bounded_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BURST", 3.0)
    monkeypatch.setattr(module, "QUESTIONS_PER_SECOND", 0.001)
    authorizer = Counting()
    authorizer._credit = 3.0
    flood = [asyncio.create_task(authorizer(f"t{number}", "/metrics")) for number in range(20)]
    await asyncio.sleep(0.2)
    assert len(authorizer.questions) == 3
    for task in [*flood, *authorizer._asking.values()]:
        task.cancel()
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.usefixtures("fast")
async def test_a_caller_that_goes_away_does_not_cancel_the_question_of_another() -> None:
    authorizer = Counting()
    authorizer.answer.clear()
    first, second = (asyncio.create_task(authorizer("good", "/metrics")) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    authorizer.answer.set()
    assert await second == 200
    assert authorizer.questions == ["good"]


FAILURES: list[Callable[[], BaseException]] = [
    lambda: ServerError("etcd is ill", code=500),
    lambda: APIConnectionError("refused"),
    lambda: ConfigurationError("kubeconfig: no such file"),
    lambda: DecodeError("not a TokenReview", kind=object),
    lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    lambda: RuntimeError("a mistake"),
    lambda: OSError(24, "Too many open files"),
    RecursionError,
    TimeoutError,
    asyncio.CancelledError,
    lambda: SystemExit(3),
]
HEADERS: dict[str, int] = {
    "": 401, "Bearer": 401, "Bearer ": 401, "Basic eA==": 401, "Bearer a b": 401, "Bearer \xff\xfe": 401,
    "Bearer ä": 401, "Bearer " + "a" * 8000: 401, "bearer good": 200, "BEARER  good": 200, "Bearer poor": 403,
    "Bearer a,b": 401,
}  # fmt: skip


async def scrape(server: MetricsServer, header: str) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = f"Authorization: {header}\r\n" if header else ""
    writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{sent}\r\n".encode("latin-1"))
    try:
        return int((await reader.read()).split(b" ")[1])
    finally:
        writer.close()


@pytest.mark.usefixtures("fast")
async def test_every_header_and_every_failure_is_an_answer(caplog: pytest.LogCaptureFixture) -> None:
    failure: list[BaseException] = []

    class Failing(Counting):
        async def _ask(self, token: str, path: str, verb: str) -> int:
            if failure:
                raise failure[0]
            return await super()._ask(token, path, verb)

    server = MetricsServer(CollectorRegistry(), "127.0.0.1", 0, authorize=Failing())
    await server.start()
    try:
        for header, status in HEADERS.items():
            assert await scrape(server, header) == status, header
        for number, make in enumerate(FAILURES):
            caplog.clear()
            failure[:] = [make()]
            assert [await scrape(server, f"Bearer x{number}") for _ in range(3)] == [500] * 3, failure
            assert len([record for record in caplog.records if record.levelno >= logging.WARNING]) == 1
        failure.clear()
        assert await scrape(server, "Bearer good") == 200
    finally:
        await server.stop()


@pytest.mark.usefixtures("fast")
async def test_questions_of_peers_that_have_gone_do_not_pile_up() -> None:
    authorizer = Counting()
    authorizer.answer.clear()
    for number in range(1000):
        call = asyncio.create_task(authorizer(f"token{number}", "/metrics"))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    assert len(authorizer._asking) == module.MAX_ASKING
    with pytest.raises(TooManyQuestionsError):
        await authorizer("good", "/metrics")
    authorizer.answer.set()
    async with asyncio.timeout(10):
        while authorizer._asking:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await authorizer("good", "/metrics") == 200


@pytest.mark.usefixtures("fast")
async def test_a_server_that_stops_asks_nothing_more() -> None:
    authorizer = Counting()
    authorizer.answer.clear()
    server = MetricsServer(CollectorRegistry(), "127.0.0.1", 0, authorize=authorizer)
    async with nothing_left():
        await server.start()
        for number in range(MAX_QUESTIONS + 2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await scrape(server, f"Bearer token{number}")
        assert authorizer.at_once == MAX_QUESTIONS
        await server.stop()
    assert not authorizer._asking
