#!/bin/sh
# Makes the container ready to work in: the virtual environment, and the API server that the tests use.
set -eu
make generate
.venv/bin/python -m kaiwu_runtime.envtest setup
