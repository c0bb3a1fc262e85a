"""An SVG with a panel of bars per figure, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from .figures import FIGURES, Sample
from .report import number

SHOWN = ("cpu_ms", "throughput_start", "throughput_change", "latency_p50_ms", "latency_p99_ms", "rss_peak_mib")
WIDTH, PANEL, BAR, LABEL, TOP = 760, 24, 20, 150, 56

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.note, .unit { fill: #59636e; }
.head { font-weight: 600; }
.bar { fill: #8c959f; }
.own { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .note, .unit { fill: #9198a1; }
  .bar { fill: #6e7681; }
  .own { fill: #4493f8; }
}
"""


def draw(title: str, note: str, summary: Mapping[str, Sample], own: str) -> str:
    """Return the chart of one configuration as SVG text.

    Args:
        title: Above the panels.
        note: One line below the title.
        summary: Medians by contender.
        own: The contender that stands out.
    """
    parts: list[str] = []
    y = TOP
    for figure in (figure for figure in FIGURES if figure.key in SHOWN):
        rows = [(name, values[figure.key]) for name, values in summary.items() if figure.key in values]
        if not rows:
            continue
        better = "more is better" if figure.more_is_better else "less is better"
        y += PANEL
        parts.append(
            f'<text class="head" x="16" y="{y}">{escape(figure.title)}, {escape(figure.unit)} '
            f'<tspan class="unit" font-weight="400">({better})</tspan></text>'
        )
        longest = max(value for _, value in rows) or 1.0
        for name, value in rows:
            y += BAR
            width = max(1.0, (WIDTH - LABEL - 90) * value / longest)
            kind = "bar own" if name == own else "bar"
            parts.append(f'<text x="16" y="{y}">{escape(name)}</text>')
            parts.append(f'<rect class="{kind}" x="{LABEL}" y="{y - 12}" width="{width:.1f}" height="14" rx="2"/>')
            parts.append(f'<text x="{LABEL + width + 8:.1f}" y="{y}">{number(figure, value)}</text>')
        y += 10
    height = y + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">\n<style>{STYLE}</style>\n'
        f'<text class="title" x="16" y="28">{escape(title)}</text>\n'
        f'<text class="note" x="16" y="48">{escape(note)}</text>\n' + "\n".join(parts) + "\n</svg>\n"
    )
