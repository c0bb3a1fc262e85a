"""The delays of a client that cannot reach the API server."""

from __future__ import annotations

import pytest

from kaiwu_runtime._back_off import back_off


@pytest.mark.parametrize(("failures", "due"), [(0, 0.8), (1, 1.6), (5, 25.6), (6, 30.0), (2000, 30.0)])
def test_the_wait_doubles_up_to_a_cap_however_many_failures(failures: int, due: float) -> None:
    """Two thousand are a night without an API server; 2**2000 is not a float."""
    waits = [back_off(failures, first=0.8, max_delay=30.0) for _ in range(200)]
    assert all(due / 2 <= wait <= due for wait in waits)
    assert len(set(waits)) > 100
