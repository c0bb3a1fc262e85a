"""The printed tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from .figures import FIGURES, Figure, Sample, ratios
from .targets import judge

REFERENCE = "controller-runtime"
# The reference instead, when the run is to compare two versions of the runtime.
BASELINE = "baseline"


def number(figure: Figure, value: float) -> str:
    """Return a value as the tables show it."""
    return f"{value:,.{figure.digits}f}"


def figures_table(title: str, summary: Mapping[str, Sample]) -> Table:
    """Return medians, with the ratio to the reference below each; contenders are columns."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("median")
    for name in summary:
        table.add_column(name, justify="right")
    reference = BASELINE if BASELINE in summary else REFERENCE
    relative = ratios(summary, reference)
    for figure in FIGURES:
        cells = []
        for name, values in summary.items():
            ratio = relative.get(name, {}).get(figure.key)
            value = number(figure, values[figure.key]) if figure.key in values else "-"
            cells.append(value if ratio is None or name == reference else f"{value} [dim]{ratio:.2f} x[/]")
        table.add_row(f"{figure.title} [dim]{figure.unit}[/]", *cells)
    return table


def targets_table(summary: Mapping[str, Sample]) -> Table:
    """Return each target with what was measured."""
    table = Table(title="kaiwu-runtime as a ratio to", title_justify="left", title_style="bold")
    for heading in ("target", "to", "bound", "measured", ""):
        table.add_column(heading, justify="right" if heading in {"bound", "measured"} else "left")
    titles = {figure.key: figure.title for figure in FIGURES}
    for verdict in judge(summary):
        measured = "-" if verdict.ratio is None else f"{verdict.ratio:.2f}"
        word = {None: "[dim]not measured[/]", True: "[green]met[/]", False: "[red]missed[/]"}[verdict.met]
        target = verdict.target
        table.add_row(titles[target.figure], target.reference, verdict.bound, measured, word)
    return table


def failures_table(failures: Sequence[tuple[str, str]]) -> Table:
    """Return the contenders that did not do their work, with the reasons."""
    table = Table(title="Failed", title_justify="left", title_style="bold red")
    table.add_column("contender")
    table.add_column("what was wrong", overflow="fold")
    for name, reason in failures:
        table.add_row(name, reason.replace("[", "\\["))
    return table
