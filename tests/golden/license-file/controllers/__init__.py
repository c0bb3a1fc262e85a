# Copyright 2026 The Kaiwu Authors.
#
# All rights reserved.

"""The controllers. main.py runs every Reconciler in a `*_controller.py` module below this package."""
