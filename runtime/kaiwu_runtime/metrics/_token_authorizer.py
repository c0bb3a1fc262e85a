"""Authorise readers of the metrics: the API server reviews bearer tokens, and its decisions are cached.

A TokenReview returns the user of a token, a SubjectAccessReview whether that user may ``get`` the path. Peers that are
not authenticated yet can cause only a limited rate of reviews, and callers that were authorised before do not wait for
them.

See https://kubernetes.io/docs/reference/access-authn-authz/webhook/
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

from lightkube.models.authentication_v1 import TokenReviewSpec
from lightkube.models.authorization_v1 import NonResourceAttributes, SubjectAccessReviewSpec
from lightkube.resources.authentication_v1 import TokenReview
from lightkube.resources.authorization_v1 import SubjectAccessReview

from kaiwu_runtime import _callback as callback
from kaiwu_runtime.errors import APIConnectionError

if TYPE_CHECKING:
    from kaiwu_runtime.client._client import Client

ALLOWED_SECONDS = 60.0
REFUSED_SECONDS = 10.0
"""How long answers are remembered, as the API server's own authenticator does."""

MAX_REMEMBERED = 1000
MAX_QUESTIONS = 8
MAX_ASKING = 128
"""How many questions may wait or be under way; those whose peer has gone count too."""

QUESTIONS_PER_SECOND = 20.0
BURST = 40.0
WAIT_SECONDS = 5.0
ANSWER_SECONDS = 10.0

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""See https://www.rfc-editor.org/rfc/rfc6750#section-2.1"""

_Key = tuple[bytes, str, str]


class TooManyQuestionsError(APIConnectionError):
    """Too many unknown tokens at the same time."""


class TokenAuthorizer:
    """Asks the API server about callers.

    Args:
        client: May create TokenReviews and SubjectAccessReviews.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        # Apart, so that no number of unknown tokens makes it forget a known one.
        self._allowed: OrderedDict[_Key, float] = OrderedDict()
        self._refused: OrderedDict[_Key, tuple[float, int]] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[int]] = {}
        self._questions = asyncio.Semaphore(MAX_QUESTIONS)
        self._credit = BURST
        self._credited = time.monotonic()

    async def __call__(self, token: str, path: str, verb: str = "get") -> int:
        """Return 200 when the token's owner may use the verb on the path, 401 when the token is not valid, else 403.

        Raises:
            APIError: The API server could not be asked, or not soon enough.
        """
        if not _TOKEN.fullmatch(token):
            return 401
        # A digest, so that no token lies in memory for longer than its request.
        key = (hashlib.sha256(token.encode()).digest(), path, verb)
        now = time.monotonic()
        allowed = self._allowed.get(key)
        if allowed is not None and now < allowed:
            self._allowed.move_to_end(key)
            return 200
        refused = self._refused.get(key)
        if refused is not None and now < refused[0]:
            return refused[1]
        question = self._asking.get(key)
        if question is None:
            if allowed is None and len(self._asking) >= MAX_ASKING:
                raise TooManyQuestionsError("too many unknown tokens at the same time")
            question = asyncio.create_task(self._question(key, token, known=allowed is not None))
            self._asking[key] = question
            question.add_done_callback(lambda done: self._asked(key, done))
        # Shielded: others may wait for the same answer, and it is remembered whether or not the peer stays.
        return await asyncio.shield(question)

    async def close(self) -> None:
        """Ask nothing more: end the questions whose callers have gone."""
        questions = [*self._asking.values()]
        for question in questions:
            question.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    async def _question(self, key: _Key, token: str, *, known: bool) -> int:
        if not known:
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await self._questions.acquire()
            except TimeoutError:
                raise TooManyQuestionsError("too many unknown tokens at the same time") from None
        try:
            if not known:
                await self._pace()
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await callback.wait(self._ask(token, *key[1:]))
        except TimeoutError:
            raise APIConnectionError(f"no answer about a token within {ANSWER_SECONDS:g} s") from None
        finally:
            if not known:
                self._questions.release()
        self._remember(key, status)
        return status

    async def _pace(self) -> None:
        """Wait until one more question about an unknown token is due."""
        now = time.monotonic()
        self._credit = min(BURST, self._credit + (now - self._credited) * QUESTIONS_PER_SECOND) - 1.0
        self._credited = now
        if self._credit < 0:
            await asyncio.sleep(-self._credit / QUESTIONS_PER_SECOND)

    def _remember(self, key: _Key, status: int) -> None:
        now = time.monotonic()
        self._allowed.pop(key, None)
        self._refused.pop(key, None)
        if status == 200:
            self._allowed[key] = now + ALLOWED_SECONDS
        else:
            self._refused[key] = (now + REFUSED_SECONDS, status)
        if len(self._allowed) > MAX_REMEMBERED:
            self._allowed.popitem(last=False)
        if len(self._refused) > MAX_REMEMBERED:
            self._refused.popitem(last=False)

    def _asked(self, key: _Key, question: asyncio.Task[int]) -> None:
        del self._asking[key]
        if not question.cancelled():
            question.exception()  # retrieved: the requests that waited for it may be gone

    async def _ask(self, token: str, path: str, verb: str) -> int:
        review = await self._client.create(TokenReview(spec=TokenReviewSpec(token=token)))
        if review.status is None or not review.status.authenticated or review.status.user is None:
            return 401
        user = review.status.user
        access = await self._client.create(
            SubjectAccessReview(
                spec=SubjectAccessReviewSpec(
                    user=user.username,
                    uid=user.uid,
                    groups=user.groups,
                    extra=user.extra,
                    nonResourceAttributes=NonResourceAttributes(path=path, verb=verb),
                )
            )
        )
        return 200 if access.status is not None and access.status.allowed else 403
