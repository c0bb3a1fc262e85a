from __future__ import annotations

import io

import pytest

from kaiwu_runtime.envtest._progress import Step
from kaiwu_runtime.envtest._terminal import TerminalProgress, describe


@pytest.mark.parametrize(
    ("step", "elapsed", "line"),
    [
        (Step("looking"), 0.2, "looking"),
        (Step("waiting"), 61.5, "waiting (1:01)"),
        (Step("fetching", 12, unit="modules"), 3, "fetching: 12 modules (0:03)"),
        (Step("loading", 2_500_000, unit="bytes"), 3, "loading: 2.5 MB (0:03)"),
        (
            Step("building", 50, 200, "packages"),
            75,
            f"building [{'#' * 6}{'-' * 18}] 25% of 200 packages (1:15)",
        ),
        (Step("loading", 9, 8, "bytes"), 0, f"loading [{'#' * 24}] 100% of 0.0 MB (0:00)"),
    ],
)
def test_describe(step: Step, elapsed: float, line: str) -> None:
    assert describe(step, elapsed) == line


def test_without_a_terminal_every_step_is_one_line() -> None:
    stream = io.StringIO()
    with TerminalProgress(stream) as progress:
        for done in range(100):
            progress(Step("building", done, 100, "packages"))
        progress(Step("done"))
    lines = stream.getvalue().splitlines()
    assert len(lines) == 2
    assert "\r" not in stream.getvalue()


def test_on_a_terminal_the_line_is_redrawn_and_taken_away() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with TerminalProgress(stream) as progress:
        progress(Step("building", 1, 100, "packages"))
        progress(Step("linking"))
    assert stream.getvalue().startswith("\r\x1b[Kbuilding [")
    assert stream.getvalue().endswith("\n\r\x1b[Klinking\r\x1b[K")
