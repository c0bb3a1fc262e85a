"""`python -m kaiwu_runtime.testing.faults [SCENARIO]`: what `make test-faults` runs."""

import sys

from kaiwu_runtime._program import run

if __name__ == "__main__":
    sys.exit(run("kaiwu_runtime.testing.faults._cli"))
