# Copyright 2026 The Kaiwu Authors.
#
# All rights reserved.

"""Runs the manager of kaiwu-operator; `python main.py --help` lists its flags."""

import sys

from kaiwu_runtime import Manager, ManagerOptions

import controllers


def main() -> int:
    """Run until SIGTERM or Ctrl-C and return the exit status."""
    options = ManagerOptions.from_args(
        field_manager="kaiwu-operator",
        leader_election_id="89fc2187.inspur.com",
    )
    manager = Manager(options)
    manager.discover(controllers)
    return manager.run()


if __name__ == "__main__":
    sys.exit(main())
