"""Stories that the simulator plays, on an API server in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from kaiwu_runtime import Client
from kaiwu_runtime.testing import FakeTransport, Simulator, virtual_time

Story = Callable[[Client, Simulator, str], Awaitable[None]]


def writes_at_rest(story: Story, **options: Any) -> int:
    """Play a story in virtual time, and return how many writes there are in the hour after it has settled.

    Args:
        story: It gets a client, the simulator and a namespace.
        options: Of the simulator.
    """
    with virtual_time() as clock:

        async def main() -> int:
            fake = FakeTransport(collect_garbage=True)
            client = Client(fake)
            async with Simulator(client, **options) as simulator:
                await story(client, simulator, "x")
                await clock.advance(30)
                version = fake.version
                await clock.advance(3600)
                return fake.version - version

        return clock.run(main())
