"""Runs the generator's command line."""

import sys

from kaiwu_runtime.generator._cli import main

if __name__ == "__main__":
    sys.exit(main())
