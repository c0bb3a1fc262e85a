"""`python -m kaiwu_runtime.image`: what `make build` runs."""

import sys

from kaiwu_runtime._program import run

if __name__ == "__main__":
    sys.exit(run("kaiwu_runtime.image._cli"))
