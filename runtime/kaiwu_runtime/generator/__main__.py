"""`python -m kaiwu_runtime.generator`: what `make generate` and `make manifests` run."""

import sys

from kaiwu_runtime._program import run

if __name__ == "__main__":
    sys.exit(run("kaiwu_runtime.generator._cli"))
