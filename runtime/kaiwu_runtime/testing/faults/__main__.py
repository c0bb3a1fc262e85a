"""`python -m kaiwu_runtime.testing.faults [SCENARIO]`: what ``make test-faults`` runs."""

from __future__ import annotations

import sys

from kaiwu_runtime.testing.faults._cli import main

if __name__ == "__main__":
    sys.exit(main())
