"""What the fake costs a test: every kind of call is measured and printed."""

from __future__ import annotations

import pytest

from benchmarks import fake


def test_the_table_has_every_kind_of_call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "ROUNDS", 1)
    monkeypatch.setattr(fake, "CALLS", 2)
    assert fake.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 6
    assert any("pass of a reconciler with four children" in line for line in lines)
