"""The benchmarks are not an installed package: the checkout must be importable."""

from __future__ import annotations

import sys
from pathlib import Path

# Last: the installed kaiwuctl and kaiwu_runtime come before the source trees beside it.
sys.path.append(str(Path(__file__).resolve().parents[2]))
