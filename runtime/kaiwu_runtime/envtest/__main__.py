"""`python -m kaiwu_runtime.envtest`: a control plane, from a shell."""

import sys

from kaiwu_runtime._program import run

if __name__ == "__main__":
    sys.exit(run("kaiwu_runtime.envtest._cli"))
