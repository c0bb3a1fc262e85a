"""The fault kit: kill, blind and refuse an operator at every place, and compare where it ends.

See docs/faults.md, and "Automatic Reliability Testing for Cluster Management Controllers" (OSDI 2022) for the patterns.
"""

from kaiwu_runtime.testing.faults._campaign import Finding, Report, check
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._plans import Plan
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, invariant, kinds_of, step

__all__ = ["Cluster", "Finding", "Outcome", "Plan", "Report", "Scenario", "check", "invariant", "kinds_of", "step"]
