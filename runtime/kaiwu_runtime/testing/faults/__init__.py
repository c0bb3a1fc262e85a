"""The fault kit: kill, blind and refuse an operator at every place, and compare where it ends.

See docs/faults.md, and "Automatic Reliability Testing for Cluster Management Controllers" (OSDI 2022) for the patterns.
"""

from __future__ import annotations

from kaiwu_runtime._lazy_names import lazy_names

# Not typing's, whose import takes most of the time until a command line can report Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from kaiwu_runtime.testing.faults._campaign import Finding, Report, check
    from kaiwu_runtime.testing.faults._outcome import Outcome
    from kaiwu_runtime.testing.faults._plans import Plan
    from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, invariant, kinds_of, step

__all__ = ["Cluster", "Finding", "Outcome", "Plan", "Report", "Scenario", "check", "invariant", "kinds_of", "step"]

__getattr__ = lazy_names(
    __name__,
    {
        "Cluster": "_scenario",
        "Finding": "_campaign",
        "Outcome": "_outcome",
        "Plan": "_plans",
        "Report": "_campaign",
        "Scenario": "_scenario",
        "check": "_campaign",
        "invariant": "_scenario",
        "kinds_of": "_scenario",
        "step": "_scenario",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
