"""Runs kaiwuctl as `python -m kaiwuctl`."""

import sys

from kaiwuctl.cli import main

sys.exit(main())
