"""Runs the generator's command line."""

import sys

from kaiwu_runtime.generator.cli import main

if __name__ == "__main__":
    sys.exit(main())
