# Copyright 2026.
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Runs the manager of kaiwu-operator; `python main.py --help` lists its flags."""

import signal
import sys

if __name__ == "__main__":
    # Until the manager runs, Ctrl-C ends the process at once, without a traceback of the imports below.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

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
